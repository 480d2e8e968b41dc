import {
  type Credits,
  format,
  type Instant,
  type Quantity,
  storedCredits,
  storedInstant,
  storedQuantity,
} from '@drawdown/kernel';
import { type Static, Type } from '@sinclair/typebox';

/** The stored forms that several events share. Amounts are decimal text, instants RFC 3339 text to the microsecond. */
export const WireCredits = Type.String({ pattern: '^-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,9})?$' });
export const WireInstant = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z$' });
export const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

/** Which charges a lot pays for: each list that is given must contain the charge's value. */
export const WireScope = Type.Object({
  service_types: Type.Optional(Type.Array(Type.String())),
  models: Type.Optional(Type.Array(Type.String())),
  model_tiers: Type.Optional(Type.Array(Type.String())),
  workspaces: Type.Optional(Type.Array(Type.String())),
});
export type Scope = Static<typeof WireScope>;

/** At most `amount` may be consumed from the lot in each window (UTC, half-open, by booking time). */
export interface ConsumptionCap {
  readonly amount: Credits;
  readonly per: 'day' | 'calendar-month';
}
/** Name of the cap window that an instant, or a UTC day, lies in: a UTC day or month. */
export const capWindowOf = ({ per }: Pick<ConsumptionCap, 'per'>, at: string): string =>
  at.slice(0, per === 'day' ? 10 : 7);

export const WireCap = Type.Object({
  amount: WireCredits,
  per: Type.Union([Type.Literal('day'), Type.Literal('calendar-month')]),
});
export const readCap = (wire: Static<typeof WireCap>): ConsumptionCap => ({
  amount: storedCredits(wire.amount),
  per: wire.per,
});
export const writeCap = (cap: ConsumptionCap): Static<typeof WireCap> => ({ amount: format(cap.amount), per: cap.per });

/** What a movement does to a lot's terms (invariants.md, INV-LOT-1). */
export const MOVES = ['consume', 'return', 'forfeit_return', 'expire', 'void', 'forfeit', 'hold', 'release'] as const;

/**
 * One movement of one lot. `consume`, `expire`, `void`, `forfeit` take from what remains; `return` adds to it;
 * `forfeit_return` books a return that is lost at once (refund to an expired lot); `hold` and `release` set aside
 * and give free. A capture is a release and a consume.
 */
export interface LotMove {
  readonly lotId: string;
  readonly move: (typeof MOVES)[number];
  readonly amount: Credits;
}
export const WireMove = Type.Object({
  lot_id: Type.String(),
  move: Type.Union(MOVES.map((move) => Type.Literal(move))),
  amount: WireCredits,
});
export const readMove = (wire: Static<typeof WireMove>): LotMove => ({
  lotId: wire.lot_id,
  move: wire.move,
  amount: storedCredits(wire.amount),
});
export const writeMove = (move: LotMove): Static<typeof WireMove> => ({
  lot_id: move.lotId,
  move: move.move,
  amount: format(move.amount),
});

export const TRANSACTION_KINDS = [
  'grant',
  'purchase',
  'auto_top_up',
  'consumption',
  'refund',
  'expiry',
  'void',
  'adjustment',
  'forfeiture',
] as const;
export type TransactionKind = (typeof TRANSACTION_KINDS)[number];

/** The amounts of a transaction: its number in its wallet and the wallet's settled balance around it (INV-LED-1). */
export interface Booking {
  readonly transactionId: string;
  readonly kind: TransactionKind;
  readonly wallet: string;
  /** 1, 2, 3 … within the wallet. */
  readonly sequence: number;
  readonly credited: Credits;
  readonly debited: Credits;
  readonly balanceBefore: Credits;
  readonly balanceAfter: Credits;
  /** The lots it drew from, in draw order, or gave back to. */
  readonly slices: readonly Slice[];
  /** Change of the wallet's debt: what no lot covered (positive), or what was paid of it (negative). */
  readonly debt: Credits;
  readonly policyVersion: number;
  /** When what it books took effect: equal to the booking time unless stated (an expiry booked late). */
  readonly eventTime: Instant;
}

/** A part of a charge and the lot that paid it. */
export interface Slice {
  readonly lotId: string;
  readonly amount: Credits;
}
export const WireSlice = Type.Object({ lot_id: Type.String(), amount: WireCredits });
export const readSlice = (wire: Static<typeof WireSlice>): Slice => ({
  lotId: wire.lot_id,
  amount: storedCredits(wire.amount),
});
export const writeSlice = (slice: Slice): Static<typeof WireSlice> => ({
  lot_id: slice.lotId,
  amount: format(slice.amount),
});

export const WireBooking = Type.Object({
  transaction_id: Type.String(),
  kind: Type.Union(TRANSACTION_KINDS.map((kind) => Type.Literal(kind))),
  wallet: Type.String(),
  sequence: Type.Integer({ minimum: 1 }),
  credited: WireCredits,
  debited: WireCredits,
  balance_before: WireCredits,
  balance_after: WireCredits,
  slices: Type.Array(WireSlice),
  debt: WireCredits,
  policy_version: Type.Integer({ minimum: 1 }),
  event_time: WireInstant,
});
export const readBooking = (wire: Static<typeof WireBooking>): Booking => ({
  transactionId: wire.transaction_id,
  kind: wire.kind,
  wallet: wire.wallet,
  sequence: wire.sequence,
  credited: storedCredits(wire.credited),
  debited: storedCredits(wire.debited),
  balanceBefore: storedCredits(wire.balance_before),
  balanceAfter: storedCredits(wire.balance_after),
  slices: wire.slices.map(readSlice),
  debt: storedCredits(wire.debt),
  policyVersion: wire.policy_version,
  eventTime: storedInstant(wire.event_time),
});
export const writeBooking = (booking: Booking): Static<typeof WireBooking> => ({
  transaction_id: booking.transactionId,
  kind: booking.kind,
  wallet: booking.wallet,
  sequence: booking.sequence,
  credited: format(booking.credited),
  debited: format(booking.debited),
  balance_before: format(booking.balanceBefore),
  balance_after: format(booking.balanceAfter),
  slices: booking.slices.map(writeSlice),
  debt: format(booking.debt),
  policy_version: booking.policyVersion,
  event_time: booking.eventTime,
});

export const readOptionalInstant = (text: string | null): Instant | null =>
  text === null ? null : storedInstant(text);

/** Quantities by name, in the order in which they were reported. */
export type Quantities = readonly (readonly [name: string, amount: Quantity])[];
export const WireQuantities = Type.Array(Type.Tuple([Type.String(), Type.String()]));
export const readQuantities = (wire: Static<typeof WireQuantities>): Quantities =>
  wire.map(([name, amount]) => [name, storedQuantity(amount)] as const);
export const writeQuantities = (quantities: Quantities): Static<typeof WireQuantities> =>
  quantities.map(([name, amount]): [string, string] => [name, format(amount)]);
