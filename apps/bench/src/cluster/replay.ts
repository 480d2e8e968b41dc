import { ledgerStream, readRecorded } from '@drawdown/domain';
import { loadShard } from '@drawdown/ledger';
import { type EventStore, NO_LOG, NO_METRICS, PageSize, type SnapshotStore, type StoredEvent } from '@drawdown/ports';
import { projectors } from '@drawdown/projections';
import { rateOfAsync } from '../rounds';

export const NO_SNAPSHOTS: SnapshotStore = {
  save: () => Promise.resolve(),
  list: () => Promise.resolve([]),
  load: () => Promise.resolve(undefined),
};

interface Log {
  readonly store: EventStore;
  readonly shards: number;
}

/** A stream's pages from a revision up to its end, the next one being read while one is used. */
async function* pagesAhead(
  store: EventStore,
  stream: string,
  from: number,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  const size = new PageSize();
  let next = from;
  let coming = store.read(stream, next, size.events);
  for (let page = await coming; page.length > 0; page = await coming) {
    size.learn(page);
    next += page.length;
    coming = store.read(stream, next, size.events);
    coming.catch(() => undefined); // met when it is awaited, if it is
    yield page;
  }
}

/**
 * Charges per second from the log to the changes of all balances, by the read model's own rules, in memory. `after` are the
 * shards' revisions when their organizations were made: those events are small ones, as R1's are, and no charges.
 */
export const replayRate = ({ store, shards }: Log, after: readonly number[], charges: number): Promise<number> => {
  const balances = projectors.find(({ name }) => name === 'balances');
  if (balances === undefined) throw new Error('there is no read model of balances any more');
  return rateOfAsync(charges, async () => {
    for (let shard = 0; shard < shards; shard++) {
      const deltas = balances.begin();
      for await (const page of pagesAhead(store, ledgerStream(shard), (after[shard] ?? -1) + 1))
        for (const stored of page) balances.apply(deltas, readRecorded(shard, stored));
    }
  });
};

/** Charges per second that an owner takes from the log to decide on its shards again, without snapshots: hashes checked, ids remembered. */
export const takeOverRate = ({ store, shards }: Log, charges: number): Promise<number> =>
  rateOfAsync(charges, async () => {
    for (let shard = 0; shard < shards; shard++) {
      await loadShard(shard, { store, snapshots: NO_SNAPSHOTS, metrics: NO_METRICS, log: NO_LOG });
    }
  });
