export {
  type Answer,
  AnswerTooLarge,
  type Breakdown,
  type BreakdownKey,
  BREAKDOWN_KEYS,
  type BreakdownQuery,
  type Burndown,
  type BurndownQuery,
  type BurnRate,
  type Explanation,
  InvalidCursor,
  type Membership,
  type OrganizationDocument,
  type Page,
  type PageRequest,
  type QuarantineEntry,
  type QuarantineFilter,
  type QuarantineState,
  type ReadAsOf,
  type Reading,
  ReadModelBehind,
  ReadModels,
  type Spending,
  type SpendingQuery,
  type TimeRange,
  type TransactionDocument,
  type TransactionFilter,
  type TransactionPlace,
  type TransactionTree,
  type UsageFilter,
} from './read-models';
export { burnRateOf, type BurnFacts } from './burn-rate';
export type { LedgerProjector, LedgerRecord } from './ledger-record';
export type { PersonKey, PersonQuery, PersonReading } from './person/person';
export { READ_MODELS_VARIABLES, readModelsIn } from './process-settings';
export { ledgerGather, type ProjectorProcessPorts, startProjectors } from './projector-process';
export { type LedgerRunner, ledgerRunner, projectors } from './projectors';
export { type ReadModelPorts, readModels } from './read-models-of';
