import {
  type Credits,
  type EventOf,
  eventType,
  format,
  type Instant,
  storedCredits,
  storedInstant,
} from '@drawdown/kernel';
import { Type } from '@sinclair/typebox';
import {
  type ConsumptionCap,
  type LotMove,
  Nullable,
  readBooking,
  readCap,
  readMove,
  readOptionalInstant,
  readSlice,
  type Scope,
  type Slice,
  WireBooking,
  WireCap,
  WireCredits,
  WireInstant,
  WireMove,
  WireScope,
  WireSlice,
  writeBooking,
  writeCap,
  writeMove,
  writeSlice,
} from './wire';

export const FUNDING = ['payment', 'subscription', 'promotion', 'adjustment', 'grant'] as const;

/** A lot's terms as granted. They change only by events that state old and new value (INV-LOT-11). */
export interface LotTerms {
  readonly lotId: string;
  readonly wallet: string;
  readonly creditType: string;
  readonly amount: Credits;
  readonly priority: number;
  readonly effectiveAt: Instant;
  readonly expiresAt: Instant | null;
  readonly scope: Scope | null;
  readonly cap: ConsumptionCap | null;
  /** Money paid per credit, as decimal text with its currency; null where nothing was paid. */
  readonly costBasis: { readonly amount: string; readonly currency: string } | null;
  readonly funding: (typeof FUNDING)[number];
  /** Number of the grant in its wallet: the last tie-break of the draw order. */
  readonly sequence: number;
}

const WireLotTerms = Type.Object({
  lot_id: Type.String(),
  wallet: Type.String(),
  credit_type: Type.String(),
  amount: WireCredits,
  priority: Type.Integer(),
  effective_at: WireInstant,
  expires_at: Nullable(WireInstant),
  scope: Nullable(WireScope),
  cap: Nullable(WireCap),
  cost_basis: Nullable(Type.Object({ amount: Type.String(), currency: Type.String() })),
  funding: Type.Union(FUNDING.map((funding) => Type.Literal(funding))),
  sequence: Type.Integer({ minimum: 1 }),
});

/** Credits were added: a lot came to be, and as much of it as there was debt paid that debt at once (INV-LOT-7). */
export const CreditsGranted = eventType('CreditsGranted', {
  wire: Type.Object({ lot: WireLotTerms, debt_paid: WireCredits, reason: Type.String(), booking: WireBooking }),
  read: ({ lot, debt_paid, reason, booking }) => ({
    lot: {
      lotId: lot.lot_id,
      wallet: lot.wallet,
      creditType: lot.credit_type,
      amount: storedCredits(lot.amount),
      priority: lot.priority,
      effectiveAt: storedInstant(lot.effective_at),
      expiresAt: readOptionalInstant(lot.expires_at),
      scope: lot.scope,
      cap: lot.cap === null ? null : readCap(lot.cap),
      costBasis: lot.cost_basis,
      funding: lot.funding,
      sequence: lot.sequence,
    } satisfies LotTerms as LotTerms,
    debtPaid: storedCredits(debt_paid),
    reason,
    booking: readBooking(booking),
  }),
  write: ({ lot, debtPaid, reason, booking }) => ({
    lot: {
      lot_id: lot.lotId,
      wallet: lot.wallet,
      credit_type: lot.creditType,
      amount: format(lot.amount),
      priority: lot.priority,
      effective_at: lot.effectiveAt,
      expires_at: lot.expiresAt,
      scope: lot.scope,
      cap: lot.cap === null ? null : writeCap(lot.cap),
      cost_basis: lot.costBasis,
      funding: lot.funding,
      sequence: lot.sequence,
    },
    debt_paid: format(debtPaid),
    reason,
    booking: writeBooking(booking),
  }),
});

/** A scheduled lot took effect; where the wallet was in debt, it paid, which moves no balance: debt and lot shrink alike. */
export const LotActivated = eventType('LotActivated', {
  wire: Type.Object({
    wallet: Type.String(),
    lot_id: Type.String(),
    debt_paid: WireCredits,
    effective_at: WireInstant,
  }),
  read: (wire) => ({
    wallet: wire.wallet,
    lotId: wire.lot_id,
    debtPaid: storedCredits(wire.debt_paid),
    effectiveAt: storedInstant(wire.effective_at),
  }),
  write: (data) => ({
    wallet: data.wallet,
    lot_id: data.lotId,
    debt_paid: format(data.debtPaid),
    effective_at: data.effectiveAt,
  }),
});

