import type { Instant, Position } from '@drawdown/kernel';
import type { Answer } from './documents';

/** What every answer covers: of each shard the least. */
export const asOfAll = (answers: readonly Answer<unknown>[], now: Instant): Answer<unknown>['asOf'] => {
  const position = new Map<string, number>();
  for (const { asOf } of answers) {
    for (const [part, revision] of asOf.position) {
      position.set(part, Math.min(revision, position.get(part) ?? revision));
    }
  }
  return { position: position satisfies Position, time: now };
};
