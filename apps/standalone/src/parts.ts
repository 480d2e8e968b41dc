import path from 'node:path';
import { claimDataFolder } from '@drawdown/adapters/embedded/data-folder';
import { openFileSnapshots } from '@drawdown/adapters/embedded/file-snapshots';
import { openPgliteDatabase } from '@drawdown/adapters/embedded/pglite-database';
import { openSqliteEventStore } from '@drawdown/adapters/embedded/sqlite-event-store';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { ensureAdminKey } from '@drawdown/commands';
import { watchDependencies } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { PrometheusMetrics, Readiness } from '@drawdown/http';
import { LocalCatalogue, LocalLedger, RecentEvents } from '@drawdown/ledger';
import type { Clock, EventStore, Log, Metrics, ReadDatabase } from '@drawdown/ports';
import type { ReadModels } from '@drawdown/projections';
import { openReadModels } from './open-read-models';
import type { Settings } from './settings';
import { checkShardCount, EMBEDDED_SHARDS } from './store-header';

/** Everything the process is made of, opened and running. */
export interface Parts {
  readonly ledger: LocalLedger;
  readonly catalogue: LocalCatalogue;
  readonly readModels: ReadModels;
  readonly clock: Clock;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  /** Secret of the admin key, where it was generated just now. */
  readonly newAdminKey: string | null;
  /** Decides and stores what was accepted, and brings the read models' batches to an end. */
  readonly drain: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens the embedded form: one data folder, one process. What was opened is closed again where a later part fails. */
export const openParts = async (settings: Settings, log: Log): Promise<Parts> => {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const claim = await claimDataFolder(settings.dataFolder);
    closers.push(() => claim.release());
    // The database takes seconds to start; the ledger is loaded meanwhile.
    const metrics = new PrometheusMetrics();
    const opening = openDatabase(settings, log, metrics);
    closers.push(() => closeOpened(opening));
    const store = await openSqliteEventStore(settings.dataFolder, { log });
    closers.push(() => store.close());
    const parts = await openLedger(settings, store, opening, log, metrics);
    return { ...parts, close };
  } catch (error) {
    await close();
    throw error;
  }
};

/** A database that failed to open has nothing to close, and its failure was reported to whoever waited for it. */
const closeOpened = async (opening: Promise<ReadDatabase>): Promise<void> => {
  const [opened] = await Promise.allSettled([opening]);
  if (opened.status === 'fulfilled') await opened.value.close();
};

const openDatabase = async (settings: Settings, log: Log, metrics: Metrics): Promise<ReadDatabase> =>
  settings.databaseUrl === null
    ? openPgliteDatabase(path.join(settings.dataFolder, 'read-models'), { log })
    : openPgDatabase(settings.databaseUrl, { log, metrics, poolSize: settings.databaseConnections });

const openLedger = async (
  settings: Settings,
  store: EventStore,
  opening: Promise<ReadDatabase>,
  log: Log,
  metrics: PrometheusMetrics,
): Promise<Omit<Parts, 'close'>> => {
  const [readiness, clock] = [new Readiness(), systemClock()];
  await checkShardCount(store, EMBEDDED_SHARDS);
  const snapshots = await openFileSnapshots(path.join(settings.dataFolder, 'snapshots'), log);
  const catalogue: LocalCatalogue = new LocalCatalogue(store, clock, (card, version) =>
    ledger.lastPriced(card, version),
  );
  const recent = new RecentEvents();
  const stored = recent.add.bind(recent);
  const ports = { store, snapshots, catalogue, clock, metrics, log, stored };
  const ledger: LocalLedger = new LocalLedger(EMBEDDED_SHARDS, ports);
  await catalogue.start();
  await ledger.start();
  readiness.register('ledger', () => ledger.trouble);
  const newAdminKey = await ensureAdminKey(catalogue, settings.adminKey);
  const database = await opening;
  const reads = await openReadModels({
    store,
    database,
    recent,
    shards: EMBEDDED_SHARDS,
    shardOf: (organizationId) => ledger.shardOf(organizationId),
    log,
    metrics,
    readiness,
  });
  const unwatch = watchDependencies(
    { event_store: () => store.head(ledgerStream(0)), database: () => database.query('SELECT 1') },
    metrics,
    log,
  );
  const drain = async (): Promise<void> => {
    unwatch();
    await ledger.stop();
    await reads.stop();
  };
  return { ledger, catalogue, readModels: reads.readModels, clock, metrics, readiness, newAdminKey, drain };
};
