import { derivedTransactionId } from '@drawdown/kernel';
import { book } from './booking';
import type { DueRule } from './commands';
import { freeOf, type Lot, type Organization, walletOf } from './state';

/** Whose expiry is booked next. Lots that are held whole wait for their holds, which end: they are few. */
const nextExpiring = ({ expiringLots }: Organization): Lot | undefined => {
  for (const lot of expiringLots) if (freeOf(lot) > 0n) return lot;
  return undefined;
};

/**
 * Books what remains of lots at their expiry, less what is held. Spending never waits for it: a lot is unspendable
 * from its expiry on, booked or not (INV-TIM-2). What a hold gives back later is booked when it does (INV-TIM-4).
 */
export const lotExpiry: DueRule = {
  dueAt: (organization) => nextExpiring(organization)?.expiresAt ?? null,
  settle: (organization, due) => {
    const lot = nextExpiring(organization);
    if (lot === undefined || lot.expiresAt === null || lot.expiresAt > due) return [];
    const amount = freeOf(lot);
    const booking = book(walletOf(organization, lot.wallet), 'expiry', {
      // A lot can expire in several parts: what is booked before tells them apart.
      transactionId: derivedTransactionId(organization.id, lot.id, 'expiry', lot.expiresAt, lot.expired.toString()),
      debited: amount,
      slices: [{ lotId: lot.id, amount }],
      eventTime: lot.expiresAt,
    });
    return [{ type: 'LotExpired', data: { lotId: lot.id, amount, booking } }];
  },
};
