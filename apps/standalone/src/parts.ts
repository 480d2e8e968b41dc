import path from 'node:path';
import { claimDataFolder } from '@drawdown/adapters/embedded/data-folder';
import { openFileSnapshots } from '@drawdown/adapters/embedded/file-snapshots';
import { openSqliteEventStore } from '@drawdown/adapters/embedded/sqlite-event-store';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { ensureAdminKey } from '@drawdown/commands';
import { ClockWatch, watchDependencies } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { PrometheusMetrics, Readiness } from '@drawdown/http';
import { LocalCatalogue, LocalLedger } from '@drawdown/ledger';
import type { Clock, EventStore, Log, Metrics } from '@drawdown/ports';
import type { ReadModels } from '@drawdown/projections';
import { openReadModels, queryConnections } from './open-read-models';
import { ReadSide } from './read-side/read-side';
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
  const onClose = (closer: () => Promise<void>): void => void closers.push(closer);
  try {
    const claim = await claimDataFolder(settings.dataFolder);
    onClose(() => claim.release());
    const metrics = new PrometheusMetrics();
    const readSide = readSideOf(settings, log, metrics);
    // The database takes seconds to start; the ledger is loaded meanwhile.
    const opening = readSide.start();
    const settled = Promise.allSettled([opening]);
    const storing = openSqliteEventStore(settings.dataFolder, { log, onStored: (stream) => readSide.wake(stream) });
    onClose(() => closeOpened(storing));
    // Before the store, whose file it reads. One that failed to open has nothing to close.
    onClose(async () => {
      if ((await settled)[0].status === 'fulfilled') await readSide.close();
    });
    const parts = await openLedger({ settings, store: await storing, readSide, opening, log, metrics, onClose });
    return { ...parts, close };
  } catch (error) {
    await close();
    throw error;
  }
};

/** A store that failed to open has nothing to close, and its failure was reported to whoever waited for it. */
const closeOpened = async (opening: Promise<EventStore>): Promise<void> => {
  const [opened] = await Promise.allSettled([opening]);
  if (opened.status === 'fulfilled') await opened.value.close();
};

const readSideOf = (
  { dataFolder, databaseUrl, databaseConnections }: Settings,
  log: Log,
  metrics: Metrics,
): ReadSide => {
  const database =
    databaseUrl === null
      ? { folder: path.join(dataFolder, 'read-models') }
      : { url: databaseUrl, connections: databaseConnections - queryConnections(databaseConnections) };
  return new ReadSide({ dataFolder, shards: EMBEDDED_SHARDS, database }, metrics, log);
};

interface Opened {
  readonly settings: Settings;
  readonly store: EventStore;
  readonly readSide: ReadSide;
  readonly opening: Promise<void>;
  readonly log: Log;
  readonly metrics: PrometheusMetrics;
  readonly onClose: (closer: () => Promise<void>) => void;
}

const openLedger = async (opened: Opened): Promise<Omit<Parts, 'close'>> => {
  const { settings, store, readSide, opening, log, metrics, onClose } = opened;
  const [readiness, clock] = [new Readiness(), systemClock()];
  await checkShardCount(store, EMBEDDED_SHARDS);
  const snapshots = await openFileSnapshots(path.join(settings.dataFolder, 'snapshots'), log);
  const catalogue: LocalCatalogue = new LocalCatalogue(store, clock, (card, version) =>
    ledger.lastPriced(card, version),
  );
  let watch: ClockWatch | null = null;
  // The embedded database has the clock of this machine; one elsewhere is asked before anything is settled by time.
  const isClockRight = async (): Promise<boolean> => watch?.isRight() ?? settings.databaseUrl === null;
  const ports = { store, snapshots, catalogue, clock, metrics, log, isClockRight };
  const ledger: LocalLedger = new LocalLedger(EMBEDDED_SHARDS, ports);
  await catalogue.start();
  await ledger.start();
  readiness.register('ledger', () => ledger.trouble);
  const newAdminKey = await ensureAdminKey(catalogue, settings.adminKey);
  await opening;
  const { readModels, database } = await openReadModels({
    ...{ settings, store, readSide, onClose },
    shardOf: (organizationId) => ledger.shardOf(organizationId),
    log,
    metrics,
    readiness,
  });
  if (settings.databaseUrl !== null) watch = new ClockWatch({ clock, database, metrics, log });
  readiness.register('clock', () => watch?.trouble ?? null);
  const unwatch = watchDependencies(
    { event_store: () => store.head(ledgerStream(0)), database: () => database.query('SELECT 1') },
    metrics,
    log,
  );
  const drain = async (): Promise<void> => {
    unwatch();
    watch?.stop();
    await ledger.stop();
    await readSide.stop();
  };
  return { ledger, catalogue, readModels, clock, metrics, readiness, newAdminKey, drain };
};