/** What remained of a lot, less what is held, at its expiry; booked once per part (INV-TIM-4). */
export const LotExpired = eventType('LotExpired', {
  wire: Type.Object({ lot_id: Type.String(), amount: WireCredits, booking: WireBooking }),
  read: (wire) => ({
    lotId: wire.lot_id,
    amount: storedCredits(wire.amount),
    booking: readBooking(wire.booking),
  }),
  write: (data) => ({ lot_id: data.lotId, amount: format(data.amount), booking: writeBooking(data.booking) }),
});

/** The unspent, unheld rest of a grant was cancelled. */
export const GrantVoided = eventType('GrantVoided', {
  wire: Type.Object({ lot_id: Type.String(), amount: WireCredits, reason: Type.String(), booking: WireBooking }),
  read: (wire) => ({
    lotId: wire.lot_id,
    amount: storedCredits(wire.amount),
    reason: wire.reason,
    booking: readBooking(wire.booking),
  }),
  write: (data) => ({
    lot_id: data.lotId,
    amount: format(data.amount),
    reason: data.reason,
    booking: writeBooking(data.booking),
  }),
});

/** Credits were taken by hand, with a reason. (Adding by hand is a grant with funding `adjustment`.) */
export const BalanceReduced = eventType('BalanceReduced', {
  wire: Type.Object({ reason: Type.String(), booking: WireBooking }),
  read: (wire) => ({ reason: wire.reason, booking: readBooking(wire.booking) }),
  write: (data) => ({ reason: data.reason, booking: writeBooking(data.booking) }),
});

const WireHold = {
  hold_id: Type.String(),
  wallet: Type.String(),
};

/** Credits were set aside. `overdraft` is the part that no lot covers (within the wallet's limit). */
export const HoldAuthorized = eventType('HoldAuthorized', {
  wire: Type.Object({
    ...WireHold,
    slices: Type.Array(WireSlice),
    overdraft: WireCredits,
    expires_at: WireInstant,
    service_type: Nullable(Type.String()),
    reference: Nullable(Type.String()),
  }),
  read: (wire) => ({
    holdId: wire.hold_id,
    wallet: wire.wallet,
    slices: wire.slices.map(readSlice) as readonly Slice[],
    overdraft: storedCredits(wire.overdraft),
    expiresAt: storedInstant(wire.expires_at),
    serviceType: wire.service_type,
    reference: wire.reference,
  }),
  write: (data) => ({
    hold_id: data.holdId,
    wallet: data.wallet,
    slices: data.slices.map(writeSlice),
    overdraft: format(data.overdraft),
    expires_at: data.expiresAt,
    service_type: data.serviceType,
    reference: data.reference,
  }),
});

/** A hold lives longer, and sets more aside where `slices` or `overdraft` say so. */
export const HoldExtended = eventType('HoldExtended', {
  wire: Type.Object({
    ...WireHold,
    slices: Type.Array(WireSlice),
    overdraft: WireCredits,
    expires_at: WireInstant,
    previous_expires_at: WireInstant,
  }),
  read: (wire) => ({
    holdId: wire.hold_id,
    wallet: wire.wallet,
    slices: wire.slices.map(readSlice) as readonly Slice[],
    overdraft: storedCredits(wire.overdraft),
    expiresAt: storedInstant(wire.expires_at),
    previousExpiresAt: storedInstant(wire.previous_expires_at),
  }),
  write: (data) => ({
    hold_id: data.holdId,
    wallet: data.wallet,
    slices: data.slices.map(writeSlice),
    overdraft: format(data.overdraft),
    expires_at: data.expiresAt,
    previous_expires_at: data.previousExpiresAt,
  }),
});

