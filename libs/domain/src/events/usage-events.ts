import { type Credits, type EventOf, eventType, format, storedCredits } from '@drawdown/kernel';
import { Type } from '@sinclair/typebox';
import { WireCharges } from './charge-columns';
import { storedCharges, writeCharges } from './stored-charges';
import { readUsage, WireUsage, writeUsage } from './usage';
import { Nullable, WireCredits } from './wire';

/**
 * Consecutive charges of a micro-batch, whatever their organizations. The one event that belongs to no single
 * organization: each charge names its own.
 */
export const UsageCharged = eventType('UsageCharged', {
  wire: Type.Object({ charges: WireCharges }),
  read: (wire) => storedCharges(wire.charges),
  write: (data) => ({ charges: writeCharges(data) }),
});

/** Why authentic usage could not be charged (bad-input vocabulary). It is kept whole and can be driven again. */
export const QUARANTINE_CODES = [
  'no_meter',
  'no_rate',
  'no_rate_card',
  'unit_mismatch',
  'missing_cost',
  'currency_mismatch',
  'inconsistent_usage',
  'unknown_provider',
  'amount_out_of_range',
  'formula_error',
  'formula_result_invalid',
  'event_too_old',
  'event_in_future',
  'before_organization',
  'invalid_parent',
] as const;
export type QuarantineCode = (typeof QUARANTINE_CODES)[number];

export const UsageQuarantined = eventType('UsageQuarantined', {
  wire: Type.Object({
    usage: WireUsage,
    code: Type.Union(QUARANTINE_CODES.map((code) => Type.Literal(code))),
    detail: Type.String(),
  }),
  read: (wire) => ({ usage: readUsage(wire.usage), code: wire.code as QuarantineCode, detail: wire.detail }),
  write: (data) => ({ usage: writeUsage(data.usage), code: data.code, detail: data.detail }),
});

/** Usage that did not fit and, by policy or by `enforce`, drew nothing: recorded with its price and what there was. */
export const UsageRefused = eventType('UsageRefused', {
  wire: Type.Object({
    usage: WireUsage,
    wallet: Type.String(),
    code: Type.String(),
    price: WireCredits,
    available: WireCredits,
    rate_card: Type.String(),
    rate_card_version: Type.Integer(),
    policy_version: Type.Integer(),
  }),
  read: (wire) => ({
    usage: readUsage(wire.usage),
    wallet: wire.wallet,
    code: wire.code,
    price: storedCredits(wire.price) as Credits,
    available: storedCredits(wire.available) as Credits,
    rateCard: wire.rate_card,
    rateCardVersion: wire.rate_card_version,
    policyVersion: wire.policy_version,
  }),
  write: (data) => ({
    usage: writeUsage(data.usage),
    wallet: data.wallet,
    code: data.code,
    price: format(data.price),
    available: format(data.available),
    rate_card: data.rateCard,
    rate_card_version: data.rateCardVersion,
    policy_version: data.policyVersion,
  }),
});

/** A known identity came with other content. The first result stands; both contents are named by their hashes. */
export const UsageConflicted = eventType('UsageConflicted', {
  wire: Type.Object({
    source: Type.String(),
    id: Type.String(),
    first_hash: Type.String(),
    other_hash: Type.String(),
    transaction_id: Nullable(Type.String()),
  }),
  read: (wire) => ({
    source: wire.source,
    id: wire.id,
    firstHash: wire.first_hash,
    otherHash: wire.other_hash,
    transactionId: wire.transaction_id,
  }),
  write: (data) => ({
    source: data.source,
    id: data.id,
    first_hash: data.firstHash,
    other_hash: data.otherHash,
    transaction_id: data.transactionId,
  }),
});

export type UsageLedgerEvent =
  | EventOf<typeof UsageCharged>
  | EventOf<typeof UsageQuarantined>
  | EventOf<typeof UsageRefused>
  | EventOf<typeof UsageConflicted>;
