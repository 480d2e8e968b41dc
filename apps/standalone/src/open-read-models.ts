import type { Readiness } from '@drawdown/http';
import { readRecorded } from '@drawdown/domain';
import type { RecentEvents } from '@drawdown/ledger';
import type { EventStore, Log, Metrics, ReadDatabase, StoredEvent } from '@drawdown/ports';
import { ledgerRunner, type ReadModels, readModels } from '@drawdown/projections';

interface Followed {
  readonly store: EventStore;
  readonly database: ReadDatabase;
  readonly shards: number;
  /** What the ledger of this process has just stored need not be decoded. */
  readonly recent: RecentEvents;
  readonly shardOf: (organizationId: string) => number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

interface OpenedReadModels {
  readonly readModels: ReadModels;
  /** Finishes the batches in hand. */
  readonly stop: () => Promise<void>;
}

/** Starts what follows the log into the database, and the queries over it. */
export const openReadModels = async (followed: Followed): Promise<OpenedReadModels> => {
  const { store, database, shards, shardOf, log, metrics, readiness, recent } = followed;
  const decode = (shard: number, stored: StoredEvent) =>
    recent.get(shard, stored.revision) ?? readRecorded(shard, stored);
  const runner = ledgerRunner({ store, database, shards, log, metrics, decode });
  readiness.register('database', async () => {
    await database.query('SELECT 1');
    return null;
  });
  readiness.register('read_models', () => {
    const stuck = runner.health().find(({ state }) => state !== 'running');
    return stuck === undefined ? null : `${stuck.model}: ${stuck.reason ?? stuck.state}`;
  });
  await runner.start();
  return { readModels: readModels({ database, progress: runner, store, shardOf }), stop: () => runner.stop() };
};
