import { NO_LOG } from '@drawdown/ports';
import { type Lag, LagGauge } from './lag-gauge';
import { counters } from './testing/fan-out';

const EVERY_MS = 5_000;
let lag: Lag;
let metrics: ReturnType<typeof counters>;
let gauge: LagGauge;

beforeEach(() => {
  jest.useFakeTimers();
  metrics = counters();
  gauge = new LagGauge(() => Promise.resolve([lag]), metrics, NO_LOG);
  gauge.start();
});
afterEach(() => {
  gauge.stop();
  jest.useRealTimers();
});

/** What is reported when the next measurement finds this. */
const measured = async (revision: number, head: number): Promise<{ events?: number; seconds?: number }> => {
  lag = { projector: 'sums', shard: 0, revision, head };
  await jest.advanceTimersByTimeAsync(EVERY_MS);
  const { 'projection_lag_events sums 0': events, 'projection_lag_seconds sums 0': seconds } = metrics.of;
  return { ...(events !== undefined && { events }), ...(seconds !== undefined && { seconds }) };
};

test('rows that are level with the log have no lag', async () => {
  expect(await measured(-1, -1)).toEqual({ events: 0, seconds: 0 });
  expect(await measured(7, 7)).toEqual({ events: 0, seconds: 0 });
});

test('rows that are always a little behind a growing log are never further behind than one measurement', async () => {
  for (let head = 10; head < 500; head += 10) {
    const { events, seconds } = await measured(head - 1, head);
    expect(events).toBe(1);
    expect(seconds).toBeLessThanOrEqual(EVERY_MS / 1000);
  }
});

test('rows that stand still are further behind with every second, and level again when they have come after', async () => {
  await measured(10, 10);
  for (let more = 1; more <= 12; more++) {
    expect(await measured(10, 10 + more)).toEqual({ events: more, seconds: (more * EVERY_MS) / 1000 });
  }
  expect((await measured(15, 22)).seconds).toBeGreaterThan(30);
  expect(await measured(22, 22)).toEqual({ events: 0, seconds: 0 });
});
