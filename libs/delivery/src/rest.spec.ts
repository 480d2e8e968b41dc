import { Rest } from './rest';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Milliseconds that a rest lasts. */
const lasting = async (commitMs: number, charges: number): Promise<number> => {
  const from = Date.now();
  const rest = new Rest().from(commitMs, charges);
  await jest.runAllTimersAsync();
  await rest;
  return Date.now() - from;
};

test('the database rests eight times as long as a commit of many charges took, two seconds at most', async () => {
  expect(await lasting(100, 1_000)).toBe(800);
  expect(await lasting(2_000, 50_000)).toBe(2_000);
});

test('after few charges a reader of rows does not wait for more of them', async () => {
  expect(await lasting(10, 999)).toBe(80);
  expect(await lasting(2_000, 999)).toBe(100);
});
