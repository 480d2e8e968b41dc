import { setTimeout as pause } from 'node:timers/promises';
import type { Readiness } from '@drawdown/http';
import { readRecorded } from '@drawdown/domain';
import type { RecentEvents } from '@drawdown/ledger';
import type { EventStore, Log, Metrics, ReadDatabase, StoredEvent } from '@drawdown/ports';
import { ledgerRunner, type ReadModels, readModels } from '@drawdown/projections';

/** How long the start waits for the tables: usage is taken without them, and a database that is there has them sooner. */
const TABLES_MAX_MS = 3_000;

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

/**
 * Starts what follows the log into the database, and the queries over it. A database that is away is waited for in the
 * background (FLT-41); rejects with DatabaseTooNew where that is known by then.
 */
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
    if (runner.trouble !== null) return runner.trouble;
    const stuck = runner.health().find(({ state }) => state !== 'running');
    return stuck === undefined ? null : `${stuck.model}: ${stuck.reason ?? stuck.state}`;
  });
  const waiting = new AbortController();
  const late = pause(TABLES_MAX_MS, undefined, { signal: waiting.signal }).catch(() => undefined); // aborted: not late
  await Promise.race([runner.start(), late]).finally(() => waiting.abort());
  return { readModels: readModels({ database, progress: runner, store, shardOf }), stop: () => runner.stop() };
};
