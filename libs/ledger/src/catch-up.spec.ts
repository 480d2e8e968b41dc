import { CatchUp } from './catch-up';
import { VirtualTime } from './testing';

/** A reader whose readings end when they are told to, and when each began. */
const open = () => {
  const time = new VirtualTime();
  const ends: ((error?: Error) => void)[] = [];
  const catchUp = new CatchUp(
    () => new Promise((resolve, reject) => ends.push((error) => (error === undefined ? resolve() : reject(error)))),
    time.sleep,
  );
  return { time, ends, catchUp };
};

test('all who ask at once have one reading', async () => {
  const { time, ends, catchUp } = open();
  const all = Promise.all(Array.from({ length: 1_000 }, () => catchUp.now()));
  await time.pass(0);
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await all;
});

test('who asks while one is under way waits for the next, which all share and which begins after a pause', async () => {
  const { time, ends, catchUp } = open();
  const first = catchUp.now();
  await time.pass(0);
  let isDone = false;
  const later = Promise.all([catchUp.now(), catchUp.now()]).then(() => (isDone = true));
  ends[0]?.();
  await first;
  await time.pass(199);
  expect([ends.length, isDone]).toEqual([1, false]);
  await time.pass(1);
  expect([ends.length, isDone]).toEqual([2, false]);
  ends[1]?.();
  await later;
});

test('nobody waits long for a reading that does not end, and no other one begins beside it', async () => {
  const { time, ends, catchUp } = open();
  await time.until(catchUp.now());
  const later = catchUp.now();
  await time.until(later);
  await time.until(catchUp.now());
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await time.pass(200);
  expect(ends).toHaveLength(2);
  ends[1]?.();
  const next = catchUp.now();
  await time.pass(200);
  ends[2]?.();
  await next;
});

test('a reading that fails is told, and the next one is another', async () => {
  const { time, ends, catchUp } = open();
  const failing = catchUp.now();
  await time.pass(0);
  ends[0]?.(new Error('away'));
  await expect(failing).rejects.toThrow('away');
  const next = catchUp.now();
  await time.pass(200);
  ends[1]?.();
  await next;
  expect(ends).toHaveLength(2);
});
