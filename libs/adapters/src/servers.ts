import type { EventStore, Log, Metrics, ReadDatabase, Stream } from '@drawdown/ports';
import { openEventStoreDb } from './eventstoredb/event-store';
import { checkEventStoreDb } from './eventstoredb/start-check';
import { openKafkaStream } from './kafka/kafka-stream';
import { openPgDatabase } from './postgres/pg-database';
import { BadServerSettings, type ServerSettings } from './server-settings';

export interface ServerPorts {
  /** How the process names itself to the servers. */
  readonly name: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** By topic: how long records gather before they are read, in milliseconds (see `KafkaOptions`). */
  readonly gatherMs?: Readonly<Record<string, number>>;
  /** The store's shard count, agreed with the one that is set. */
  readonly shardsOf: (store: EventStore, wanted: number | null) => Promise<number>;
  /** Name of a shard's stream. */
  readonly streamOf: (shard: number) => string;
}

/** The log and its fan-out. */
export interface LogServers {
  readonly store: EventStore;
  readonly stream: Stream;
  readonly shards: number;
  readonly close: () => Promise<void>;
}

export interface Servers extends LogServers {
  readonly database: ReadDatabase;
}

const needed = <T>(value: T | null, variable: string, name: string): T => {
  if (value !== null) return value;
  throw new BadServerSettings(`${name} needs ${variable}`);
};

/** The same before the store was asked how many shards it has; nothing of it need be there yet. */
export interface LogConnections extends Omit<LogServers, 'shards'> {
  /**
   * The number of shards, once the store was found fit. Rejects with EventStoreDbUnfit and what `shardsOf` throws; with
   * StoreUnavailable while the store is away.
   */
  readonly fit: () => Promise<number>;
}

/** Connects with the first call. Throws {@link BadServerSettings}. */
export const connectLogServers = (settings: ServerSettings, ports: ServerPorts): LogConnections => {
  const { name, log, metrics, gatherMs = {} } = ports;
  const url = needed(settings.eventStoreUrl, 'EVENTSTORE_URL', name);
  const kafka = needed(settings.kafka, 'KAFKA_BROKERS', name);
  const store = openEventStoreDb(url, { log, metrics });
  const stream = openKafkaStream({ ...kafka, clientId: `drawdown-${name}`, gatherMs, log, metrics });
  const fit = async (): Promise<number> => {
    await checkEventStoreDb(url, { streams: [], log }); // before a new store is written to
    const shards = await ports.shardsOf(store, settings.shards);
    await checkEventStoreDb(url, { streams: Array.from({ length: shards }, (_, shard) => ports.streamOf(shard)), log });
    return shards;
  };
  const close = async (): Promise<void> => {
    await stream.close();
    await store.close();
  };
  return { store, stream, fit, close };
};

/** The same with the database of the read models. */
export const connectServers = (
  settings: ServerSettings,
  ports: ServerPorts,
): LogConnections & Pick<Servers, 'database'> => {
  const { log, metrics, name } = ports;
  const url = needed(settings.databaseUrl, 'DATABASE_URL', name);
  const connected = connectLogServers(settings, ports);
  const database = openPgDatabase(url, { log, metrics, poolSize: settings.databaseConnections });
  const close = async (): Promise<void> => {
    await database.close();
    await connected.close();
  };
  return { ...connected, database, close };
};

/** What waits for a server, by the name that it has in `dependency_up`. */
export type Until = <T>(dependency: string, ask: () => Promise<T>) => Promise<T>;

/** Log and fan-out, once the store is there and fit; closed again where it is not. The brokers need not be there yet. */
export const openLogServers = async (settings: ServerSettings, ports: ServerPorts, until: Until): Promise<LogServers> =>
  opened(connectLogServers(settings, ports), until);

/** The same with the database of the read models, which need not be there yet either. */
export const openServers = async (settings: ServerSettings, ports: ServerPorts, until: Until): Promise<Servers> =>
  opened(connectServers(settings, ports), until);

const opened = async <T extends LogConnections>(
  connected: T,
  until: Until,
): Promise<T & { readonly shards: number }> => {
  try {
    return { ...connected, shards: await until('event_store', connected.fit) };
  } catch (error) {
    await connected.close();
    throw error;
  }
};
