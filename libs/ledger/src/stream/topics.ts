/** Topics of the write path. The first two have a partition per shard: partition p is what the owner of shard p reads. */
export const USAGE_TOPIC = 'drawdown.usage.v1';

/**
 * How long usage gathers before its shard's owner asks for more, in milliseconds: all of it becomes one event, which store,
 * relay and every projector pay for as one.
 */
export const USAGE_GATHER: Readonly<Record<string, number>> = { [USAGE_TOPIC]: 60 };
export const COMMANDS_TOPIC = 'drawdown.commands.v1';
/** Answers to whoever waits; each process that asks follows one partition of it. */
export const REPLIES_TOPIC = 'drawdown.replies.v1';
export const DEAD_LETTER_TOPIC = 'drawdown.dead-letter.v1';

/** Says in its first record whose store these topics go with. */
export const STORE_TOPIC = 'drawdown.store.v1';

/** The group of all workers. */
export const WORKERS = 'drawdown.workers';

/** Partitions of the topics that are not cut by shard: how many processes can share them evenly. */
export const SHARED_PARTITIONS = 8;
