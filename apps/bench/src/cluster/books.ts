import { ledgerStream, readRecorded } from '@drawdown/domain';
import { formatDecimal } from '@drawdown/kernel';
import { pagesToEnd } from '@drawdown/ports';
import type { ClusterWorld } from './cluster-world';

export interface Sums {
  readonly charges: number;
  /** In 10⁻⁹ credits. */
  readonly credits: bigint;
  readonly events: number;
}

/** Number and sum of all charges in the log itself. */
export const chargesInLog = async ({ store, shards }: ClusterWorld): Promise<Sums> => {
  let [charges, credits, events] = [0, 0n, 0];
  for (let shard = 0; shard < shards; shard++) {
    for await (const page of pagesToEnd(store, ledgerStream(shard), 0)) {
      for (const stored of page) {
        const { event } = readRecorded(shard, stored);
        if (event.type !== 'UsageCharged') continue;
        events++;
        charges += event.data.charges.length;
        for (const charge of event.data.charges) credits += charge.balanceBefore - charge.balanceAfter;
      }
    }
  }
  return { charges, credits, events };
};

/** Throws where the log does not hold so many charges, or the read models of the amounts show another sum than it. */
export const checkBooks = async (world: ClusterWorld, expected: number): Promise<Sums> => {
  const sums = await chargesInLog(world);
  if (sums.charges !== expected) {
    throw new Error(`${String(expected)} usage events were sent, the log has ${String(sums.charges)} charges`);
  }
  const sum = formatDecimal(sums.credits);
  const checks = [
    ['balances', 'SELECT sum(amount - remaining) = $1::numeric AS same FROM lots'],
    ['balances', 'SELECT sum(lifetime_spent) = $1::numeric AS same FROM wallets'],
    [
      'breakdown',
      `SELECT sum(credits) = $1::numeric AND sum(transactions) = ${String(expected)} AS same FROM breakdown_hours`,
    ],
    ['burn_rate', 'SELECT sum(credits) = $1::numeric AS same FROM burn_hours'],
  ] as const;
  for (const [projector, query] of checks) {
    const suffix = await suffixServing(world, projector);
    const [row] = await world.database.query<{ same: boolean }>(query + suffix, [sum]);
    if (row?.same !== true) throw new Error(`${projector} does not show the log's ${sum} credits: ${query}`);
  }
  return sums;
};

const suffixServing = async ({ database }: ClusterWorld, projector: string): Promise<string> => {
  const [row] = await database.query<{ suffix: string }>(
    `SELECT '_v' || version || '_g' || generation AS suffix FROM projection_models
     WHERE projector = $1 AND state = 'serving' ORDER BY version DESC LIMIT 1`,
    [projector],
  );
  if (row === undefined) throw new Error(`nothing serves ${projector}`);
  return row.suffix;
};
