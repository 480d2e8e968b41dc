import type { JsonObject } from '@drawdown/kernel';
import { type EventReader, PAGE_BYTES, PAGE_EVENTS_MAX, type StoredEvent } from '@drawdown/ports';
import { Followers, type Page } from './followers';
import type { EventRow, ReadPage, ScanPage, SqliteLogReads } from './sqlite-log-reads';

/** Gives pages of a log: its thread, or a connection in this one. Rejects with StoreUnavailable where it cannot. */
export interface PageSource {
  read(request: Parameters<SqliteLogReads['read']>[0]): Promise<ReadPage>;
  readAll(request: Parameters<SqliteLogReads['readAll']>[0]): Promise<ScanPage>;
  head(stream: string): Promise<number>;
}

/** What the port promises of reading, made of pages. */
export class PagedReader implements Omit<EventReader, 'close'> {
  readonly followers = new Followers();

  constructor(private readonly source: PageSource) {}

  async read(stream: string, from: number, limit: number): Promise<readonly StoredEvent[]> {
    const events: StoredEvent[] = [];
    let bytes = 0;
    while (events.length < limit && bytes < PAGE_BYTES) {
      const page = await this.page(stream, from + events.length, limit - events.length);
      for (const event of page.events) {
        if (bytes >= PAGE_BYTES) return events;
        events.push(event);
        bytes += event.data.byteLength;
      }
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
    return this.source.head(stream);
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
    const { rows, end } = await this.source.read({ stream, from, limit });
    return { events: rows.map(eventOf), end };
  }

  private async scan(
    after: number,
    limit: number,
    prefixes: readonly string[] | undefined,
  ): Promise<Page & { readonly scanned: number }> {
    const { rows, scanned, end } = await this.source.readAll({ after, limit, prefixes });
    return { events: rows.map(eventOf), scanned, end };
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
