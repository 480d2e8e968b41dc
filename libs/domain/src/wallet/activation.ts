import { debtPaidBy } from '../events';
import type { DueRule } from './commands';
import { walletOf } from './state';

/** A lot granted for later takes effect; a wallet in debt is paid from it at that moment (INV-LOT-7). */
export const lotActivation: DueRule = {
  dueAt: ({ waitingLots: [lot] }) => lot?.effectiveAt ?? null,
  settle: (organization, due) => {
    const [lot] = organization.waitingLots;
    if (lot === undefined || lot.effectiveAt > due) return [];
    const { wallet, id: lotId, effectiveAt } = lot;
    const debtPaid = debtPaidBy(lot, walletOf(organization, wallet).debt);
    return [{ type: 'LotActivated', data: { wallet, lotId, debtPaid, effectiveAt } }];
  },
};
