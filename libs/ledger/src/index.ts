export { type ApiKey, Catalogue, type CatalogueResult } from './catalogue';
export {
  type AsOf,
  type CommandResult,
  type Idempotency,
  Ledger,
  LedgerUnavailable,
  ReadBehind,
  type Sender,
  type UsageOutcome,
  type UsageResult,
} from './ledger';
export { LocalCatalogue } from './local-catalogue';
export { LocalLedger } from './local-ledger';
export type { ShardPorts } from './ledger-shard';
export { loadShard, LogDamaged } from './load-shard';
export { shardOf } from './shard-of';
export { type DeadLetter, readDeadLetter, type RecordPlace, writeDeadLetter } from './stream/dead-letter';
export { DEAD_LETTER_TOPIC } from './stream/topics';
export { RecentEvents } from './recent-events';
export { checkShardCount, ShardCountDiffers, shardsOf } from './store-header';
