import { accept, derivedTransactionId, sum } from '@drawdown/kernel';
import { movesOf, type OwnEvent, type Slice } from '../events';
import { book, type Books } from '../wallet/booking';
import type { CommandRule } from '../wallet/commands';
import { debtPaidByFreed, stillGood } from '../wallet/debt-payment';
import { endedIn } from '../wallet/held-ended';
import { withoutReason } from '../wallet/refusals';
import { less, merged } from '../wallet/slices';
import { organizationView } from '../wallet/views';

/** Ends an organization: open holds are given free, then each wallet forfeits its lots or keeps them dormant, by policy. */
export const closeOrganization: CommandRule<'CloseOrganization'> = {
  decide: (organization, { reason }, { now, commandId }) => {
    const reasonless = withoutReason(reason);
    if (reasonless !== null) return reasonless;
    const ended = organization.wallets.map((wallet) => {
      const events: OwnEvent[] = [];
      const freed: Slice[] = [];
      const taken: Slice[] = [];
      let books: Books = wallet;
      for (const hold of organization.openHolds.values()) {
        if (hold.wallet !== wallet.key) continue;
        const rest = endedIn(organization, hold, hold.slices, books, now);
        const slices = merged(rest.left);
        const data = { holdId: hold.id, wallet: wallet.key, slices, overdraft: hold.overdraft, effectiveAt: now };
        events.push(...rest.ended, { type: 'HoldReleased', data });
        taken.push(...rest.taken);
        freed.push(...slices);
        books = rest.books;
      }
      const paid = debtPaidByFreed(wallet, stillGood(organization, freed, now), now);
      taken.push(...paid.flatMap(({ data }) => data.slices));
      return { wallet, events: [...events, ...paid], taken, books };
    });
    const forfeitures = ended.flatMap(({ wallet, taken, books }) => {
      if (wallet.policy.onClose === 'keep') return [];
      // Nothing of it is held any more: its holds end just before, and what they give free has paid what was owed.
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
    return accept(...events, { type: 'OrganizationClosed', data: { reason, forfeitures } });
  },
  answer: (organization, _, __, { now }) => organizationView(organization, now),
};
