import { coverBoth, type Position } from '@drawdown/kernel';
import type { UsageOutcome, UsageResult } from '../ledger';
import type { Reply } from '../stream/reply-record';

/** Puts the outcomes of a call's usage together, which may come in several replies; complete with so many. */
export const collecting = (count: number): ((reply: Reply) => UsageResult | undefined) => {
  const found = new Map<number, UsageOutcome>();
  let position: Position = new Map();
  return (reply) => {
    if (reply.kind !== 'usage') return undefined;
    for (const [place, outcome] of reply.outcomes) found.set(place, outcome);
    position = coverBoth(position, reply.position);
    if (found.size < count) return undefined;
    const outcomes = Array.from({ length: count }, (_, place) => found.get(place)).flatMap((outcome) => outcome ?? []);
    return outcomes.length === count ? { outcomes, position } : undefined;
  };
};
