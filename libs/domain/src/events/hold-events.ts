import { type Credits, eventType, format, storedCredits, storedInstant } from '@drawdown/kernel';
import { type Static, Type } from '@sinclair/typebox';
import { readCaptureUsage, WireCaptureUsage, writeCaptureUsage } from './capture-usage';
import {
  type LotMove,
  Nullable,
  readBooking,
  readMove,
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

const WireHold = {
  hold_id: Type.String(),
  wallet: Type.String(),
};

/** A part of a hold: what was set aside, or given free. */
const WirePart = Type.Object({ ...WireHold, slices: Type.Array(WireSlice), overdraft: WireCredits });
interface Part {
  readonly holdId: string;
  readonly wallet: string;
  readonly slices: readonly Slice[];
  readonly overdraft: Credits;
}
const readPart = (wire: Static<typeof WirePart>): Part => ({
  holdId: wire.hold_id,
  wallet: wire.wallet,
  slices: wire.slices.map(readSlice),
  overdraft: storedCredits(wire.overdraft),
});
const writePart = (data: Part): Static<typeof WirePart> => ({
  hold_id: data.holdId,
  wallet: data.wallet,
  slices: data.slices.map(writeSlice),
  overdraft: format(data.overdraft),
});

/**
 * Of a hold that ends, what had ended before it: credits of lots that were voided (a booking of kind `void`) or had expired
 * and were extended since (`expiry`) while it held them. Taken out of the hold and off the balance in one, before the hold's
 * end at `effectiveAt` gives the rest free (INV-LOT-4, INV-HLD-6). The slices of the booking say of which lots.
 */
export const HeldCreditsEnded = eventType('HeldCreditsEnded', {
  wire: Type.Object({ ...WireHold, booking: WireBooking, effective_at: WireInstant }),
  read: (wire) => ({
    holdId: wire.hold_id,
    wallet: wire.wallet,
    booking: readBooking(wire.booking),
    effectiveAt: storedInstant(wire.effective_at),
  }),
  write: (data) => ({
    hold_id: data.holdId,
    wallet: data.wallet,
    booking: writeBooking(data.booking),
    effective_at: data.effectiveAt,
  }),
});

/** Credits were set aside. `overdraft` is the part that no lot covers (within the wallet's limit). */
export const HoldAuthorized = eventType('HoldAuthorized', {
  wire: Type.Object({
    ...WirePart.properties,
    expires_at: WireInstant,
    service_type: Nullable(Type.String()),
    reference: Nullable(Type.String()),
  }),
  read: (wire) => ({
    ...readPart(wire),
    expiresAt: storedInstant(wire.expires_at),
    serviceType: wire.service_type,
    reference: wire.reference,
  }),
  write: (data) => ({
    ...writePart(data),
    expires_at: data.expiresAt,
    service_type: data.serviceType,
    reference: data.reference,
  }),
});

/** A hold lives longer, and sets more aside where `slices` or `overdraft` say so. */
export const HoldExtended = eventType('HoldExtended', {
  wire: Type.Object({
    ...WirePart.properties,
    expires_at: WireInstant,
    previous_expires_at: WireInstant,
  }),
  read: (wire) => ({
    ...readPart(wire),
    expiresAt: storedInstant(wire.expires_at),
    previousExpiresAt: storedInstant(wire.previous_expires_at),
  }),
  write: (data) => ({
    ...writePart(data),
    expires_at: data.expiresAt,
    previous_expires_at: data.previousExpiresAt,
  }),
});

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
    usage: readCaptureUsage(wire.usage),
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
    usage: writeCaptureUsage(data.usage),
    booking: writeBooking(data.booking),
  }),
});

const holdEnded = <Name extends string>(name: Name) =>
  eventType(name, {
    wire: Type.Object({
      ...WirePart.properties,
      effective_at: WireInstant,
    }),
    read: (wire) => ({
      ...readPart(wire),
      effectiveAt: storedInstant(wire.effective_at),
    }),
    write: (data) => ({
      ...writePart(data),
      effective_at: data.effectiveAt,
    }),
  });

/** The open rest of a hold was given free by its owner. */
export const HoldReleased = holdEnded('HoldReleased');

/** The open rest of a hold was given free by time. */
export const HoldExpired = holdEnded('HoldExpired');
