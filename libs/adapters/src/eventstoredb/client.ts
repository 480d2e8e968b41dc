import { EventStoreDBClient } from '@eventstore/db-client';
import { distinct } from './connection-string';

/**
 * A client object with a connection of its own. grpc-js has all channels of a process share one where address, options
 * and credentials are the same, so this one's keep-alive time-out is some milliseconds longer than those of others.
 */
export const newClient = (url: string): EventStoreDBClient => {
  clients = (clients + 1) % CLIENTS_MAX;
  return EventStoreDBClient.connectionString(distinct(url, clients));
};

/** More than live at a time; no keep-alive gets longer by more than a second. */
const CLIENTS_MAX = 1_000;
let clients = 0;

/**
 * Calls that are open live on, and fail with the next keep-alive, so they are to be ended before. Not `dispose()`: it
 * leaves the connection open, never returns for a stream that the server has ended, and rejects late, into the next object.
 */
export const closeChannel = (client: EventStoreDBClient): void => {
  client['getChannel']().then(
    (channel) => channel.close(),
    () => undefined, // no server was found: there is nothing to close
  );
};
