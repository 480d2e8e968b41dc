import { loadShard } from '@drawdown/ledger';
import { type EventStore, NO_LOG, NO_METRICS, type SnapshotStore } from '@drawdown/ports';
import { rateOfAsync } from '../rounds';

export const NO_SNAPSHOTS: SnapshotStore = {
  save: () => Promise.resolve(),
  list: () => Promise.resolve([]),
  load: () => Promise.resolve(undefined),
};

/** Charges per second that an owner takes from the log to have its shards' balances in memory, without snapshots. */
export const replayRate = (
  { store, shards }: { store: EventStore; shards: number },
  charges: number,
): Promise<number> =>
  rateOfAsync(charges, async () => {
    for (let shard = 0; shard < shards; shard++) {
      await loadShard(shard, { store, snapshots: NO_SNAPSHOTS, metrics: NO_METRICS, log: NO_LOG });
    }
  });
