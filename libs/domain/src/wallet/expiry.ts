import { derivedTransactionId, earliest, type Instant } from '@drawdown/kernel';
import { book } from './booking';
import type { DueRule } from './commands';
import { freeOf, walletOf } from './state';

/**
 * Books what remains of lots at their expiry, less what is held. Spending never waits for it: a lot is unspendable
 * from its expiry on, booked or not (INV-TIM-2). What a hold gives back later is booked when it does (INV-TIM-4).
 */
export const lotExpiry: DueRule = {
  dueAt: (organization) => {
    let first: Instant | null = null;
    for (const wallet of organization.wallets) {
      for (const lot of wallet.live) {
        if (lot.expiresAt === null || freeOf(lot) <= 0n) continue;
        first = first === null ? lot.expiresAt : earliest(first, lot.expiresAt);
      }
    }
    return first;
  },
  settle: (organization, due) => {
    for (const wallet of organization.wallets) {
      for (const lot of wallet.live) {
        const amount = freeOf(lot);
        if (lot.expiresAt === null || lot.expiresAt > due || amount <= 0n) continue;
        const booking = book(walletOf(organization, lot.wallet), 'expiry', {
          // A lot can expire in several parts: what is booked before tells them apart.
          transactionId: derivedTransactionId(organization.id, lot.id, 'expiry', lot.expiresAt, lot.expired.toString()),
          debited: amount,
          slices: [{ lotId: lot.id, amount }],
          eventTime: lot.expiresAt,
        });
        return [{ type: 'LotExpired', data: { lotId: lot.id, amount, booking } }];
      }
    }
    return [];
  },
};
