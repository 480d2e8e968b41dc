export {
  type Credits,
  credits,
  format,
  larger,
  minus,
  NO_CREDITS,
  ONE_CREDIT,
  parseCredits,
  parseQuantity,
  plus,
  type Quantity,
  quantity,
  smaller,
  storedCredits,
  storedQuantity,
  storedSum,
  sum,
} from './amounts';
export { type DecimalFault, formatDecimal, isInRange, LARGEST, ONE, parseDecimal, SCALE } from './decimal';
export { accept, type Decision, refuse, refuseOnRecord, unreachable, type View } from './decision';
export {
  type EventDeclaration,
  type EventOf,
  type EventType,
  eventType,
  type Json,
  type JsonObject,
  OF_A_NEWER_RELEASE,
  UnreadableEvent,
  UnwritableEvent,
} from './event-type';
export { CHAIN_START, chainHash, eventIdOf, expectedHash, follows, storedHash } from './hash-chain';
export {
  CALLER_ID,
  chargeId,
  derivedId,
  derivedTransactionId,
  DRAWDOWN_NAMESPACE,
  type Identity,
  identityOf,
  identityWith,
  organizationNamespace,
  USER_ID,
  USER_ID_FORM,
  uuidDigits,
  uuidOf,
  uuidText,
  uuidV5Bytes,
} from './ids';
export {
  DAY_MICROS,
  earliest,
  fromMicros,
  HOUR_MICROS,
  type Instant,
  latest,
  microsBetween,
  NEVER,
  parseInstant,
  shift,
  storedInstant,
  toMicros,
} from './instant';
export { pointerPart, SHOWN_MAX } from './json-pointer';
export { exponentOf, formatMoney, type Money, type MoneyFault, parseMoney } from './money';
export { CATALOGUE, coverBoth, formatPosition, parsePosition, type Position, positionOf } from './position';
export { addExact, type ExactCredits, multiply, type Rate, ratePer, ratio, type Rounding, roundCharge } from './rate';
export { divide, ROUNDING_MODES, type RoundingMode } from './rounding';
