import { earliest, type Instant } from '@drawdown/kernel';
import { debtPaidBy } from '../events';
import type { DueRule } from './commands';

/** A lot granted for later takes effect; a wallet in debt is paid from it at that moment (INV-LOT-7). */
export const lotActivation: DueRule = {
  dueAt: (organization) => {
    let first: Instant | null = null;
    for (const wallet of organization.wallets) {
      for (const lot of wallet.live) {
        if (!lot.activated) first = first === null ? lot.effectiveAt : earliest(first, lot.effectiveAt);
      }
    }
    return first;
  },
  settle: (organization, due) => {
    for (const wallet of organization.wallets) {
      for (const lot of wallet.live) {
        if (lot.activated || lot.effectiveAt > due) continue;
        const debtPaid = debtPaidBy(lot, wallet.debt);
        return [
          { type: 'LotActivated', data: { wallet: wallet.key, lotId: lot.id, debtPaid, effectiveAt: lot.effectiveAt } },
        ];
      }
    }
    return [];
  },
};
