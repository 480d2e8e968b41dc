import { type EventOf, eventType, format, type Instant, storedCredits, storedInstant } from '@drawdown/kernel';
import { Type } from '@sinclair/typebox';
import type {
  HeldCreditsEnded,
  HoldAuthorized,
  HoldCaptured,
  HoldExpired,
  HoldExtended,
  HoldReleased,
} from './hold-events';
import type {
  BalanceReduced,
  CreditsGranted,
  DebtPaid,
  GrantVoided,
  HeldRestVoided,
  LotActivated,
  LotExpired,
} from './lot-events';
import {
  type LotMove,
  Nullable,
  readBooking,
  readMove,
  readOptionalInstant,
  readSlice,
  type Slice,
  WireBooking,
  WireCredits,
  WireInstant,
  WireMove,
  WireSlice,
  writeBooking,
  writeMove,
  writeSlice,
} from './wire';

/** A part of a charge's debt that a lot had paid, and gets back. */
export interface DebtRepaid extends Slice {
  /** Null in events of before that was kept. */
  readonly paidAt: Instant | null;
}

/**
 * A charge, or part of it, was given back to the lots it came from, last drawn first. `forfeited` is what went to
 * lots that had ended meanwhile and was lost by policy; `extended` names lots that live again until a later instant.
 * Of a part that had become debt, `debtReduced` was still owed; `debtRepaid` names the lots that had paid the rest and
 * get it back, and are the first of `moves`. Caps are given back in the window in which they were used: `drawnAt` is the
 * charge's booking time, `paidAt` when a lot paid debt.
 */
export const ChargeRefunded = eventType('ChargeRefunded', {
  wire: Type.Object({
    refund_id: Type.String(),
    charge_id: Type.String(),
    wallet: Type.String(),
    charged: WireCredits,
    amount: WireCredits,
    forfeited: WireCredits,
    moves: Type.Array(WireMove),
    debt_reduced: WireCredits,
    debt_repaid: Type.Array(Type.Composite([WireSlice, Type.Object({ paid_at: Type.Optional(WireInstant) })])),
    drawn_at: WireInstant,
    extended: Type.Array(
      Type.Object({ lot_id: Type.String(), expires_at: WireInstant, previous_expires_at: Nullable(WireInstant) }),
    ),
    reason: Type.String(),
    booking: WireBooking,
  }),
  read: (wire) => ({
    refundId: wire.refund_id,
    chargeId: wire.charge_id,
    wallet: wire.wallet,
    charged: storedCredits(wire.charged),
    amount: storedCredits(wire.amount),
    forfeited: storedCredits(wire.forfeited),
    moves: wire.moves.map(readMove) as readonly LotMove[],
    debtReduced: storedCredits(wire.debt_reduced),
    debtRepaid: wire.debt_repaid.map((slice): DebtRepaid => ({
      ...readSlice(slice),
      paidAt: slice.paid_at === undefined ? null : storedInstant(slice.paid_at),
    })) as readonly DebtRepaid[],
    drawnAt: storedInstant(wire.drawn_at),
    extended: wire.extended.map((lot) => ({
      lotId: lot.lot_id,
      expiresAt: storedInstant(lot.expires_at),
      previousExpiresAt: readOptionalInstant(lot.previous_expires_at),
    })),
    reason: wire.reason,
    booking: readBooking(wire.booking),
  }),
  write: (data) => ({
    refund_id: data.refundId,
    charge_id: data.chargeId,
    wallet: data.wallet,
    charged: format(data.charged),
    amount: format(data.amount),
    forfeited: format(data.forfeited),
    moves: data.moves.map(writeMove),
    debt_reduced: format(data.debtReduced),
    debt_repaid: data.debtRepaid.map((slice) => ({
      ...writeSlice(slice),
      ...(slice.paidAt === null ? {} : { paid_at: slice.paidAt }),
    })),
    drawn_at: data.drawnAt,
    extended: data.extended.map((lot) => ({
      lot_id: lot.lotId,
      expires_at: lot.expiresAt,
      previous_expires_at: lot.previousExpiresAt,
    })),
    reason: data.reason,
    booking: writeBooking(data.booking),
  }),
});

/** The organization takes no further command. Under `forfeit` each wallet's lots end with it; under `keep` they stay, dormant. */
export const OrganizationClosed = eventType('OrganizationClosed', {
  wire: Type.Object({
    reason: Type.String(),
    forfeitures: Type.Array(Type.Object({ moves: Type.Array(WireMove), booking: WireBooking })),
  }),
  read: (wire) => ({
    reason: wire.reason,
    forfeitures: wire.forfeitures.map((forfeiture) => ({
      moves: forfeiture.moves.map(readMove) as readonly LotMove[],
      booking: readBooking(forfeiture.booking),
    })),
  }),
  write: (data) => ({
    reason: data.reason,
    forfeitures: data.forfeitures.map((forfeiture) => ({
      moves: forfeiture.moves.map(writeMove),
      booking: writeBooking(forfeiture.booking),
    })),
  }),
});

export type WalletEvent =
  | EventOf<typeof CreditsGranted>
  | EventOf<typeof LotActivated>
  | EventOf<typeof DebtPaid>
  | EventOf<typeof LotExpired>
  | EventOf<typeof GrantVoided>
  | EventOf<typeof HeldRestVoided>
  | EventOf<typeof BalanceReduced>
  | EventOf<typeof HoldAuthorized>
  | EventOf<typeof HoldExtended>
  | EventOf<typeof HoldCaptured>
  | EventOf<typeof HeldCreditsEnded>
  | EventOf<typeof HoldReleased>
  | EventOf<typeof HoldExpired>
  | EventOf<typeof ChargeRefunded>
  | EventOf<typeof OrganizationClosed>;
