export { checkShardCount, ShardCountDiffers } from '@drawdown/ledger';

/** Shards of an embedded store: one, because fewer shards mean larger micro-batches, and one process owns them all. */
export const EMBEDDED_SHARDS = 1;
