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

/**
 * Opens log and fan-out. Rejects with {@link BadServerSettings}, EventStoreDbUnfit and what `shardsOf` throws; the brokers
 * need not be there yet.
 */
export const openLogServers = async (settings: ServerSettings, ports: ServerPorts): Promise<LogServers> => {
  const { name, log, metrics } = ports;
  const url = needed(settings.eventStoreUrl, 'EVENTSTORE_URL', name);
  const kafka = needed(settings.kafka, 'KAFKA_BROKERS', name);
  await checkEventStoreDb(url, { streams: [], log }); // before a new store is written to
  const store = openEventStoreDb(url, { log, metrics });
  try {
    const shards = await ports.shardsOf(store, settings.shards);
    await checkEventStoreDb(url, { streams: Array.from({ length: shards }, (_, shard) => ports.streamOf(shard)), log });
    const stream = openKafkaStream({ ...kafka, clientId: `drawdown-${name}`, log, metrics });
    const close = async (): Promise<void> => {
      await stream.close();
      await store.close();
    };
    return { store, stream, shards, close };
  } catch (error) {
    await store.close();
    throw error;
  }
};

/** The same with the database of the read models, which need not be there yet either. */
export const openServers = async (settings: ServerSettings, ports: ServerPorts): Promise<Servers> => {
  const { log, metrics, name } = ports;
  const url = needed(settings.databaseUrl, 'DATABASE_URL', name);
  const opened = await openLogServers(settings, ports);
  const database = openPgDatabase(url, { log, metrics, poolSize: settings.databaseConnections });
  const close = async (): Promise<void> => {
    await database.close();
    await opened.close();
  };
  return { ...opened, database, close };
};
