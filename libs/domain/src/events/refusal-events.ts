import {
  type Credits,
  type EventOf,
  eventType,
  format,
  type Instant,
  storedCredits,
  storedInstant,
} from '@drawdown/kernel';
import { type Static, Type } from '@sinclair/typebox';
import { readCaptureUsage, WireCaptureUsage, writeCaptureUsage } from './capture-usage';
import {
  Nullable,
  type Quantities,
  readOptionalInstant,
  readQuantities,
  WireCredits,
  WireInstant,
  WireQuantities,
  writeQuantities,
} from './wire';

/** What a caller asks about: may this service be used now, for as much as is estimated? */
export interface AccessRequest {
  readonly serviceType: string;
  readonly model: string | null;
  readonly workspaceId: string | null;
  readonly userId: string | null;
  readonly estimate:
    { readonly credits: Credits } | { readonly quantities: Quantities; readonly unit: string | null } | null;
}

/** An access decision that refused: what was asked, what was answered, and on which state. */
export interface AccessRefusal {
  readonly asked: AccessRequest;
  readonly code: string;
  readonly wallet: string | null;
  readonly available: Credits;
  readonly required: Credits;
  readonly nextSteps: readonly { readonly action: string; readonly at?: Instant }[];
  /** The rate card that was asked, and its version in force. */
  readonly rateCard: string | null;
  readonly rateCardVersion: number | null;
  /**
   * Where the ledger stood, as positions are written, and the organization's time: asked again of the state there, and of
   * that version, the same is decided (INV-AUD-6).
   */
  readonly asOf: { readonly position: string; readonly time: Instant };
}

const WireEstimate = Type.Union([
  Type.Object({ credits: WireCredits }),
  Type.Object({ quantities: WireQuantities, unit: Nullable(Type.String()) }),
]);

const readEstimate = (wire: Static<typeof WireEstimate>): AccessRequest['estimate'] =>
  'credits' in wire
    ? { credits: storedCredits(wire.credits) }
    : { quantities: readQuantities(wire.quantities), unit: wire.unit };

const writeEstimate = (estimate: NonNullable<AccessRequest['estimate']>): Static<typeof WireEstimate> =>
  'credits' in estimate
    ? { credits: format(estimate.credits) }
    : { quantities: writeQuantities(estimate.quantities), unit: estimate.unit };

/** Somebody was told that a service may not be used now. Nothing moved; it is kept so that it can be explained. */
export const AccessRefused = eventType('AccessRefused', {
  wire: Type.Object({
    asked: Type.Object({
      service_type: Type.String(),
      model: Nullable(Type.String()),
      workspace_id: Nullable(Type.String()),
      user_id: Nullable(Type.String()),
      estimate: Nullable(WireEstimate),
    }),
    code: Type.String(),
    wallet: Nullable(Type.String()),
    available: WireCredits,
    required: WireCredits,
    next_steps: Type.Array(Type.Object({ action: Type.String(), at: Nullable(WireInstant) })),
    rate_card: Nullable(Type.String()),
    rate_card_version: Nullable(Type.Integer({ minimum: 1 })),
    as_of: Type.Object({ position: Type.String(), time: WireInstant }),
  }),
  read: ({ asked, next_steps, as_of, ...wire }): AccessRefusal => ({
    asked: {
      serviceType: asked.service_type,
      model: asked.model,
      workspaceId: asked.workspace_id,
      userId: asked.user_id,
      estimate: asked.estimate === null ? null : readEstimate(asked.estimate),
    },
    code: wire.code,
    wallet: wire.wallet,
    available: storedCredits(wire.available),
    required: storedCredits(wire.required),
    nextSteps: next_steps.map(({ action, at }) => {
      const instant = readOptionalInstant(at);
      return instant === null ? { action } : { action, at: instant };
    }),
    rateCard: wire.rate_card,
    rateCardVersion: wire.rate_card_version,
    asOf: { position: as_of.position, time: storedInstant(as_of.time) },
  }),
  write: ({ asked, nextSteps, asOf, ...data }) => ({
    asked: {
      service_type: asked.serviceType,
      model: asked.model,
      workspace_id: asked.workspaceId,
      user_id: asked.userId,
      estimate: asked.estimate === null ? null : writeEstimate(asked.estimate),
    },
    code: data.code,
    wallet: data.wallet,
    available: format(data.available),
    required: format(data.required),
    next_steps: nextSteps.map(({ action, at = null }) => ({ action, at })),
    rate_card: data.rateCard,
    rate_card_version: data.rateCardVersion,
    as_of: { position: asOf.position, time: asOf.time },
  }),
});

/**
 * Credits could not be set aside: fewer were available than a new hold, or the extension of one, was for. Decided on the
 * state right before this event, at the time at which it is booked (INV-AUD-6).
 */
export const HoldRefused = eventType('HoldRefused', {
  wire: Type.Object({
    hold_id: Nullable(Type.String()),
    wallet: Type.String(),
    service_type: Nullable(Type.String()),
    reference: Nullable(Type.String()),
    code: Type.String(),
    required: WireCredits,
    available: WireCredits,
    policy_version: Type.Integer({ minimum: 1 }),
  }),
  read: (wire) => ({
    /** The hold that was to be extended; null where it was to be a new one. */
    holdId: wire.hold_id,
    wallet: wire.wallet,
    serviceType: wire.service_type,
    reference: wire.reference,
    code: wire.code,
    required: storedCredits(wire.required),
    available: storedCredits(wire.available),
    policyVersion: wire.policy_version,
  }),
  write: (data) => ({
    hold_id: data.holdId,
    wallet: data.wallet,
    service_type: data.serviceType,
    reference: data.reference,
    code: data.code,
    required: format(data.required),
    available: format(data.available),
    policy_version: data.policyVersion,
  }),
});

/**
 * A capture above its hold was refused by the wallet's rules. What was used is kept, and the rules that refused it
 * (INV-HLD-4); `available` is what there was for the excess. Decided on the state right before this event, at the time at
 * which it is booked (INV-AUD-6).
 */
export const CaptureRefused = eventType('CaptureRefused', {
  wire: Type.Object({
    hold_id: Type.String(),
    wallet: Type.String(),
    code: Type.String(),
    asked: WireCredits,
    held: WireCredits,
    excess: WireCredits,
    available: WireCredits,
    over_capture: Type.String(),
    on_shortfall: Type.String(),
    usage: WireCaptureUsage,
    policy_version: Type.Integer({ minimum: 1 }),
  }),
  read: (wire) => ({
    holdId: wire.hold_id,
    wallet: wire.wallet,
    code: wire.code,
    asked: storedCredits(wire.asked),
    held: storedCredits(wire.held),
    excess: storedCredits(wire.excess),
    available: storedCredits(wire.available),
    overCapture: wire.over_capture,
    onShortfall: wire.on_shortfall,
    usage: readCaptureUsage(wire.usage),
    policyVersion: wire.policy_version,
  }),
  write: (data) => ({
    hold_id: data.holdId,
    wallet: data.wallet,
    code: data.code,
    asked: format(data.asked),
    held: format(data.held),
    excess: format(data.excess),
    available: format(data.available),
    over_capture: data.overCapture,
    on_shortfall: data.onShortfall,
    usage: writeCaptureUsage(data.usage),
    policy_version: data.policyVersion,
  }),
});

export type RefusalEvent = EventOf<typeof AccessRefused> | EventOf<typeof HoldRefused> | EventOf<typeof CaptureRefused>;
