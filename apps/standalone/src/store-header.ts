export { ShardCountDiffers } from '@drawdown/ledger';

/**
 * Shards of a new embedded store where nobody says how many: one, because fewer shards mean larger micro-batches, and one
 * process owns them all.
 */
export const EMBEDDED_SHARDS = 1;
