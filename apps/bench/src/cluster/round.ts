import { spreadOf } from '../rounds';
import type { ClusterWorld } from './cluster-world';
import { lagOf, untilStored, untilCommitted, workersMetric } from './commits';
import { consumeRate, type Records } from './consume-rate';
import { processorTimes, usedBetween } from './processor-time';
import type { Spread, UsageLoad } from './usage-load';

/** Measurements of Kp of which the median counts. */
const KP_ROUNDS = 3;

export interface RoundPlan {
  readonly spread: Spread;
  /** Usage events before the clock runs, and while it does. */
  readonly warm: number;
  readonly measured: number;
  /** Read models that have to be committed. */
  readonly models: readonly string[];
  readonly said: (text: string) => void;
}

export interface Round {
  /** Usage events per second, from the end of the warm-up until all is committed. */
  readonly rate: number;
  /** Kp and the raw rate before and after. */
  readonly kp: { readonly before: number; readonly after: number; readonly raw: number };
  /** Charges per stored event. */
  readonly density: number;
  readonly bytesPerCharge: number;
  /** Events that the read models were behind when the last usage was stored, and at the end. */
  readonly lag: { readonly whenStored: number; readonly end: number };
  /** Seconds from the end of the warm-up until all was stored, and until all was committed. */
  readonly seconds: { readonly stored: number; readonly committed: number };
  /** Processor seconds by process between the end of the warm-up and the last commit. */
  readonly processor: ReadonlyMap<string, number>;
}

const kpOf = async (world: ClusterWorld, records: Records, parse = true): Promise<number> => {
  const rates: number[] = [];
  for (let i = 0; i < KP_ROUNDS; i++)
    rates.push(await consumeRate(world.cluster.addresses.KAFKA_BROKERS, records, parse));
  return spreadOf(rates).median;
};

/**
 * Fills the topic while no worker runs, then starts them. The clock runs from the moment when the warm-up's usage has
 * been stored; what of it is not committed by then counts against us.
 */
export const runRound = async (
  world: ClusterWorld,
  load: UsageLoad,
  { spread, warm, measured, models, said }: RoundPlan,
): Promise<Round> => {
  const workers = world.cluster.apps.filter(({ name }) => name.startsWith('worker'));
  for (const worker of workers) await worker.stop();
  const records = await load.send(warm + measured, spread);
  const kpBefore = await kpOf(world, records);
  said(`${String(records.count)} usage events wait; Kp ${Math.round(kpBefore).toLocaleString('en-US')}`);
  const raw = await kpOf(world, records, false);
  for (const worker of workers) worker.start();
  await Promise.all(workers.map((worker) => worker.ready()));
  const already = await untilStored(world, records.from, warm);
  said(`the first ${String(already)} are charged: the clock runs`);
  const started = performance.now();
  const secondsSoFar = (): number => (performance.now() - started) / 1000;
  const before = processorTimes(world.pids());
  await untilStored(world, records.from, warm + measured);
  const stored = secondsSoFar();
  said(
    `all are stored; ends of processes: ${workers
      .flatMap(({ ownEnds }) => ownEnds)
      .join(' ')
      .slice(0, 1_500)}`,
  );
  const whenStored = await lagOf(world, models);
  await untilCommitted(world, models);
  const committed = secondsSoFar();
  const processor = usedBetween(before, processorTimes(world.pids()));
  const [events, bytes, charges] = await Promise.all(
    ['ledger_events_total', 'append_bytes_total', 'charges_total'].map((name) => workersMetric(world, name)),
  );
  return {
    rate: (warm + measured - already) / committed,
    kp: { before: kpBefore, after: await kpOf(world, records), raw },
    density: (charges ?? NaN) / (events ?? NaN),
    bytesPerCharge: (bytes ?? NaN) / (charges ?? NaN),
    lag: { whenStored, end: await lagOf(world, models) },
    seconds: { stored, committed },
    processor,
  };
};
