export type { ApiKey, MadeApiKey, NewApiKey } from './catalogue/api-keys';
export { Catalogue } from './catalogue/catalogue';
export { CatalogueBehind } from './catalogue/catalogue-progress';
export type { CatalogueResult, RepeatableResult } from './catalogue/results';
export {
  type AsOf,
  type CommandResult,
  type Idempotency,
  Ledger,
  DecisionFailed,
  LedgerUnavailable,
  ReadBehind,
  type Sender,
  type TakenOutcome,
  type TakenResult,
  type UsageOutcome,
  type UsageResult,
} from './ledger';
export { FollowedCatalogue, type FollowedPorts } from './catalogue/followed-catalogue';
export { LocalCatalogue } from './catalogue/local-catalogue';
export { LocalLedger } from './local-ledger';
export type { ShardPorts } from './ledger-shard';
export { loadShard, LogDamaged } from './load-shard';
export { RemoteLedger, type RemotePorts, type RemoteReads } from './remote/remote-ledger';
export { shardOf } from './shard-of';
export { claimTopics, TopicsOfAnotherStore } from './stream/claim';
export { type DeadLetter, readDeadLetter, type RecordPlace, writeDeadLetter } from './stream/dead-letter';
export { withoutReplyAddress } from './stream/headers';
export { DESCRIBED_TOPICS } from './stream/described';
export { COMMANDS_TOPIC, DEAD_LETTER_TOPIC, REPLIES_TOPIC, USAGE_GATHER, USAGE_TOPIC } from './stream/topics';
export { readUsageRecord, writeUsageRecord } from './stream/usage-record';
export {
  ensureTopics,
  owningShards,
  PartitionCountDiffers,
  type ShardOwner,
  Worker,
  type WorkerPorts,
} from './worker/worker';
export { checkShardCount, ShardCountDiffers, shardsOf, storeIdOf } from './store-header';
