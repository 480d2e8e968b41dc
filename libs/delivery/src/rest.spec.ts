import { Rest } from './rest';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

interface Gathered {
  readonly events: number;
  readonly charges: number;
}

/** Events that hold what a turn can take, as at full load; and such as come at half of it. */
const FULL: Gathered = { events: 5, charges: 10_000 };
const HALF_FULL: Gathered = { events: 25, charges: 10_000 };

/**
 * How long it rests after the last of these batches, in milliseconds, each committed in so many, while more comes for some
 * time; at most so long but at full load.
 */
const lasting = async (
  batches: readonly Gathered[],
  commitMs: number,
  { heardForMs = Infinity, restMs = 20 } = {},
): Promise<number> => {
  const rests = new Rest(restMs);
  let last = NaN;
  for (const batch of batches) {
    jest.advanceTimersByTime(commitMs);
    const from = Date.now();
    let lasted: number | undefined;
    const rest = rests.from(commitMs, batch).then(() => (lasted = Date.now() - from));
    while (lasted === undefined) {
      await jest.advanceTimersByTimeAsync(10);
      if (Date.now() - from <= heardForMs) rests.heard();
    }
    last = await rest;
  }
  return last;
};

test('at full load the database rests eight times as long as a commit took, two seconds at most', async () => {
  expect(await lasting([FULL], 100)).toBe(800);
  expect(await lasting([FULL], 5_000)).toBe(2_000);
  expect(await lasting([FULL], 100, { restMs: 400 })).toBe(800);
});

test('below it a reader of rows waits no longer than the projector allows, however large the batch', async () => {
  expect(await lasting([HALF_FULL], 100)).toBe(20);
  expect(await lasting([{ events: 100, charges: 50_000 }], 5_000)).toBe(20);
  expect(await lasting([HALF_FULL], 5_000, { restMs: 400 })).toBe(400);
});

test('what was late for once does not make what follows late, and full load is told within seconds', async () => {
  const halfLoad = Array.from({ length: 40 }, () => ({ events: 2, charges: 800 }));
  expect(await lasting([...halfLoad, { events: 1, charges: 2_000 }], 30)).toBe(20);
  const fullLoad = Array.from({ length: 3 }, () => FULL);
  expect(await lasting([...halfLoad, ...fullLoad], 300)).toBe(2_000);
});

test('a short commit is rested from for a short time, at any load', async () => {
  expect(await lasting([{ events: 1, charges: 1 }], 10, { restMs: 400 })).toBe(80);
  expect(await lasting([FULL], 10)).toBe(80);
});

test('where nothing comes any more it is not rested on for it', async () => {
  expect(await lasting([FULL], 5_000, { heardForMs: 0 })).toBe(500);
  expect(await lasting([FULL], 5_000, { heardForMs: 700 })).toBe(1_200);
});
