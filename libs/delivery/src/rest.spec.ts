import { Rest } from './rest';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

interface Gathered {
  readonly after: number;
  readonly charges: number;
}

/**
 * How long each of these rests lasts, in milliseconds; a batch of charges is committed so long after the rest before it,
 * and while it is rested from more comes for a while.
 */
const lasting = async (
  batches: readonly Gathered[],
  commitMs: number,
  heardForMs = Infinity,
  restMs = 100,
): Promise<number[]> => {
  const rests = new Rest(restMs);
  const lasted: number[] = [];
  for (const { after, charges } of batches) {
    jest.advanceTimersByTime(after);
    const from = Date.now();
    const before = lasted.length;
    const rest = rests.from(commitMs, charges).then(() => lasted.push(Date.now() - from));
    while (lasted.length === before) {
      await jest.advanceTimersByTimeAsync(10);
      if (Date.now() - from <= heardForMs) rests.heard();
    }
    await rest;
  }
  return lasted;
};

const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);

test('at many charges a second the database rests eight times as long as a commit took, two seconds at most', async () => {
  const batches = times(60, { after: 100, charges: 10_000 });
  expect((await lasting(batches, 100)).at(-1)).toBe(800);
  expect((await lasting(batches, 5_000)).at(-1)).toBe(2_000);
});

test('at few charges a second a reader of rows does not wait for more of them', async () => {
  expect(await lasting(times(20, { after: 10, charges: 29 }), 10)).toEqual(times(20, 80));
  expect(await lasting(times(20, { after: 2_500, charges: 5_000 }), 2_500)).toEqual(times(20, 100));
});

test('at few charges a second it rests for as long as its projector allows, and at many no differently', async () => {
  expect(await lasting(times(20, { after: 2_500, charges: 5_000 }), 2_500, Infinity, 400)).toEqual(times(20, 400));
  expect((await lasting(times(60, { after: 100, charges: 10_000 }), 100, Infinity, 400)).at(-1)).toBe(800);
});

test('a batch that was large because it was late is not rested from for long, nor are those after it', async () => {
  const steady = { after: 100, charges: 400 }; // 2,000 a second, with the rests
  const late = [
    { after: 5, charges: 10 },
    { after: 1, charges: 2_000 },
  ];
  const lasted = await lasting([...times(30, steady), ...late, ...times(30, steady)], 50);
  expect(Math.max(...lasted)).toBe(100);
});

test('where nothing comes any more it is not rested on for it', async () => {
  const batches = times(60, { after: 100, charges: 10_000 });
  expect((await lasting(batches, 5_000, 0)).at(-1)).toBe(500);
  expect((await lasting(batches, 5_000, 700)).at(-1)).toBe(1_200);
});