/** What a capture was for, as its caller said. */
const WireCaptureUsage = Type.Object({
  service_type: Nullable(Type.String()),
  workspace_id: Nullable(Type.String()),
  user_id: Nullable(Type.String()),
  resource_type: Nullable(Type.String()),
  resource_id: Nullable(Type.String()),
  model: Nullable(Type.String()),
  task_id: Nullable(Type.String()),
});
export interface CaptureUsage {
  readonly serviceType: string | null;
  readonly workspaceId: string | null;
  readonly userId: string | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly model: string | null;
  readonly taskId: string | null;
}

/**
 * Part of a hold, or more than it, was spent. `asked` is what the caller reported, `moves` what happened to the lots
 * (release and consume), `excess` the part above the hold and `overCapture` the rule that dealt with it (INV-HLD-4),
 * `overdraftReleased` how much less the hold may overdraw from now on.
 */
export const HoldCaptured = eventType('HoldCaptured', {
  wire: Type.Object({
    ...WireHold,
    asked: WireCredits,
    excess: WireCredits,
    over_capture: Nullable(Type.String()),
    uncovered: WireCredits,
    overdraft_released: WireCredits,
    moves: Type.Array(WireMove),
    final: Type.Boolean(),
    usage: WireCaptureUsage,
    booking: WireBooking,
  }),
  read: (wire) => ({
    holdId: wire.hold_id,
    wallet: wire.wallet,
    asked: storedCredits(wire.asked),
    excess: storedCredits(wire.excess),
    overCapture: wire.over_capture,
    uncovered: storedCredits(wire.uncovered),
    overdraftReleased: storedCredits(wire.overdraft_released),
    moves: wire.moves.map(readMove) as readonly LotMove[],
    final: wire.final,
    usage: {
      serviceType: wire.usage.service_type,
      workspaceId: wire.usage.workspace_id,
      userId: wire.usage.user_id,
      resourceType: wire.usage.resource_type,
      resourceId: wire.usage.resource_id,
      model: wire.usage.model,
      taskId: wire.usage.task_id,
    } satisfies CaptureUsage as CaptureUsage,
    booking: readBooking(wire.booking),
  }),
  write: (data) => ({
    hold_id: data.holdId,
    wallet: data.wallet,
    asked: format(data.asked),
    excess: format(data.excess),
    over_capture: data.overCapture,
    uncovered: format(data.uncovered),
    overdraft_released: format(data.overdraftReleased),
    moves: data.moves.map(writeMove),
    final: data.final,
    usage: {
      service_type: data.usage.serviceType,
      workspace_id: data.usage.workspaceId,
      user_id: data.usage.userId,
      resource_type: data.usage.resourceType,
      resource_id: data.usage.resourceId,
      model: data.usage.model,
      task_id: data.usage.taskId,
    },
    booking: writeBooking(data.booking),
  }),
});

const holdEnded = <Name extends string>(name: Name) =>
  eventType(name, {
    wire: Type.Object({
      ...WireHold,
      slices: Type.Array(WireSlice),
      overdraft: WireCredits,
      effective_at: WireInstant,
    }),
    read: (wire) => ({
      holdId: wire.hold_id,
      wallet: wire.wallet,
      slices: wire.slices.map(readSlice) as readonly Slice[],
      overdraft: storedCredits(wire.overdraft),
      effectiveAt: storedInstant(wire.effective_at),
    }),
    write: (data) => ({
      hold_id: data.holdId,
      wallet: data.wallet,
      slices: data.slices.map(writeSlice),
      overdraft: format(data.overdraft),
      effective_at: data.effectiveAt,
    }),
  });

/** The open rest of a hold was given free by its owner. */
export const HoldReleased = holdEnded('HoldReleased');

/** The open rest of a hold was given free by time. */
export const HoldExpired = holdEnded('HoldExpired');

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
  | EventOf<typeof LotExpired>
  | EventOf<typeof GrantVoided>
  | EventOf<typeof BalanceReduced>
  | EventOf<typeof HoldAuthorized>
  | EventOf<typeof HoldExtended>
  | EventOf<typeof HoldCaptured>
  | EventOf<typeof HoldReleased>
  | EventOf<typeof HoldExpired>
  | EventOf<typeof ChargeRefunded>
  | EventOf<typeof OrganizationClosed>;
