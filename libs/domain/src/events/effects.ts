import { credits, type Credits, type Instant, NO_CREDITS, sum, unreachable } from '@drawdown/kernel';
import type { OrganizationEvent } from './organization-events';
import type { RefusalEvent } from './refusal-events';
import type { WalletEvent } from './wallet-events';
import type { Booking, LotMove, Slice } from './wire';

/** Events of one organization; usage charges are packed and carry their own effects ({@link Charge}). */
export type OwnEvent = OrganizationEvent | WalletEvent | RefusalEvent;

/**
 * What an event does to amounts, in one place: the state, the read models and the checks all apply these, so that
 * none of them can understand an event differently.
 */
export interface Effects {
  readonly moves: readonly DrawnMove[];
  /** When that was drawn which the moves draw or give back: caps count by it. Null: when the event was booked. */
  readonly drawnAt: Instant | null;
  /** Change of a wallet's debt: wallet and signed amount; null where there is none. */
  readonly debt: { readonly wallet: string; readonly change: Credits } | null;
  readonly bookings: readonly Booking[];
  /** Lots whose expiry was moved, with the new one. */
  readonly extended: readonly { readonly lotId: string; readonly expiresAt: Instant }[];
}

/** A move of what was drawn at another time than the rest of its event. */
export interface DrawnMove extends LotMove {
  readonly drawnAt?: Instant;
}

const NONE: Effects = { moves: [], drawnAt: null, debt: null, bookings: [], extended: [] };

export const movesOf = (move: LotMove['move'], slices: readonly Slice[]): LotMove[] =>
  slices.map(({ lotId, amount }) => ({ lotId, move, amount }));

export const effectsOf = (event: OwnEvent): Effects => {
  switch (event.type) {
    case 'OrganizationCreated':
    case 'MemberRoleSet':
    case 'MemberRemoved':
    case 'RateCardAssigned':
    case 'WalletPolicyChanged':
    case 'CommandAnswered':
    case 'OrganizationFrozen':
    case 'AccessRefused':
    case 'HoldRefused':
    case 'CaptureRefused':
    case 'HeldRestVoided':
      return NONE;
    case 'CreditsGranted': {
      const { lot, debtPaid, booking } = event.data;
      const paid: readonly LotMove[] = debtPaid > 0n ? [{ lotId: lot.lotId, move: 'consume', amount: debtPaid }] : [];
      return { ...NONE, moves: paid, debt: debtOf(lot.wallet, credits(-debtPaid)), bookings: [booking] };
    }
    case 'LotActivated': {
      const { wallet, lotId, debtPaid, effectiveAt } = event.data;
      const paid: readonly LotMove[] = debtPaid > 0n ? [{ lotId, move: 'consume', amount: debtPaid }] : [];
      return { ...NONE, moves: paid, drawnAt: effectiveAt, debt: debtOf(wallet, credits(-debtPaid)) };
    }
    case 'DebtPaid': {
      const { wallet, slices, effectiveAt } = event.data;
      const paid = credits(-sum(slices.map(({ amount }) => amount)));
      return { ...NONE, moves: movesOf('consume', slices), drawnAt: effectiveAt, debt: debtOf(wallet, paid) };
    }
    case 'LotExpired':
      return single('expire', event.data);
    case 'GrantVoided':
      return single('void', event.data);
    case 'BalanceReduced': {
      const { booking } = event.data;
      return {
        ...NONE,
        moves: movesOf('consume', booking.slices),
        debt: debtOf(booking.wallet, booking.debt),
        bookings: [booking],
      };
    }
    case 'HoldAuthorized':
    case 'HoldExtended':
      return { ...NONE, moves: movesOf('hold', event.data.slices) };
    case 'HoldCaptured': {
      const { moves, booking } = event.data;
      return { ...NONE, moves, debt: debtOf(booking.wallet, booking.debt), bookings: [booking] };
    }
    case 'HeldCreditsEnded': {
      const { booking } = event.data;
      const end = booking.kind === 'void' ? 'void' : 'expire';
      const moves = [...movesOf('release', booking.slices), ...movesOf(end, booking.slices)];
      return { ...NONE, moves, bookings: [booking] };
    }
    case 'HoldReleased':
    case 'HoldExpired':
      return { ...NONE, moves: movesOf('release', event.data.slices) };
    case 'ChargeRefunded': {
      const { drawnAt, wallet, debtReduced, debtRepaid, extended, booking } = event.data;
      const moves = event.data.moves.map((move, n): DrawnMove => {
        const paidAt = debtRepaid[n]?.paidAt ?? null;
        return paidAt === null ? move : { ...move, drawnAt: paidAt };
      });
      return { moves, drawnAt, debt: debtOf(wallet, credits(-debtReduced)), bookings: [booking], extended };
    }
    case 'OrganizationClosed': {
      const { forfeitures } = event.data;
      return {
        ...NONE,
        moves: forfeitures.flatMap((forfeiture) => forfeiture.moves),
        bookings: forfeitures.map((forfeiture) => forfeiture.booking),
      };
    }
    default:
      return unreachable(event);
  }
};

const debtOf = (wallet: string, change: Credits): Effects['debt'] =>
  change === NO_CREDITS ? null : { wallet, change };

const single = (
  move: 'expire' | 'void',
  { lotId, amount, booking }: { lotId: string; amount: Credits; booking: Booking },
): Effects => ({ ...NONE, moves: [{ lotId, move, amount }], bookings: [booking] });

/** The lots and the hold that an event changes, in whatever way. */
export const changedBy = (event: OwnEvent): { readonly lots: readonly string[]; readonly hold: string | null } => {
  const { moves, extended } = effectsOf(event);
  const moved = [...moves, ...extended].map(({ lotId }) => lotId);
  switch (event.type) {
    case 'CreditsGranted':
      return { lots: [...moved, event.data.lot.lotId], hold: null };
    case 'LotActivated':
    case 'HeldRestVoided':
      return { lots: [...moved, event.data.lotId], hold: null };
    case 'HoldAuthorized':
    case 'HoldExtended':
    case 'HoldCaptured':
    case 'HeldCreditsEnded':
    case 'HoldReleased':
    case 'HoldExpired':
      return { lots: moved, hold: event.data.holdId };
    default:
      return { lots: moved, hold: null };
  }
};
