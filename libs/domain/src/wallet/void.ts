import { accept, derivedTransactionId, format } from '@drawdown/kernel';
import { lotDocument, type OwnEvent } from '../events';
import { book } from './booking';
import type { CommandRule } from './commands';
import { bookingDocument } from './grant';
import { notFound, withoutReason } from './refusals';
import { freeOf, isExpired, lotOf, walletOf } from './state';

/**
 * Cancels what is neither spent nor held of a grant; what is held stays with its holds for capture, and is cancelled too when
 * they give it back (INV-LOT-4). A second void of the same lot finds nothing left (INV-LOT-10).
 */
export const voidGrant: CommandRule<'VoidGrant'> = {
  decide: (organization, { lotId, reason }, { now, commandId }) => {
    const lot = organization.lots.get(lotId);
    if (lot === undefined) return notFound('lot');
    const reasonless = withoutReason(reason);
    if (reasonless !== null) return reasonless;
    const { wallet, held } = lot;
    const events: OwnEvent[] = [];
    const amount = freeOf(lot);
    if (amount > 0n) {
      const booking = book(walletOf(organization, wallet), 'void', {
        transactionId: derivedTransactionId(organization.id, commandId),
        debited: amount,
        slices: [{ lotId, amount }],
        eventTime: now,
      });
      events.push({ type: 'GrantVoided', data: { lotId, amount, reason, booking } });
    }
    if (held > 0n && !lot.restVoided && !isExpired(lot, now)) {
      events.push({ type: 'HeldRestVoided', data: { lotId, wallet, held, reason } });
    }
    return accept(...events);
  },
  answer: (organization, { lotId }, events, { now }) => {
    const [event] = events;
    const voided = event?.type === 'GrantVoided' ? event.data : undefined;
    return {
      lot: lotDocument(lotOf(organization, lotId), now),
      voided: voided === undefined ? '0' : format(voided.amount),
      transaction: voided === undefined ? null : bookingDocument(voided.booking),
    };
  },
};
