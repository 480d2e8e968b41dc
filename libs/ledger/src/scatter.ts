import type { UsageEvent } from '@drawdown/domain';
import { coverBoth, type Position } from '@drawdown/kernel';
import { DecisionFailed, ONE_FAILED, type UsageOutcome, type UsageResult } from './ledger';

/** Gives each shard its part of the usage, and puts the outcomes together in the order given. */
export const scatter = async (
  usages: readonly UsageEvent[],
  shardOf: (organizationId: string) => number,
  submit: (shard: number, usages: readonly UsageEvent[]) => Promise<UsageResult>,
): Promise<UsageResult> => {
  const byShard = new Map<number, number[]>();
  for (const [index, usage] of usages.entries()) {
    const shard = shardOf(usage.organizationId);
    const indexes = byShard.get(shard) ?? [];
    indexes.push(index);
    byShard.set(shard, indexes);
  }
  const outcomes = new Array<UsageOutcome>(usages.length);
  let position: Position = new Map();
  await Promise.all(
    [...byShard].map(async ([shard, indexes]) => {
      const own = indexes.flatMap((index) => usages[index] ?? []);
      const result = await submit(shard, own).catch((error: unknown) => {
        if (byShard.size === 1 || !(error instanceof DecisionFailed)) throw error;
        // What one shard says of its part is not said of the list: others may have stored theirs.
        throw new DecisionFailed(ONE_FAILED, { cause: error.cause });
      });
      for (const [place, index] of indexes.entries()) {
        const outcome = result.outcomes[place];
        if (outcome !== undefined) outcomes[index] = outcome;
      }
      position = coverBoth(position, result.position);
    }),
  );
  return { outcomes, position };
};
