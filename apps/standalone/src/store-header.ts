import { type JsonObject, uuidText, uuidV5Bytes, DRAWDOWN_NAMESPACE } from '@drawdown/kernel';
import type { EventStore } from '@drawdown/ports';

/** The stream whose one event says what the store was made as. */
const STREAM = 'store';

/** Shards of an embedded store: one, because fewer shards mean larger micro-batches, and one process owns them all. */
export const EMBEDDED_SHARDS = 1;

/** The store was made for another number of shards: organizations would be looked for in the wrong ones (INV-LED-14). */
export class ShardCountDiffers extends Error {
  readonly code = 'shard_count_differs';
}

/** Records the shard count in a new store, or checks it in one that exists. */
export const checkShardCount = async (store: EventStore, shards: number): Promise<void> => {
  const [created] = await store.read(STREAM, 0, 1);
  if (created === undefined) {
    const content: JsonObject = { shards };
    const data = Buffer.from(JSON.stringify(content));
    const id = uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, `store\n${String(shards)}`));
    await store.append(STREAM, 0, [{ id, type: 'StoreCreated', data, metadata: { version: 1 } }]);
    return;
  }
  const { shards: made } = JSON.parse(Buffer.from(created.data).toString('utf8')) as { shards: number };
  if (made !== shards) {
    throw new ShardCountDiffers(
      `the store was made with ${String(made)} shards, this process is set to ${String(shards)}; the count is fixed for its life`,
    );
  }
};
