import { derivedTransactionId, type Instant, sum } from '@drawdown/kernel';
import type { OwnEvent, Slice } from '../events';
import { book, type Books, booksAfter } from './booking';
import { merged } from './slices';
import { type HeldSlice, type Hold, isExpired, lotOf, type Organization } from './state';

type HeldCreditsEnded = Extract<OwnEvent, { type: 'HeldCreditsEnded' }>;

/** What had ended, if anything, what that takes of the lots, and the wallet's books after it; and what comes free. */
interface Rest {
  readonly ended: readonly HeldCreditsEnded[];
  readonly taken: readonly Slice[];
  readonly books: Books;
  readonly left: readonly HeldSlice[];
}

/**
 * A hold ends at `at` with `slices` in it: what of them had ended while they were held is booked as that, and does not come
 * free. However many lots there are, it is one event for each kind of end. Lots that have expired by now are left to
 * {@link lotExpiry}; at the closing, after which nothing falls due, to the wallet's policy.
 */
export const endedIn = (
  organization: Organization,
  { id: holdId, wallet }: Pick<Hold, 'id' | 'wallet'>,
  slices: readonly HeldSlice[],
  before: Books,
  at: Instant,
): Rest => {
  const parts: Record<'expiry' | 'void' | 'left', HeldSlice[]> = { expiry: [], void: [], left: [] };
  for (const slice of slices) {
    const lot = lotOf(organization, slice.lotId);
    if (slice.lapsed) parts.expiry.push(slice);
    else parts[lot.restVoided && !isExpired(lot, at) ? 'void' : 'left'].push(slice);
  }
  let books = before;
  const ended: HeldCreditsEnded[] = [];
  for (const kind of ['expiry', 'void'] as const) {
    if (parts[kind].length === 0) continue;
    const booking = book(books, kind, {
      transactionId: derivedTransactionId(organization.id, holdId, kind),
      debited: sum(parts[kind].map(({ amount }) => amount)),
      slices: merged(parts[kind]),
      eventTime: at,
    });
    ended.push({ type: 'HeldCreditsEnded', data: { holdId, wallet, booking, effectiveAt: at } });
    books = booksAfter(books, booking);
  }
  return { ended, taken: [...parts.expiry, ...parts.void], books, left: parts.left };
};
