import { accept, credits, derivedTransactionId, refuse, sum } from '@drawdown/kernel';
import type { OwnEvent } from '../events';
import { book } from './booking';
import type { CommandRule } from './commands';
import { acceptLot, bookingDocument, grantAnswer, granted } from './grant';
import { notFound, withoutReason } from './refusals';
import { freeOf, isEffective, isExpired, type Wallet, walletNamed } from './state';

/** The credit type of lots that adjustments make. */
export const ADJUSTMENT = 'adjustment';

/** Drawn after everything that was granted on purpose. */
const ADJUSTMENT_PRIORITY = 100;

/**
 * Corrects a balance by hand, with a reason. Upwards: a lot of type `adjustment`. Downwards: drawn from the lots in
 * the policy's order, whatever their scope; what they do not cover becomes debt.
 */
export const adjustBalance: CommandRule<'AdjustBalance'> = {
  decide: (organization, command, context) => {
    const wallet = walletNamed(organization, command.wallet);
    if (wallet === undefined) return notFound('wallet');
    const reasonless = withoutReason(command.reason);
    if (reasonless !== null) return reasonless;
    if (command.amount === 0n) {
      return refuse({ code: 'amount_out_of_range', pointer: '/amount', detail: 'an adjustment of 0 changes nothing' });
    }
    if (command.amount < 0n) {
      return accept(reduced(wallet, credits(-command.amount), command.reason, organization.id, context));
    }
    const terms = {
      wallet: wallet.key,
      creditType: ADJUSTMENT,
      amount: command.amount,
      priority: ADJUSTMENT_PRIORITY,
      effectiveAt: null,
      expiresAt: null,
      scope: null,
      cap: null,
      costBasis: null,
      reason: command.reason,
    };
    return acceptLot(organization, granted(organization, terms, context, 'adjustment'));
  },
  answer: (organization, _, events, { now }) => {
    const [event] = events;
    return event?.type === 'BalanceReduced'
      ? { lot: null, transaction: bookingDocument(event.data.booking) }
      : grantAnswer(organization, events, now);
  },
};

const reduced = (
  wallet: Wallet,
  amount: ReturnType<typeof credits>,
  reason: string,
  organizationId: string,
  { now, commandId }: Parameters<typeof granted>[2],
): OwnEvent => {
  const slices: { lotId: string; amount: typeof amount }[] = [];
  let left: bigint = amount;
  for (const lot of wallet.live) {
    if (left <= 0n) break;
    if (!isEffective(lot, now) || isExpired(lot, now)) continue;
    const free = freeOf(lot);
    if (free <= 0n) continue;
    const part = free < left ? free : credits(left);
    slices.push({ lotId: lot.id, amount: part });
    left -= part;
  }
  const booking = book(wallet, 'adjustment', {
    transactionId: derivedTransactionId(organizationId, commandId),
    debited: amount,
    slices,
    debt: credits(amount - sum(slices.map((slice) => slice.amount))),
    eventTime: now,
  });
  return { type: 'BalanceReduced', data: { reason, booking } };
};
