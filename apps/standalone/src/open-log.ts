import { openSqliteEventStore } from '@drawdown/adapters/embedded/sqlite-event-store';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { checkEventStoreDb } from '@drawdown/adapters/eventstoredb/start-check';
import { ledgerStream } from '@drawdown/domain';
import { shardsOf, storeIdOf } from '@drawdown/ledger';
import type { EventStore, Log, Metrics } from '@drawdown/ports';
import { checkEmbedsLog, checkGoesWith } from './folder-store';
import type { Settings } from './settings';
import { EMBEDDED_SHARDS } from './store-header';

export interface LogPorts {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told the stream where something may have been stored, by a log that is embedded. */
  readonly onStored: (stream: string) => void;
}

export interface OpenedLog {
  readonly store: EventStore;
  readonly shards: number;
}

/**
 * Opens the log: in the data folder, or on the EventStoreDB that is set. Rejects where the folder goes with another log,
 * the server is not fit (EventStoreDbUnfit) or the shard count differs; nothing is open then.
 */
export const openLog = async (settings: Settings, ports: LogPorts): Promise<OpenedLog> => {
  const { eventStoreUrl: url, dataFolder } = settings;
  if (url === null) {
    await checkEmbedsLog(dataFolder);
    const { log, onStored } = ports;
    return checked(await openSqliteEventStore(dataFolder, { log, onStored }), (store) =>
      shardsOf(store, settings.shards, EMBEDDED_SHARDS),
    );
  }
  await checkEventStoreDb(url, { streams: [], log: ports.log }); // before a new store is written to
  return checked(openEventStoreDb(url, ports), async (store) => {
    const shards = await shardsOf(store, settings.shards);
    const streams = Array.from({ length: shards }, (_, shard) => ledgerStream(shard));
    await checkEventStoreDb(url, { streams, log: ports.log });
    await checkGoesWith(dataFolder, await storeIdOf(store));
    return shards;
  });
};

const checked = async (store: EventStore, check: (store: EventStore) => Promise<number>): Promise<OpenedLog> => {
  try {
    return { store, shards: await check(store) };
  } catch (error) {
    await store.close();
    throw error;
  }
};
