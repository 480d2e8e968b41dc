import { setTimeout as pause } from 'node:timers/promises';
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import type { Readiness } from '@drawdown/http';
import type { LocalCatalogue } from '@drawdown/ledger';
import type { EventStore, Log, Metrics, Sql } from '@drawdown/ports';
import { type ReadModels, readModels } from '@drawdown/projections';
import type { ReadSide } from './read-side/read-side';
import type { Settings } from './settings';

/** How long the start waits for the tables: usage is taken without them, and a database that is there has them sooner. */
const TABLES_MAX_MS = 3_000;

interface Followed {
  readonly settings: Settings;
  readonly store: EventStore;
  readonly shards: number;
  readonly readSide: ReadSide;
  readonly shardOf: (organizationId: string) => number;
  readonly catalogue: Pick<LocalCatalogue, 'reached'>;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Given what closes what was opened here. */
  readonly onClose: (closer: () => Promise<void>) => void;
}

interface OpenedReadModels {
  readonly readModels: ReadModels;
  /** The database as queries have it. */
  readonly database: Sql;
}

/**
 * Has the read side follow the log, and opens the queries. A database that is away is waited for in the background
 * (FLT-41); rejects with DatabaseTooNew where that is known by then.
 */
export const openReadModels = async (followed: Followed): Promise<OpenedReadModels> => {
  const { store, shards, readSide, shardOf, catalogue, readiness, metrics } = followed;
  const database = openQueries(followed);
  readiness.register('database', async () => {
    await database.query('SELECT 1');
    return null;
  });
  readiness.register('read_models', () => readSide.trouble);
  await readSide.follow(shards);
  const waiting = new AbortController();
  const late = pause(TABLES_MAX_MS, undefined, { signal: waiting.signal }).catch(() => undefined); // aborted: not late
  await Promise.race([readSide.progress.opened(), late]).finally(() => waiting.abort());
  const { progress } = readSide;
  const catalogueReached = (position: number): Promise<void> => catalogue.reached(position);
  return { readModels: readModels({ database, progress, store, shardOf, metrics, catalogueReached }), database };
};

/** A PostgreSQL is asked from here, without the way through the thread; the embedded database is where it works. */
const openQueries = ({ settings, readSide, log, metrics, onClose }: Followed): Sql => {
  if (settings.databaseUrl === null) return readSide.database;
  const poolSize = queryConnections(settings.databaseConnections);
  const database = openPgDatabase(settings.databaseUrl, { log, metrics, poolSize });
  onClose(() => database.close());
  return database;
};

/** Half of the connections are for questions, the others for the projectors. */
export const queryConnections = (all: number): number => Math.ceil(all / 2);
