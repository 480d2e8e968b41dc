import { Rest } from './rest';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Milliseconds that the rests last which follow commits of so many charges, each `gatheredMs` after the rest before it. */
const lasting = async (commitMs: number, charges: number, gatheredMs = commitMs, commits = 1): Promise<number[]> => {
  const rests = new Rest();
  const lasted: number[] = [];
  for (let i = 0; i < commits; i++) {
    jest.advanceTimersByTime(gatheredMs);
    const from = Date.now();
    const rest = rests.from(commitMs, charges);
    await jest.runAllTimersAsync();
    await rest;
    lasted.push(Date.now() - from);
  }
  return lasted;
};

test('at many charges a second the database rests eight times as long as a commit took, two seconds at most', async () => {
  expect(await lasting(100, 1_000)).toEqual([800]);
  expect(await lasting(2_000, 50_000)).toEqual([2_000]);
});

test('at few charges a second a reader of rows does not wait for more of them', async () => {
  expect(await lasting(10, 29)).toEqual([80]);
  expect(await lasting(2_000, 5_000)).toEqual([100]);
});

test('a batch that was large because it was late is not rested from for long', async () => {
  const rests = new Rest();
  const lasted: number[] = [];
  let gathered = 3_000; // milliseconds that the first batch was late
  for (let i = 0; i < 4; i++) {
    jest.advanceTimersByTime(gathered);
    const from = Date.now();
    const rest = rests.from(50, gathered * 2); // 2,000 charges a second
    await jest.runAllTimersAsync();
    await rest;
    lasted.push(Date.now() - from);
    gathered = 150;
  }
  expect(lasted).toEqual([100, 100, 100, 100]);
});
