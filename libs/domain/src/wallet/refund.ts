import {
  accept,
  type Credits,
  credits,
  DAY_MICROS,
  derivedId,
  derivedTransactionId,
  format,
  type Instant,
  NO_CREDITS,
  refuse,
  shift,
  smaller,
} from '@drawdown/kernel';
import type { DebtRepaid, LotMove, OwnEvent, Slice } from '../events';
import { book } from './booking';
import type { CommandRule, RefundableCharge, Refusal } from './commands';
import { debtPaidByFreed } from './debt-payment';
import { notFound } from './refusals';
import { isExpired, isVoided, lotOf, type Organization, refundedKey, type Wallet, walletOf } from './state';

/**
 * The parts of a charge that a refund of `amount` gives back, what was drawn last first: the debt, then the lots from
 * the last slice to the first. `before` was given back already.
 */
export const partsToReturn = (
  charge: Pick<RefundableCharge, 'slices' | 'debt'>,
  before: Credits,
  amount: Credits,
): { debt: Credits; slices: Slice[] } => {
  let skip: bigint = before;
  let left: bigint = amount;
  const take = (part: Credits): Credits => {
    const skipped = part < skip ? part : skip;
    skip -= skipped;
    const rest = part - skipped;
    const taken = rest < left ? rest : left;
    left -= taken;
    return credits(taken);
  };
  const debt = take(charge.debt);
  const slices: Slice[] = [];
  for (const slice of [...charge.slices].reverse()) {
    const taken = take(slice.amount);
    if (taken > 0n) slices.push({ lotId: slice.lotId, amount: taken });
  }
  return { debt, slices };
};

/** The lots that paid debt, latest payment first, up to an amount: where a refund of debt goes that is owed no more. */
const repaidBy = (wallet: Wallet, amount: Credits): DebtRepaid[] => {
  const slices: DebtRepaid[] = [];
  let left: bigint = amount;
  for (const payment of [...wallet.debtPayments].reverse()) {
    if (left <= 0n) break;
    const part = smaller(payment.amount, credits(left));
    slices.push({ lotId: payment.lotId, amount: part, paidAt: payment.paidAt });
    left -= part;
  }
  return slices;
};

interface Returned {
  readonly moves: LotMove[];
  readonly forfeited: Credits;
  readonly extended: { lotId: string; expiresAt: Instant; previousExpiresAt: Instant | null }[];
}

/** A lot that lived on for no days would expire at once: then the refund says itself that it gives nothing back. */
const forfeits = ({ policy }: Wallet): boolean => policy.refundExpired === 'forfeit' || policy.refundGraceDays === 0;

/** Returns slices to their lots; to a lot that ended meanwhile as the policy says (INV-LOT-9). */
const returnTo = (organization: Organization, wallet: Wallet, slices: readonly Slice[], now: Instant): Returned => {
  const moves: LotMove[] = [];
  const extended = new Map<string, Returned['extended'][number]>();
  let forfeited = 0n;
  for (const { lotId, amount } of slices) {
    const lot = lotOf(organization, lotId);
    const ended = isExpired(lot, now);
    if (isVoided(lot) || (ended && forfeits(wallet))) {
      moves.push({ lotId, move: 'forfeit_return', amount });
      forfeited += amount;
      continue;
    }
    moves.push({ lotId, move: 'return', amount });
    if (ended) {
      const expiresAt = shift(now, BigInt(wallet.policy.refundGraceDays) * DAY_MICROS);
      extended.set(lotId, { lotId, expiresAt, previousExpiresAt: lot.expiresAt });
    }
  }
  return { moves, forfeited: credits(forfeited), extended: [...extended.values()] };
};

const refusedAmount = (charge: RefundableCharge, before: Credits, asked: Credits | null): Refusal | null => {
  const rest = credits(charge.charged - before);
  if (!charge.refundable) {
    return { code: 'not_refundable', detail: 'only transactions of kind consumption can be given back' };
  }
  if (asked !== null && asked <= 0n) {
    return { code: 'amount_out_of_range', pointer: '/amount', detail: 'give back more than 0 credits' };
  }
  if (charge.charged <= 0n) {
    const detail = 'the charge was of 0 credits: there is nothing to give back';
    if (asked === null) return { code: 'not_refundable', detail };
    return { code: 'exceeds_charge', pointer: '/amount', detail, more: { refundable: format(NO_CREDITS) } };
  }
  if (rest <= 0n) return { code: 'already_refunded', detail: 'the whole charge was given back already' };
  if (asked !== null && asked > rest) {
    const detail = `${format(asked)} is more than the ${format(rest)} not yet given back`;
    return { code: 'exceeds_charge', pointer: '/amount', detail, more: { refundable: format(rest) } };
  }
  return null;
};

/** Gives a charge, or part of it, back to the lots it came from; never more than was charged, however often it is asked. */
export const refundCharge: CommandRule<'RefundCharge'> = {
  decide: (organization, { charge, amount: asked, reason }, { now, commandId }) => {
    if (charge === null) return notFound('transaction');
    const before = organization.refunded.get(refundedKey(charge.transactionId, charge.bookedAt)) ?? NO_CREDITS;
    const refusal = refusedAmount(charge, before, asked);
    if (refusal !== null) return refuse(refusal);
    const wallet = walletOf(organization, charge.wallet);
    const amount = asked ?? credits(charge.charged - before);
    const parts = partsToReturn(charge, before, amount);
    const debtReduced = smaller(parts.debt, wallet.debt);
    const debtRepaid = repaidBy(wallet, credits(parts.debt - debtReduced));
    const { moves, forfeited, extended } = returnTo(organization, wallet, [...debtRepaid, ...parts.slices], now);
    const refundId = derivedId('ref', organization.id, commandId);
    const event: OwnEvent = {
      type: 'ChargeRefunded',
      data: {
        refundId,
        chargeId: charge.transactionId,
        wallet: wallet.key,
        charged: charge.charged,
        amount,
        forfeited,
        moves,
        debtReduced,
        debtRepaid,
        drawnAt: charge.bookedAt,
        extended,
        reason,
        booking: book(wallet, 'refund', {
          transactionId: derivedTransactionId(organization.id, commandId),
          credited: credits(amount - forfeited),
          slices: moves
            .filter(({ move }) => move === 'return')
            .map(({ lotId, amount: part }) => ({ lotId, amount: part })),
          debt: credits(-debtReduced),
          eventTime: now,
        }),
      },
    };
    const returned = moves.filter(({ move }) => move === 'return');
    const owed = { key: wallet.key, debt: credits(wallet.debt - debtReduced) };
    return accept<OwnEvent>(event, ...debtPaidByFreed(owed, returned, now));
  },
  answer: (_, __, events) => {
    const [event] = events;
    if (event?.type !== 'ChargeRefunded') throw new Error('a refund without its event');
    const { refundId, amount, forfeited, booking, chargeId } = event.data;
    return {
      id: refundId,
      transactions: [
        {
          id: booking.transactionId,
          kind: booking.kind,
          wallet: booking.wallet,
          refunded_transaction_id: chargeId,
          credits_credited: format(booking.credited),
          balance_before: format(booking.balanceBefore),
          balance_after: format(booking.balanceAfter),
        },
      ],
      credits: format(amount),
      forfeited: format(forfeited),
    };
  },
};
