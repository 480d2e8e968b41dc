export { type CaptureUsage } from './capture-usage';
export { type ApiScope, type CatalogueEvent, type SavedRate, SCOPES } from './catalogue-events';
export { ChargeColumns } from './charge-columns';
export {
  type Attribution,
  type ConsumptionVisitor,
  type DrawVisitor,
  UNATTRIBUTED,
  walkConsumption,
  walkDraws,
} from './charge-walks';
export {
  balanceDocument,
  type Balances,
  balancesOf,
  drawableByAny,
  figuresAt,
  stillUsedUp,
  holdDocument,
  type HoldFigures,
  LOT_STATES,
  lotDocument,
  type LotFigures,
  type LotState,
  lotStateOf,
  statusOf,
  walletDocument,
  type WalletFigures,
} from './documents';
export { debtPaidBy, withDueActivations } from './due-activations';
export { changedBy, type Effects, effectsOf, movesOf, type OwnEvent } from './effects';
export {
  type Actor,
  bookedAtOf,
  type CommandRecord,
  type Metadata,
  readMetadata,
  WireMetadata,
  type Recorded,
  SYSTEM,
} from './envelope';
export {
  CATALOGUE_EVENT_TYPES,
  LEDGER_EVENT_TYPES,
  type LedgerEvent,
  ledgerStream,
  readCatalogueEvent,
  readLedgerEvent,
  readRecorded,
  writeCatalogueEvent,
  writeLedgerEvent,
} from './ledger-events';
export type { OrganizationFigures, OrganizationStatus } from './organization-figures';
export { type NewWallet, type OrganizationEvent, type Role, ROLES } from './organization-events';
export {
  AT_ZERO,
  DRAW_ORDER_KEYS,
  type DrawOrderKey,
  ON_CLOSE,
  ON_SHORTFALL,
  OVER_CAPTURE,
  readPolicy,
  REFUND_EXPIRED,
  type WalletPolicy,
  WireWalletPolicy,
  writePolicy,
} from './policy';
export type { AccessRefusal, AccessRequest, RefusalEvent } from './refusal-events';
export { type Charged, countOf, organizationsOf } from './stored-charges';
export { type ChargeText, type SliceText, type TransactionVisitor, walkTransactions } from './transaction-walk';
export {
  type AppliedRate,
  canonicalContent,
  type Charge,
  readUsage,
  REMEMBERED_DAYS,
  type UsageEvent,
  writeProviderCost,
  writeUsage,
} from './usage';
export { QUARANTINE_CODES, type QuarantineCode, type UsageLedgerEvent } from './usage-events';
export type { LotTerms } from './lot-events';
export type { DebtRepaid, WalletEvent } from './wallet-events';
export {
  type Booking,
  capWindowOf,
  type ConsumptionCap,
  type LotMove,
  type Quantities,
  type Scope,
  type Slice,
  TRANSACTION_KINDS,
  type TransactionKind,
} from './wire';
