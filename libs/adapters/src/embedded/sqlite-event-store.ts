import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { JsonObject } from '@drawdown/kernel';
import {
  type Appended,
  AppendUnknown,
  checkAppend,
  type EventStore,
  type Log,
  type NewEvent,
  NO_LOG,
  PAGE_EVENTS_MAX,
  type StoredEvent,
  StoreUnavailable,
  StreamConflict,
} from '@drawdown/ports';
import { Thread, ThreadDied, threadFile } from '../thread';
import { Followers, type Page } from './followers';
import type { AppendAnswer, EventRow } from './sqlite-log';
import type { LogCalls } from './sqlite-log-calls';

export interface SqliteEventStoreOptions {
  readonly log?: Log;
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
  private readonly followers = new Followers();
  private closed = false;

  constructor(file: string, { log = NO_LOG, thread }: SqliteEventStoreOptions) {
    const script = thread?.file ?? threadFile(__dirname, 'sqlite-event-store.thread');
    const onDeath = (error: Error): void => log.error({ error, file }, 'the event store thread ended; it will restart');
    this.thread = new Thread<LogCalls>(script, { ...thread?.data, file }, { onDeath });
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
      this.followers.wake(stream);
    }
  }

  async read(stream: string, from: number, limit: number): Promise<readonly StoredEvent[]> {
    const events: StoredEvent[] = [];
    while (events.length < limit) {
      const page = await this.page(stream, from + events.length, limit - events.length);
      for (const event of page.events) events.push(event);
      if (page.end) break;
    }
    return events;
  }

  async readAll(after: number, limit: number, prefixes?: readonly string[]): Promise<readonly StoredEvent[]> {
    const events: StoredEvent[] = [];
    let scannedTo = after;
    while (events.length < limit) {
      const page = await this.scan(scannedTo, limit - events.length, prefixes);
      for (const event of page.events) events.push(event);
      if (page.end) break;
      scannedTo = page.scanned;
    }
    return events;
  }

  async head(stream: string): Promise<number> {
    return this.ask(() => this.thread.call('head', stream));
  }

  follow(stream: string, from: number, signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    let revision = from;
    const next = async (): Promise<Page> => {
      const page = await this.page(stream, revision, PAGE_EVENTS_MAX);
      revision += page.events.length;
      return page;
    };
    return this.followers.follow((name) => name === stream, next, signal);
  }

  followAll(after: number, prefixes: readonly string[], signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    let scannedTo = after;
    const next = async (): Promise<Page> => {
      const page = await this.scan(scannedTo, PAGE_EVENTS_MAX, prefixes);
      scannedTo = page.scanned;
      return page;
    };
    return this.followers.follow((name) => prefixes.some((prefix) => name.startsWith(prefix)), next, signal);
  }

  /** Some of a stream's events, as many as the thread gives at a time. */
  private async page(stream: string, from: number, limit: number): Promise<Page> {
    const { rows, end } = await this.ask(() => this.thread.call('read', { stream, from, limit }));
    return { events: rows.map(eventOf), end };
  }

  private async scan(
    after: number,
    limit: number,
    prefixes: readonly string[] | undefined,
  ): Promise<Page & { readonly scanned: number }> {
    const { rows, scanned, end } = await this.ask(() => this.thread.call('readAll', { after, limit, prefixes }));
    return { events: rows.map(eventOf), scanned, end };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.followers.wakeAll();
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

const eventOf = ([position, stream, revision, id, type, metadata, data]: EventRow): StoredEvent => ({
  stream,
  revision,
  position,
  id,
  type,
  data,
  metadata: JSON.parse(metadata) as JsonObject,
});

const unavailable = (cause: unknown): StoreUnavailable => {
  const root = cause instanceof ThreadDied ? cause.cause : cause;
  return new StoreUnavailable(`the event store cannot answer: ${String(root)}`, { cause });
};
