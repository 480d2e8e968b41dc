import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import {
  type Appended,
  AppendUnknown,
  checkAppend,
  type EventStore,
  type Log,
  type NewEvent,
  NO_LOG,
  type StoredEvent,
  StoreUnavailable,
  StreamConflict,
} from '@drawdown/ports';
import { Thread, ThreadDied, threadFile } from '../thread';
import { PagedReader } from './paged-reader';
import type { AppendAnswer } from './sqlite-log';
import type { LogCalls } from './sqlite-log-calls';

export interface SqliteEventStoreOptions {
  readonly log?: Log;
  /** Told after each append that may have stored something: for readers on connections of their own. */
  readonly onStored?: (stream: string) => void;
  /** Another thread that answers the same calls, and what it is given besides `file`: tests have one that fails. */
  readonly thread?: { readonly file: string; readonly data: Readonly<Record<string, unknown>> };
}

/**
 * The log in `events.db` of a folder that {@link claimDataFolder} has claimed. SQLite works in a thread of its own; where
 * that dies, the next call starts another.
 */
export const openSqliteEventStore = async (
  folder: string,
  options: SqliteEventStoreOptions = {},
): Promise<EventStore> => {
  await mkdir(folder, { recursive: true });
  const store = new SqliteEventStore(path.join(folder, 'events.db'), options);
  await store.head(''); // opens the file now: a start that fails says so
  return store;
};

class SqliteEventStore implements EventStore {
  private readonly thread: Thread<LogCalls>;
  private readonly reader: PagedReader;
  private closed = false;

  constructor(
    file: string,
    private readonly options: SqliteEventStoreOptions,
  ) {
    const { log = NO_LOG, thread } = options;
    const script = thread?.file ?? threadFile(__dirname, 'sqlite-event-store.thread');
    const onDeath = (error: Error): void => log.error({ error, file }, 'the event store thread ended; it will restart');
    this.thread = new Thread<LogCalls>(script, { ...thread?.data, file }, { onDeath });
    this.reader = new PagedReader({
      read: (request) => this.ask(() => this.thread.call('read', request)),
      readAll: (request) => this.ask(() => this.thread.call('readAll', request)),
      head: (stream) => this.ask(() => this.thread.call('head', stream)),
    });
  }

  async append(stream: string, expected: number, events: readonly NewEvent[]): Promise<Appended> {
    this.checkOpen();
    checkAppend(stream, expected, events);
    const answer = await this.send(stream, expected, events);
    switch (answer.outcome) {
      case 'stored': {
        const { revision, position, repeated } = answer;
        return { revision, position, repeated };
      }
      case 'conflict':
        throw new StreamConflict(stream, expected, answer.head);
      case 'unavailable':
        throw new StoreUnavailable(`${stream}: nothing was stored: ${answer.reason}`);
      case 'unknown':
        throw new AppendUnknown(stream, { cause: new Error(answer.reason) });
      case 'refused':
        throw new Error(`${stream}: an append that can never be stored: ${answer.reason}`);
    }
  }

  private async send(stream: string, expected: number, events: readonly NewEvent[]): Promise<AppendAnswer> {
    // Copied, so that the caller keeps its bytes; the copies move to the thread.
    const rows = events.map(({ id, type, metadata, data }) => {
      return { id, type, metadata: JSON.stringify(metadata), data: new Uint8Array(data) };
    });
    const buffers = rows.map(({ data }) => data.buffer);
    try {
      return await this.thread.call('append', { stream, expected, events: rows }, buffers);
    } catch (cause) {
      if (cause instanceof ThreadDied && !cause.delivered) throw unavailable(cause);
      throw new AppendUnknown(stream, { cause });
    } finally {
      this.reader.followers.wake(stream);
      this.options.onStored?.(stream);
    }
  }

  read(stream: string, from: number, limit: number): Promise<readonly StoredEvent[]> {
    return this.reader.read(stream, from, limit);
  }

  readAll(after: number, limit: number, prefixes?: readonly string[]): Promise<readonly StoredEvent[]> {
    return this.reader.readAll(after, limit, prefixes);
  }

  head(stream: string): Promise<number> {
    return this.reader.head(stream);
  }

  follow(stream: string, from: number, signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    return this.reader.follow(stream, from, signal);
  }

  followAll(after: number, prefixes: readonly string[], signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    return this.reader.followAll(after, prefixes, signal);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.reader.followers.wakeAll();
    await this.thread.close();
  }

  /** Asks for something that changes nothing, and once more where the thread died over it. */
  private async ask<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      this.checkOpen();
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof ThreadDied && error.delivered && attempt === 1)) throw unavailable(error);
      }
    }
  }

  private checkOpen(): void {
    if (this.closed) throw new StoreUnavailable('the event store is closed');
  }
}

const unavailable = (cause: unknown): StoreUnavailable => {
  const root = cause instanceof ThreadDied ? cause.cause : cause;
  return new StoreUnavailable(`the event store cannot answer: ${String(root)}`, { cause });
};
