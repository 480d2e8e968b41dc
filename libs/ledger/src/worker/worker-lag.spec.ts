import { NO_LOG, type PartitionBounds, type Place, StreamUnavailable } from '@drawdown/ports';
import { CountedMetrics } from '../testing/recording';
import { WorkerLag } from './worker-lag';

const EVERY_MS = 5_000;
const TOPIC = 'usage';
let ends: readonly number[] | Error;
let places: Place[];
let warnings: string[];
let metrics: CountedMetrics;
let lag: WorkerLag;

beforeEach(() => {
  jest.useFakeTimers();
  [ends, places, warnings, metrics] = [[0], [], [], new CountedMetrics()];
  const boundsOf = async (): Promise<readonly PartitionBounds[]> => {
    if (ends instanceof Error) throw ends;
    return ends.map((end) => ({ oldest: 0, end }));
  };
  const log = { ...NO_LOG, warn: (_: unknown, message: string) => void warnings.push(message) };
  lag = new WorkerLag([TOPIC], () => places, { stream: { boundsOf }, metrics, log });
  lag.start();
});
afterEach(() => {
  lag.stop();
  jest.useRealTimers();
});

const at = (next: number, partition = 0): Place => ({ topic: TOPIC, partition, next });
const figures = (shard = 0): { records: number; seconds: number } => {
  const labels = `{topic=${TOPIC},shard=${String(shard)}}`;
  return { records: metrics.of(`worker_lag_records${labels}`), seconds: metrics.of(`worker_lag_seconds${labels}`) };
};
/** What is reported of the first partition when the next measurement finds this. */
const measured = async (next: number, end: number | Error): Promise<ReturnType<typeof figures>> => {
  places = [at(next)];
  ends = end instanceof Error ? end : [end];
  await jest.advanceTimersByTimeAsync(EVERY_MS);
  return figures();
};
const AWAY = new StreamUnavailable('away');

test('a topic that nobody has written to has no lag, and neither has one that is read to its end', async () => {
  expect(await measured(0, 0)).toEqual({ records: 0, seconds: 0 });
  expect(await measured(7, 7)).toEqual({ records: 0, seconds: 0 });
  expect(metrics.keysOf('worker_lag_')).toHaveLength(2);
});

test('a worker that is always a little behind what comes is never further behind than one measurement', async () => {
  for (let end = 10; end < 300; end += 10) {
    const { records, seconds } = await measured(end - 1, end);
    expect(records).toBe(1);
    expect(seconds).toBeLessThanOrEqual(EVERY_MS / 1000);
  }
});

test('a worker that is stuck is further behind with every second, and level when it has come after', async () => {
  await measured(10, 10);
  for (let more = 1; more <= 12; more++) {
    expect(await measured(10, 10 + more)).toEqual({ records: more, seconds: (more * EVERY_MS) / 1000 });
  }
  expect((await measured(15, 22)).seconds).toBeGreaterThan(30);
  expect(await measured(22, 22)).toEqual({ records: 0, seconds: 0 });
});

test('FLT-30: while the brokers do not answer the seconds go on, which is said once', async () => {
  await measured(10, 10);
  for (let more = 1; more <= 6; more++) {
    expect(await measured(10, AWAY)).toEqual({ records: 0, seconds: (more * EVERY_MS) / 1000 });
  }
  // A broker that is just starting may not know where a partition ends.
  expect((await measured(10, Number.NaN)).seconds).toBe(35);
  expect(await measured(10, 10)).toEqual({ records: 0, seconds: 0 });
  await measured(10, AWAY);
  expect(warnings).toHaveLength(2);
});

test('the series of what is taken away go at once, and those of the rest stay', async () => {
  [places, ends] = [
    [at(1), at(2, 1), at(3, 2)],
    [5, 5, 5],
  ];
  await jest.advanceTimersByTimeAsync(EVERY_MS);
  expect([0, 1, 2].map((shard) => figures(shard).records)).toEqual([4, 3, 2]);
  places = [at(1), at(3, 2)];
  lag.forget(1);
  expect(metrics.keysOf('worker_lag_records')).toEqual([0, 2].map((n) => `worker_lag_records{topic=usage,shard=${n}}`));
  places = [at(1)]; // let go of without a word
  await jest.advanceTimersByTimeAsync(EVERY_MS);
  expect(metrics.keysOf('worker_lag_')).toEqual(
    ['records', 'seconds'].map((n) => `worker_lag_${n}{topic=usage,shard=0}`),
  );
});
