export {
  type ApiKey,
  type AsOf,
  type CatalogueResult,
  type CommandResult,
  DecisionFailed,
  type Idempotency,
  LedgerUnavailable,
  ReadBehind,
  type RepeatableResult,
  type Sender,
  type TakenOutcome,
  type TakenResult,
  type UsageOutcome,
  type UsageResult,
} from '@drawdown/ledger';
export { ensureAdminKey, type FirstKey, makeFirstKey } from './admin-key';
export {
  ActivateRateCardVersion,
  AdvanceTestClock,
  ChargeUsage,
  CreateApiKey,
  CreateRateCard,
  CreateTestClock,
  RedriveQuarantine,
  RevokeApiKey,
  RunCommand,
  SaveRateCardVersion,
  TakeUsage,
} from './commands';
export { CommandsModule } from './commands.module';
export { CatalogueView, OrganizationAsOf, ReadOrganization, Shards, type Shown, type View } from './queries';
