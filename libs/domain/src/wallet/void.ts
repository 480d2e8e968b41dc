import { accept, derivedTransactionId, format } from '@drawdown/kernel';
import { lotDocument } from '../events';
import { book } from './booking';
import type { CommandRule } from './commands';
import { bookingDocument } from './grant';
import { notFound, withoutReason } from './refusals';
import { freeOf, lotOf, walletOf } from './state';

/** Cancels what is neither spent nor held of a grant. A second void of the same lot finds nothing left (INV-LOT-10). */
export const voidGrant: CommandRule<'VoidGrant'> = {
  decide: (organization, { lotId, reason }, { now, commandId }) => {
    const lot = organization.lots.get(lotId);
    if (lot === undefined) return notFound('lot');
    const reasonless = withoutReason(reason);
    if (reasonless !== null) return reasonless;
    const amount = freeOf(lot);
    if (amount <= 0n) return accept();
    const booking = book(walletOf(organization, lot.wallet), 'void', {
      transactionId: derivedTransactionId(organization.id, commandId),
      debited: amount,
      slices: [{ lotId, amount }],
      eventTime: now,
    });
    return accept({ type: 'GrantVoided', data: { lotId, amount, reason, booking } });
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
