import { accept, derivedTransactionId, sum } from '@drawdown/kernel';
import { movesOf, type OwnEvent } from '../events';
import { book } from '../wallet/booking';
import type { CommandRule } from '../wallet/commands';
import { freed } from '../wallet/freed';
import { withoutReason } from '../wallet/refusals';
import { less } from '../wallet/slices';
import { organizationView } from '../wallet/views';

/** Ends an organization: open holds are given free, then each wallet forfeits its lots or keeps them dormant, by policy. */
export const closeOrganization: CommandRule<'CloseOrganization'> = {
  decide: (organization, { reason }, { now, commandId }) => {
    const reasonless = withoutReason(reason);
    if (reasonless !== null) return reasonless;
    const released: OwnEvent[] = [];
    for (const hold of organization.openHolds.values()) {
      const slices = hold.slices.map(({ lotId, amount }) => ({ lotId, amount }));
      const { id: holdId, wallet, overdraft } = hold;
      released.push({ type: 'HoldReleased', data: { holdId, wallet, slices, overdraft, effectiveAt: now } });
    }
    const ended = organization.wallets.map((wallet) => {
      const held = [...organization.openHolds.values()].filter((hold) => hold.wallet === wallet.key);
      const slices = held.flatMap((hold) => hold.slices);
      return { wallet, ...freed(organization, wallet, slices, now) };
    });
    const forfeitures = ended.flatMap(({ wallet, taken, books }) => {
      if (wallet.policy.onClose === 'keep') return [];
      // Nothing of it is held any more: the holds were given free just before, and have paid what was owed.
      const remaining = wallet.live.map((lot) => ({ lotId: lot.id, amount: lot.remaining }));
      const slices = less(remaining, taken);
      if (slices.length === 0) return [];
      const booking = book(books, 'forfeiture', {
        transactionId: derivedTransactionId(organization.id, commandId, wallet.key),
        debited: sum(slices.map((slice) => slice.amount)),
        slices,
        eventTime: now,
      });
      return [{ moves: movesOf('forfeit', slices), booking }];
    });
    const events = ended.flatMap((wallet) => wallet.events);
    return accept(...released, ...events, { type: 'OrganizationClosed', data: { reason, forfeitures } });
  },
  answer: (organization, _, __, { now }) => organizationView(organization, now),
};
