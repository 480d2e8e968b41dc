export { type AccessDecision, accessView, checkAccess, refusalToRecord } from './access/check';
export {
  type ApiKeyEvent,
  type ApiKeyRecord,
  createApiKey,
  evolveApiKey,
  revokeApiKey,
  revokeUnshownApiKey,
  showApiKey,
} from './catalogue/api-key';
export { CATALOGUE_LIMITS, cardRefusal, keyRefusal, versionRefusal } from './catalogue/limits';
export {
  advanceTestClock,
  createTestClock,
  evolveTestClock,
  type TestClock,
  type TestClockEvent,
} from './catalogue/test-clock';
export * from './events';
export {
  ACCEPTED_AGE_DAYS,
  ACCEPTED_LEAD_MICROS,
  acceptedTimes,
  type AcceptedTimes,
  decideUsage,
  presetWallet,
  type UsageDecision,
  walletFor,
} from './metering/charge';
export { explainPrice } from './metering/explain';
export {
  codesSchema,
  DEAD_LETTER_REASONS,
  type DeadLetterReason,
  isNotTaken,
  NOT_TAKEN,
  type NotTakenCode,
  type Rejection,
  type RejectionCode,
  REJECTIONS,
  type UsageRefusedCode,
} from './metering/rejection';
export { isRejection, parseUsageEvent, structuredOf, UsageCloudEvent } from './metering/usage-event';
export {
  DEPTH_MAX,
  exceededLimit,
  type JsonFault,
  KEYS_MAX,
  parseJsonBytes,
  parseJsonText,
  textOf,
  VALUES_MAX,
} from './metering/json-bytes';
export { KnownForms } from './metering/known-forms';
export { organizationOf } from './organization/from-figures';
export { answer, decide, nextDue, settleNext } from './organization/rules';
export type { Preset } from './presets/preset';
export { presetView, SHIPPED_PRESETS } from './presets/presets';
export { CompiledCard, type CompiledRate, CompiledVersion } from './rating/compiled-card';
export { isUnpriced, type PriceFault, type Unpriced } from './rating/price-model';
export { compilePrice, isCompiled } from './rating/price-models';
export {
  activateVersion,
  createRateCard,
  DEFAULT_ROUNDING,
  evolveRateCard,
  type RateCard,
  type RateCardEvent,
  type RateCardVersion,
  rateCardVersionView,
  rateCardView,
  saveVersion,
} from './rating/rate-card';
export {
  type CommandOf,
  type CommandType,
  type Context,
  type OrganizationCommand,
  REFUSAL_CODES,
  type RefundableCharge,
  type Refusal,
  type RefusalCode,
} from './wallet/commands';
export { drawOrder } from './wallet/draw-order';
export { availableTo, type ChargeScope, drawDown, spendable } from './wallet/draw-down';
export { createdOrganization, evolve, evolveCharge } from './wallet/evolve';
export { bookingViolations, exhaustedViolations, lotViolations, violations, violationsBy } from './wallet/invariants';
export { type Hold, type Lot, type Organization, type Wallet, walletNamed } from './wallet/state';
export { organizationView, policyView, walletBalances, walletFiguresOf, walletView } from './wallet/views';
