import { setTimeout as pause } from 'node:timers/promises';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { openWaitingRoom, Readiness } from '@drawdown/http';
import { askStore, type EventStore, type Log, StoreUnavailable } from '@drawdown/ports';
import type { Settings } from './settings';

/** Pause before a server that is away is asked again. */
const AGAIN_MS = 500;

/** Where the process is to listen, once nobody else does there. */
export interface Entrance {
  readonly port: number;
  /** To be awaited before listening. */
  readonly free: () => Promise<void>;
}

/**
 * Resolves when the log can be read. A log on a server may be away for a while: meanwhile the process answers its probes,
 * and goes on doing so until the entrance is freed; asked to stop, it ends.
 */
export const awaitLog = async ({ eventStoreUrl, host, port }: Settings, log: Log): Promise<Entrance> => {
  const open: Entrance = { port, free: async () => undefined };
  if (eventStoreUrl === null) return open;
  const store = openEventStoreDb(eventStoreUrl, { log });
  try {
    let absence = await absenceOf(store);
    if (absence === null) return open;
    log.warn({ reason: absence }, 'the event store does not answer; the start waits for it');
    const readiness = new Readiness();
    readiness.register('event_store', () => absence);
    readiness.register('process', () => 'starting');
    const room = await openWaitingRoom(host, port, readiness);
    const leave = (): void => process.exit(0); // there is nothing to finish
    process.once('SIGTERM', leave).once('SIGINT', leave);
    for (; absence !== null; absence = await absenceOf(store)) await pause(AGAIN_MS);
    const free = async (): Promise<void> => {
      process.off('SIGTERM', leave).off('SIGINT', leave);
      await room.close();
    };
    return { port: room.port, free };
  } finally {
    await store.close();
  }
};

/** Why the store cannot be read now; null where it can. */
const absenceOf = async (store: EventStore): Promise<string | null> => {
  try {
    await askStore(store);
    return null;
  } catch (error) {
    if (error instanceof StoreUnavailable) return error.message;
    throw error;
  }
};
