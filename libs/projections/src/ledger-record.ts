import { countOf, type LedgerEvent, type Recorded } from '@drawdown/domain/events';
import type { Projector } from '@drawdown/delivery';

/** What projectors are given. */
export type LedgerRecord = Recorded<LedgerEvent>;
export type LedgerProjector<D> = Projector<D, LedgerRecord>;

/** How much work an event is: the number of its charges, or one. */
export const weightOf = ({ event }: LedgerRecord): number =>
  event.type === 'UsageCharged' ? Math.max(1, countOf(event.data)) : 1;

/** The organization an event belongs to; an event of the ledger that names none is a damaged log, so it throws. */
export const ownerOf = ({ organizationId, event }: LedgerRecord): string => {
  if (organizationId === null) throw new Error(`${event.type} names no organization`);
  return organizationId;
};
