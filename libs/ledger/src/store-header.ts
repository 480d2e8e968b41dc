import { type JsonObject, uuidText, uuidV5Bytes, DRAWDOWN_NAMESPACE } from '@drawdown/kernel';
import { type EventStore, StreamConflict } from '@drawdown/ports';
import { randomUUID } from 'node:crypto';

/** The stream whose one event says what the store was made as. */
const STREAM = 'store';

/** Shards of a new store where nobody says how many: enough for as many busy workers, few enough for large micro-batches. */
const SHARDS_USUALLY = 4;

/** The store was made for another number of shards: organizations would be looked for in the wrong ones (INV-LED-14). */
export class ShardCountDiffers extends Error {
  readonly code = 'shard_count_differs';
  constructor(made: number, shards: number) {
    super(
      `the store was made with ${String(made)} shards, this process is set to ${String(shards)}; the count is fixed for its life`,
    );
  }
}

/** Records the shard count in a new store, or checks it in one that exists. Throws {@link ShardCountDiffers}. */
export const checkShardCount = async (store: EventStore, shards: number): Promise<void> => {
  await shardsOf(store, shards);
};

/**
 * The store's shard count. A new store is made with as many as are wanted, or as are usual; one that exists throws
 * {@link ShardCountDiffers} where it was made with another count than is wanted.
 */
export const shardsOf = async (store: EventStore, wanted: number | null, usually = SHARDS_USUALLY): Promise<number> => {
  const [created] = await store.read(STREAM, 0, 1);
  if (created === undefined) return make(store, wanted ?? usually);
  const { shards } = JSON.parse(Buffer.from(created.data).toString('utf8')) as { shards: number };
  if (wanted !== null && wanted !== shards) throw new ShardCountDiffers(shards, wanted);
  return shards;
};

const make = async (store: EventStore, shards: number): Promise<number> => {
  const content: JsonObject = { shards };
  const data = Buffer.from(JSON.stringify(content));
  const id = uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, `store\n${String(shards)}`));
  await store.append(STREAM, 0, [{ id, type: 'StoreCreated', data, metadata: { version: 1 } }]);
  return shards;
};

/** The stream whose one event is the store's name. */
const NAME_STREAM = 'store-name';

/** What tells the store from any other, wherever it lies: given when it is first asked for, and kept for its life. */
export const storeIdOf = async (store: EventStore): Promise<string> => {
  const named = await nameIn(store);
  if (named !== undefined) return named;
  const storeId = randomUUID();
  const data = Buffer.from(JSON.stringify({ store_id: storeId }));
  try {
    await store.append(NAME_STREAM, 0, [{ id: randomUUID(), type: 'StoreNamed', data, metadata: { version: 1 } }]);
    return storeId;
  } catch (error) {
    // Another process has named it at the same moment.
    const other = error instanceof StreamConflict ? await nameIn(store) : undefined;
    if (other === undefined) throw error;
    return other;
  }
};

const nameIn = async (store: EventStore): Promise<string | undefined> => {
  const [named] = await store.read(NAME_STREAM, 0, 1);
  if (named === undefined) return undefined;
  return (JSON.parse(Buffer.from(named.data).toString('utf8')) as { store_id: string }).store_id;
};
