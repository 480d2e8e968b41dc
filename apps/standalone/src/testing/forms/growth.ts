import { until } from '../until';

const GROWN_MAX_MS = 60_000;
/** How often a worker was given its share anew; named without its prefix. */
export const REBALANCES = 'kafka_rebalances_total{group="drawdown.workers"}';

export interface Growth {
  /** What each counter has grown by, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Whether the workers were given their shares anew meanwhile, and with them some records again. */
  readonly isMoved: boolean;
}

/** What some counters of the workers have grown by since this was called. */
export const growing = async (
  metric: (name: string) => Promise<number>,
  counters: readonly string[],
): Promise<() => Promise<Growth>> => {
  const read = (): Promise<number[]> => Promise.all([REBALANCES, ...counters].map((name) => metric(name)));
  const before = await read();
  return async () => {
    const [rebalances, ...grown] = (await read()).map((count, n) => count - (before[n] ?? NaN));
    const counts = Object.fromEntries(counters.map((name, n) => [name, grown[n] ?? NaN]));
    return { counts, isMoved: (rebalances ?? NaN) > 0 };
  };
};

/**
 * Waits until counters have grown by exactly so much: they count after the acknowledgement, which comes later than the
 * record itself. A worker that is late to a heartbeat on a busy machine is given records again, which count again: then
 * more is right, too, of what happened at all. Resolves to what there is.
 */
export const untilGrown = async (
  growth: () => Promise<Growth>,
  wanted: Readonly<Record<string, number>>,
): Promise<Growth> => {
  let found: Growth = { counts: {}, isMoved: false };
  const isWanted = async (): Promise<boolean> => {
    const { counts, isMoved } = (found = await growth());
    return Object.entries(wanted).every(([name, count]) => {
      const is = counts[name] ?? NaN;
      return is === count || (isMoved && count > 0 && is > count);
    });
  };
  await until('the counters have grown', GROWN_MAX_MS, isWanted).catch(() => expect(found.counts).toEqual(wanted));
  if (found.isMoved) process.stdout.write('the workers moved meanwhile, so that counters may say more than was sent\n');
  return found;
};
