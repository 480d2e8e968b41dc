import { type Credits, eventType, format, type Instant, storedCredits, storedInstant } from '@drawdown/kernel';
import { Type } from '@sinclair/typebox';
import {
  type ConsumptionCap,
  Nullable,
  readBooking,
  readCap,
  readOptionalInstant,
  readSlice,
  type Scope,
  type Slice,
  WireBooking,
  WireCap,
  WireCredits,
  WireInstant,
  WireScope,
  WireSlice,
  writeBooking,
  writeCap,
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

/** Credits that came free paid debt of their wallet, which moves no balance: debt and lots shrink alike. */
export const DebtPaid = eventType('DebtPaid', {
  wire: Type.Object({
    wallet: Type.String(),
    slices: Type.Array(WireSlice, { minItems: 1 }),
    effective_at: WireInstant,
  }),
  read: (wire) => ({
    wallet: wire.wallet,
    slices: wire.slices.map(readSlice) as readonly Slice[],
    effectiveAt: storedInstant(wire.effective_at),
  }),
  write: (data) => ({
    wallet: data.wallet,
    slices: data.slices.map(writeSlice),
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

/**
 * A grant was voided of which part is held: holds may still capture it, and what they give back is voided then, in a
 * `HeldCreditsEnded` (INV-LOT-4). Moves no credits itself. `held` is what was held.
 */
export const HeldRestVoided = eventType('HeldRestVoided', {
  wire: Type.Object({ lot_id: Type.String(), wallet: Type.String(), held: WireCredits, reason: Type.String() }),
  read: (wire) => ({ lotId: wire.lot_id, wallet: wire.wallet, held: storedCredits(wire.held), reason: wire.reason }),
  write: (data) => ({ lot_id: data.lotId, wallet: data.wallet, held: format(data.held), reason: data.reason }),
});

/** Credits were taken by hand, with a reason. (Adding by hand is a grant with funding `adjustment`.) */
export const BalanceReduced = eventType('BalanceReduced', {
  wire: Type.Object({ reason: Type.String(), booking: WireBooking }),
  read: (wire) => ({ reason: wire.reason, booking: readBooking(wire.booking) }),
  write: (data) => ({ reason: data.reason, booking: writeBooking(data.booking) }),
});
