import path from 'node:path';
import { type EventReader, StoreUnavailable } from '@drawdown/ports';
import { PagedReader } from './paged-reader';
import { SqliteLogReads } from './sqlite-log-reads';

export interface SqliteEventReader extends EventReader {
  /** To be called when something may have been stored in the stream, by whoever is told by the store: nobody polls. */
  wake(stream: string): void;
}

/**
 * Reads the log of a folder in this very thread, on a connection of its own: for a thread that follows the log while
 * another one of the process appends. Open it after the store and close it before; it blocks for a page (2 ms) at a time.
 */
export const openSqliteEventReader = (folder: string): SqliteEventReader => {
  const log = SqliteLogReads.ofOpen(path.join(folder, 'events.db'));
  let closed = false;
  const ask = async <T>(question: () => T): Promise<T> => {
    if (closed) throw new StoreUnavailable('the event store is closed');
    try {
      return question();
    } catch (cause) {
      throw new StoreUnavailable(`the event store cannot answer: ${String(cause)}`, { cause });
    }
  };
  const reader = new PagedReader({
    read: (request) => ask(() => log.read(request)),
    readAll: (request) => ask(() => log.readAll(request)),
    head: (stream) => ask(() => log.head(stream)),
  });
  return {
    read: (stream, from, limit) => reader.read(stream, from, limit),
    readAll: (after, limit, prefixes) => reader.readAll(after, limit, prefixes),
    head: (stream) => reader.head(stream),
    follow: (stream, from, signal) => reader.follow(stream, from, signal),
    followAll: (after, prefixes, signal) => reader.followAll(after, prefixes, signal),
    wake: (stream) => reader.followers.wake(stream),
    close: async () => {
      if (closed) return;
      closed = true;
      reader.followers.wakeAll();
      log.close();
    },
  };
};
