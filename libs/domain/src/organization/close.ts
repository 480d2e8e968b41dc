import { accept, derivedTransactionId, sum } from '@drawdown/kernel';
import { movesOf, type OwnEvent } from '../events';
import { book } from '../wallet/booking';
import type { CommandRule } from '../wallet/commands';
import { debtPaidByFreed, stillGood } from '../wallet/debt-payment';
import { withoutReason } from '../wallet/refusals';
import { less, merged } from '../wallet/slices';
import { organizationView } from '../wallet/views';

/** Ends an organization: open holds are given free, then each wallet forfeits its lots or keeps them dormant, by policy. */
export const closeOrganization: CommandRule<'CloseOrganization'> = {
  decide: (organization, { reason }, { now, commandId }) => {
    const reasonless = withoutReason(reason);
    if (reasonless !== null) return reasonless;
    const released: OwnEvent[] = [];
    for (const hold of organization.openHolds.values()) {
      const slices = hold.slices.map((slice) => ({ ...slice }));
      const { id: holdId, wallet, overdraft } = hold;
      released.push({ type: 'HoldReleased', data: { holdId, wallet, slices, overdraft, effectiveAt: now } });
    }
    const paid = organization.wallets.flatMap((wallet) => {
      const held = [...organization.openHolds.values()].filter((hold) => hold.wallet === wallet.key);
      const freed = merged(held.flatMap((hold) => hold.slices));
      return debtPaidByFreed(wallet, stillGood(organization, freed, now), now);
    });
    const payments = paid.flatMap(({ data }) => data.slices);
    const forfeitures = organization.wallets.flatMap((wallet) => {
      if (wallet.policy.onClose === 'keep') return [];
      // Nothing of it is held any more: the holds were given free just before, and have paid what was owed.
      const remaining = wallet.live.map((lot) => ({ lotId: lot.id, amount: lot.remaining }));
      const slices = less(remaining, payments);
      if (slices.length === 0) return [];
      const booking = book(wallet, 'forfeiture', {
        transactionId: derivedTransactionId(organization.id, commandId, wallet.key),
        debited: sum(slices.map((slice) => slice.amount)),
        slices,
        eventTime: now,
      });
      return [{ moves: movesOf('forfeit', slices), booking }];
    });
    return accept(...released, ...paid, { type: 'OrganizationClosed', data: { reason, forfeitures } });
  },
  answer: (organization, _, __, { now }) => organizationView(organization, now),
};
