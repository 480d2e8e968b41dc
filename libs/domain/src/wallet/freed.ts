import { type Credits, credits, derivedTransactionId, type Instant } from '@drawdown/kernel';
import type { OwnEvent, Slice } from '../events';
import { book, type Books, booksAfter } from './booking';
import { debtPaidByFreed } from './debt-payment';
import { type HeldSlice, isExpired, lotOf, type Organization, type Wallet } from './state';

/** What becomes of credits that come free: the events, what these take of the lots, and the wallet's books after them. */
interface Freed {
  readonly events: readonly OwnEvent[];
  readonly taken: readonly Slice[];
  readonly books: Books;
}

/**
 * Credits that no hold holds any more. What had expired in the meantime is booked as expired, here where its lot lives on
 * since and by {@link lotExpiry} where it does not (INV-HLD-6); what was voided in the meantime is booked as voided
 * (INV-LOT-4); and what is good pays the wallet's debt before anybody can draw it. `wallet` is as it is after the release.
 */
export const freed = (
  organization: Organization,
  wallet: Books & Pick<Wallet, 'debt'>,
  slices: readonly HeldSlice[],
  at: Instant,
): Freed => {
  const good: Slice[] = [];
  const ended: Slice[] = [];
  const bookings: OwnEvent[] = [];
  let books: Books = wallet;
  const bookEnd = (kind: 'expiry' | 'void', slice: Slice, eventTime: Instant, bookedBefore: Credits) => {
    const { lotId, amount } = slice;
    // A lot ends in several parts: when it did, and what is booked before, tells them apart.
    const about = kind === 'expiry' ? [lotId, kind, eventTime] : [lotId, kind];
    const transactionId = derivedTransactionId(organization.id, ...about, bookedBefore.toString());
    const booking = book(books, kind, { transactionId, debited: amount, slices: [slice], eventTime });
    books = booksAfter(books, booking);
    ended.push(slice);
    return { lotId, amount, booking };
  };
  for (const { lotId, amount, lapsedAt } of byLot(slices)) {
    const lot = lotOf(organization, lotId);
    const slice = { lotId, amount };
    if (lapsedAt !== null) bookings.push({ type: 'LotExpired', data: bookEnd('expiry', slice, lapsedAt, lot.expired) });
    else if (isExpired(lot, at)) continue;
    else if (lot.voidReason === null) good.push(slice);
    else {
      const data = { ...bookEnd('void', slice, at, lot.voided), reason: lot.voidReason };
      bookings.push({ type: 'GrantVoided', data });
    }
  }
  const paid = debtPaidByFreed(wallet, good, at);
  return { events: [...paid, ...bookings], taken: [...paid.flatMap(({ data }) => data.slices), ...ended], books };
};

/** Several slices of one lot as one, but apart by when they lapsed. */
const byLot = (slices: readonly HeldSlice[]): readonly HeldSlice[] => {
  const parts = new Map<string, HeldSlice>();
  for (const { lotId, amount, lapsedAt } of slices) {
    const part = `${lotId} ${lapsedAt ?? ''}`;
    parts.set(part, { lotId, lapsedAt, amount: credits((parts.get(part)?.amount ?? 0n) + amount) });
  }
  return [...parts.values()];
};
