import {
  accept,
  credits,
  derivedId,
  derivedTransactionId,
  format,
  isInRange,
  type JsonObject,
  NO_CREDITS,
  refuse,
  smaller,
} from '@drawdown/kernel';
import { type Booking, lotDocument, type OwnEvent } from '../events';
import { book } from './booking';
import type { CommandOf, CommandRule, Context, Outcome } from './commands';
import { lotRefusal } from './limits';
import { alreadyOver, notFound } from './refusals';
import { lotOf, type Organization, walletNamed } from './state';

/** Adds credits: one lot, which pays what the wallet owes first (INV-LOT-7). */
export const grantCredits: CommandRule<'GrantCredits'> = {
  decide: (organization, command, context) => {
    const problem = refusedTerms(organization, command, context);
    return problem ?? acceptLot(organization, granted(organization, command, context, 'grant'));
  },
  answer: (organization, _, events, { now }) => grantAnswer(organization, events, now),
};

type Terms = Omit<CommandOf<'GrantCredits'>, 'type'>;

const refusedTerms = (organization: Organization, command: Terms, { now }: Context): Outcome | null => {
  const over = alreadyOver(command.expiresAt, now);
  if (over !== null) return over;
  const wallet = walletNamed(organization, command.wallet);
  if (wallet === undefined) return notFound('wallet');
  if (command.amount <= 0n) {
    return refuse({ code: 'amount_out_of_range', pointer: '/amount', detail: 'a grant adds more than 0 credits' });
  }
  if (!isInRange(wallet.settled + command.amount)) {
    const detail = 'the balance would leave the range of amounts, 9·10¹⁷';
    return refuse({ code: 'amount_out_of_range', pointer: '/amount', detail });
  }
  if (!Object.hasOwn(wallet.policy.creditTypes, command.creditType)) {
    const known = Object.keys(wallet.policy.creditTypes).join(', ');
    return refuse({
      code: 'invalid_value',
      pointer: '/credit_type',
      detail: `this wallet's credit types are: ${known}`,
    });
  }
  if (command.expiresAt !== null && command.effectiveAt !== null && command.expiresAt <= command.effectiveAt) {
    const detail = 'expires_at must be after effective_at';
    return refuse({ code: 'invalid_interval', pointer: '/expires_at', detail });
  }
  return null;
};

type CreditsGranted = Extract<OwnEvent, { type: 'CreditsGranted' }>;

/** Accepts a grant, unless its lot would be one too many; one that pays debt with all it has leaves nothing alive. */
export const acceptLot = (organization: Organization, event: CreditsGranted): Outcome => {
  const { lot, debtPaid } = event.data;
  return (debtPaid < lot.amount ? lotRefusal(organization) : null) ?? accept(event);
};

/** The event of a grant whose terms are accepted. */
export const granted = (
  organization: Organization,
  command: Terms,
  { now, commandId }: Context,
  kind: 'grant' | 'adjustment',
): CreditsGranted => {
  const wallet = walletNamed(organization, command.wallet);
  if (wallet === undefined) throw new Error(`granted: no wallet ${command.wallet}`);
  const effectiveAt = command.effectiveAt ?? now;
  const debtPaid = effectiveAt <= now ? smaller(command.amount, wallet.debt) : NO_CREDITS;
  const lotId = derivedId('lot', organization.id, commandId);
  return {
    type: 'CreditsGranted',
    data: {
      lot: {
        lotId,
        wallet: wallet.key,
        creditType: command.creditType,
        amount: command.amount,
        priority: command.priority ?? wallet.policy.creditTypes[command.creditType]?.priority ?? 0,
        effectiveAt,
        expiresAt: command.expiresAt,
        // A scope without a list restricts nothing.
        scope: command.scope === null || Object.keys(command.scope).length === 0 ? null : command.scope,
        cap: command.cap,
        costBasis: command.costBasis,
        funding: kind,
        sequence: wallet.grants + 1,
      },
      debtPaid,
      reason: command.reason,
      booking: book(wallet, kind, {
        transactionId: derivedTransactionId(organization.id, commandId),
        credited: command.amount,
        slices: [{ lotId, amount: command.amount }],
        debt: credits(-debtPaid),
        eventTime: now,
      }),
    },
  };
};

/** What the caller of a grant is told: the lot as it is now, and the id of the transaction. */
export const grantAnswer = (
  organization: Organization,
  events: readonly OwnEvent[],
  now: Context['now'],
): JsonObject => {
  const event = events.find((candidate) => candidate.type === 'CreditsGranted');
  if (event?.type !== 'CreditsGranted') throw new Error('a grant without its event');
  const { lot, booking } = event.data;
  return { lot: lotDocument(lotOf(organization, lot.lotId), now), transaction: bookingDocument(booking) };
};

/** A booking as its command's caller sees it. */
export const bookingDocument = (booking: Booking): JsonObject => ({
  id: booking.transactionId,
  kind: booking.kind,
  wallet: booking.wallet,
  credits_debited: format(booking.debited),
  credits_credited: format(booking.credited),
  balance_before: format(booking.balanceBefore),
  balance_after: format(booking.balanceAfter),
});
