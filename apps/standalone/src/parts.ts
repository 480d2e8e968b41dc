import path from 'node:path';
import { claimDataFolder } from '@drawdown/adapters/embedded/data-folder';
import { openFileSnapshots } from '@drawdown/adapters/embedded/file-snapshots';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { openKafkaStream } from '@drawdown/adapters/kafka/kafka-stream';
import { ensureAdminKey } from '@drawdown/commands';
import { ClockWatch, watchDependencies } from '@drawdown/delivery';
import { PrometheusMetrics, Readiness } from '@drawdown/http';
import { type LocalCatalogue, LocalLedger, USAGE_GATHER, USAGE_TOPIC } from '@drawdown/ledger';
import { askStore, type Clock, type Log, type Metrics, type Sql, type Stream } from '@drawdown/ports';
import type { ReadModels } from '@drawdown/projections';
import { type OpenedCatalogue, openCatalogue } from './open-catalogue';
import { type OpenedLog, openLog } from './open-log';
import { openReadModels, queryConnections } from './open-read-models';
import { ReadSide } from './read-side/read-side';
import type { Settings } from './settings';
import { StreamSide } from './stream-side';

/** Everything the process is made of, opened and running. */
export interface Parts {
  readonly ledger: LocalLedger;
  readonly catalogue: LocalCatalogue;
  readonly readModels: ReadModels;
  readonly clock: Clock;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  /** Decides and stores what was accepted, and brings the read models' batches to an end. */
  readonly drain: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Opens the one process: what is embedded in its data folder, what is set on servers. What was opened is closed again
 * where a later part fails.
 */
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
    const storing = openLog(settings, { log, metrics, onStored: (stream) => readSide.wake(stream) });
    onClose(() => closeOpened(storing));
    // Before the store, whose file it reads. One that failed to open has nothing to close.
    onClose(async () => {
      if ((await settled)[0].status === 'fulfilled') await readSide.close();
    });
    const parts = await openLedger({ settings, ...(await storing), readSide, opening, log, metrics, onClose });
    return { ...parts, close };
  } catch (error) {
    await close();
    throw error;
  }
};

/** A store that failed to open has nothing to close, and its failure was reported to whoever waited for it. */
const closeOpened = async (opening: Promise<OpenedLog>): Promise<void> => {
  const [opened] = await Promise.allSettled([opening]);
  if (opened.status === 'fulfilled') await opened.value.store.close();
};

const readSideOf = (settings: Settings, log: Log, metrics: Metrics): ReadSide => {
  const { dataFolder, databaseUrl, databaseConnections, eventStoreUrl } = settings;
  const database =
    databaseUrl === null
      ? { folder: path.join(dataFolder, 'read-models') }
      : { url: databaseUrl, connections: databaseConnections - queryConnections(databaseConnections) };
  const from = eventStoreUrl === null ? { folder: dataFolder } : { eventStoreUrl };
  return new ReadSide({ log: from, database }, metrics, log);
};

interface Opened extends OpenedLog {
  readonly settings: Settings;
  readonly readSide: ReadSide;
  readonly opening: Promise<void>;
  readonly log: Log;
  readonly metrics: PrometheusMetrics;
  readonly onClose: (closer: () => Promise<void>) => void;
}

interface Core {
  readonly ledger: LocalLedger;
  readonly catalogue: LocalCatalogue;
  readonly clock: Clock;
  readonly readiness: Readiness;
  /** Compares the clock with that of a database elsewhere from now on. */
  readonly watchClock: (database: Sql) => void;
  readonly stop: () => Promise<void>;
}

/** Ledger and catalogue on the log. */
const openCore = async ({ settings, store, shards, log, metrics }: Opened): Promise<Core> => {
  const [readiness, clock] = [new Readiness(), systemClock()];
  const snapshots = await openFileSnapshots(path.join(settings.dataFolder, 'snapshots'), log);
  const lastPriced = (card: string, version: number) => ledger.lastPriced(card, version);
  const lost = () => ledger.stop();
  const opened: OpenedCatalogue = openCatalogue(
    { store, clock, log, lastPriced, lost },
    settings.eventStoreUrl === null,
  );
  const { catalogue } = opened;
  let watch: ClockWatch | null = null;
  // The embedded database has the clock of this machine; one elsewhere is asked before anything is settled by time.
  const isClockRight = async (): Promise<boolean> => watch?.isRight() ?? settings.databaseUrl === null;
  const ports = { store, snapshots, catalogue, clock, metrics, log, isClockRight };
  const ledger: LocalLedger = new LocalLedger(shards, ports);
  await opened.start();
  await ledger.start();
  readiness.register('ledger', () => ledger.trouble ?? opened.trouble());
  // An embedded log is as well as its ledger; one on a server may be away with nobody having asked it anything.
  if (settings.eventStoreUrl !== null) readiness.register('event_store', () => askStore(store).then(() => null));
  readiness.register('clock', () => watch?.trouble ?? null);
  const watchClock = (database: Sql): void => {
    watch = new ClockWatch({ clock, database, metrics, log });
  };
  const stop = async (): Promise<void> => {
    watch?.stop();
    await ledger.stop();
    await opened.stop();
  };
  return { ledger, catalogue, clock, readiness, watchClock, stop };
};

const openLedger = async (opened: Opened): Promise<Omit<Parts, 'close'>> => {
  const { settings, store, readSide, opening, log, metrics } = opened;
  const core = await openCore(opened);
  const { ledger, catalogue, readiness } = core;
  if (settings.adminKey !== undefined) await ensureAdminKey(catalogue, settings.adminKey);
  const { stream, streamSide } = await openStream(opened, core);
  await opening;
  const shardOf = (organizationId: string): number => ledger.shardOf(organizationId);
  const { readModels, database } = await openReadModels({ ...opened, shardOf, catalogue, readiness });
  if (settings.databaseUrl !== null) core.watchClock(database);
  const unwatch = watchDependencies(
    {
      event_store: () => askStore(store),
      database: () => database.query('SELECT 1'),
      ...(stream === null ? {} : { kafka: () => stream.boundsOf(USAGE_TOPIC) }),
    },
    metrics,
    log,
  );
  const drain = async (): Promise<void> => {
    unwatch();
    // At once: what Kafka gave is decided with what HTTP gave, and either may be waiting for a server that is away.
    await Promise.all([streamSide?.stop(), core.stop()]);
    await readSide.stop();
  };
  return { ...core, readModels, metrics, drain };
};

interface OpenedStream {
  readonly stream: Stream | null;
  readonly streamSide: StreamSide | null;
}

/** Has Kafka give usage and take events, where one is set. */
const openStream = async (opened: Opened, { ledger, catalogue, clock, readiness }: Core): Promise<OpenedStream> => {
  const { settings, store, log, metrics, onClose } = opened;
  if (settings.kafka === null) return { stream: null, streamSide: null };
  const stream = openKafkaStream({ ...settings.kafka, clientId: 'drawdown', gatherMs: USAGE_GATHER, log, metrics });
  onClose(() => stream.close());
  const streamSide = new StreamSide({
    ...{ stream, store, ledger, catalogue, newTopics: settings.newTopics },
    ...{ clock, metrics, log },
  });
  onClose(() => streamSide.stop());
  readiness.register('kafka', () => stream.boundsOf(USAGE_TOPIC).then(() => null));
  readiness.register('consumption', () => streamSide.consumptionTrouble);
  readiness.register('relay', () => streamSide.relayTrouble);
  await streamSide.start();
  return { stream, streamSide };
};
