import { type Credits, credits, type Instant, NO_CREDITS } from '@drawdown/kernel';
import type { Booking, Slice, TransactionKind } from '../events';
import type { Wallet } from './state';

/** What a booking moves; whatever is left out is nothing. */
export interface Movement {
  readonly transactionId: string;
  readonly credited?: Credits;
  readonly debited?: Credits;
  readonly slices?: readonly Slice[];
  readonly debt?: Credits;
  readonly eventTime: Instant;
}

/** What the next booking of a wallet follows from. */
export type Books = Pick<Wallet, 'key' | 'settled' | 'sequence' | 'policyVersion'>;

/** The books after a booking, for the next one of the same decision. */
export const booksAfter = (books: Books, { balanceAfter, sequence }: Booking): Books => ({
  key: books.key,
  policyVersion: books.policyVersion,
  settled: balanceAfter,
  sequence,
});

/** The wallet's next transaction: its number, and the settled balance before and after (INV-LED-1). */
export const book = (wallet: Books, kind: TransactionKind, movement: Movement): Booking => {
  const credited = movement.credited ?? NO_CREDITS;
  const debited = movement.debited ?? NO_CREDITS;
  return {
    transactionId: movement.transactionId,
    kind,
    wallet: wallet.key,
    sequence: wallet.sequence + 1,
    credited,
    debited,
    balanceBefore: wallet.settled,
    balanceAfter: credits(wallet.settled + credited - debited),
    slices: movement.slices ?? [],
    debt: movement.debt ?? NO_CREDITS,
    policyVersion: wallet.policyVersion,
    eventTime: movement.eventTime,
  };
};
