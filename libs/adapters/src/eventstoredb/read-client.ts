import { type Log, PAGE_BYTES, type StoredEvent, StoreUnavailable } from '@drawdown/ports';
import {
  BACKWARDS,
  END,
  type EventStoreDBClient,
  type ReadStreamOptions,
  type RecordedEvent,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import { closeChannel, newClient } from './client';
import { isNotFound, isRefusal, isTransient, unavailable } from './failures';
import { bytesOf, Incoming, type Room, type Source } from './incoming';
import { Lines } from './lines';
import type { Patience } from './patience';
import { serverPosition, storedEvent, type StreamNames } from './stored-events';
import { Waker } from './waker';

/** Events that the server looks at in one step of a filtered read, and after which it reports where it is. */
const SEARCH_WINDOW = 1_000;

/** Events that the client object holds ahead of the reader, twice. With its default of 16, pages were that small, and reads slower. */
const AHEAD = { highWaterMark: 64 };

/** To read the last event of a stream. */
const LAST = { direction: BACKWARDS, fromRevision: END, maxCount: 1, requiresLeader: true } as const;

/** Failures in a row, other than of the connection, after which the client objects are replaced. */
const FAILURES_MAX = 3;

/** Which streams: undefined is all but the server's own. */
export type Prefixes = readonly string[] | undefined;

/** Reads and subscriptions, on client objects of their own, so that no trouble of theirs rejects an append. */
export class ReadClient {
  /** For reads, which end: that of subscriptions may have no room. */
  private client: EventStoreDBClient | undefined;
  private readonly lines: Lines;
  private failures = 0;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly names: StreamNames,
    private readonly log: Log,
    private readonly patience: Patience,
  ) {
    this.lines = new Lines(url);
  }

  /** A page of the stream's events from a revision on. Rejects where one is missing. */
  async read(stream: string, from: number, limit: number): Promise<readonly StoredEvent[]> {
    if (limit <= 0) return [];
    const events = await this.twice(stream, () => {
      const options = { fromRevision: BigInt(from), maxCount: limit, requiresLeader: true };
      return this.ofStream(this.names.onServer(stream), options, { bytes: PAGE_BYTES });
    });
    if (events.length === 0 && from === 0) await this.checkHidesNothing(stream);
    return events.map((event, index) => {
      const stored = storedEvent(this.names, event);
      if (stored.revision !== from + index) throw missing(stream, from + index);
      return stored;
    });
  }

  async head(stream: string): Promise<number> {
    const [last] = await this.twice(stream, () => this.ofStream(this.names.onServer(stream), LAST));
    if (last === undefined) await this.checkHidesNothing(stream);
    return last === undefined ? -1 : Number(last.revision);
  }

  /** For a stream that seems to be new. One that was deleted or truncated does, too: its log would be begun once more. */
  private async checkHidesNothing(stream: string): Promise<void> {
    const name = `$$${stream}`;
    const [last] = await this.twice(name, () => this.ofStream(`$$${this.names.onServer(stream)}`, LAST)).catch(
      (error: unknown) => {
        if (error instanceof Error && isRefusal(error.cause)) return []; // whoever may not read it may read the stream
        throw error;
      },
    );
    const set = hidingIn(last?.data);
    if (set.length === 0) return;
    throw new StoreUnavailable(
      `${stream} seems empty because ${name} has ${set.join(', ')}: it was deleted or truncated. Stop all processes, remove that ` +
        'from there and forbid deletion by an ACL; what a scavenge has taken comes from a backup only, see "Backup and ' +
        'restore" of deploy/README.md',
    );
  }

  /**
   * Events after a position, through a filtered subscription that ends where it has caught up: the client's own read of
   * `$all` knows no filter and would fetch everything. `checkpoint` hears how far the server has looked.
   */
  async readAll(
    after: number,
    limit: number,
    prefixes: Prefixes,
    checkpoint: (position: number) => void = () => undefined,
  ): Promise<readonly StoredEvent[]> {
    if (limit <= 0 || prefixes?.length === 0) return [];
    const events = await this.twice('$all', async () => {
      const waker = new Waker();
      const source = this.subscribeToAll(after, prefixes, (position) => {
        checkpoint(position);
        waker.wake();
      });
      return this.collect(source, { events: limit }, waker);
    });
    return events.map((event) => storedEvent(this.names, event));
  }

  /** The stream's events after those before `from`. */
  subscribeToStream(stream: string, from: number): Source {
    const fromRevision = from === 0 ? START : BigInt(from - 1); // a subscription begins after its start
    const name = this.names.onServer(stream);
    return this.open((client) => client.subscribeToStream(name, { fromRevision, requiresLeader: true }, AHEAD));
  }

  subscribeToAll(after: number, prefixes: Prefixes, checkpoint: (position: number) => void): Source {
    const options = {
      maxSearchWindow: SEARCH_WINDOW,
      checkpointInterval: 1,
      checkpointReached: (_: unknown, { commit }: { commit: bigint }) => checkpoint(Number(commit)),
    };
    const wanted = this.which(prefixes);
    const filter =
      typeof wanted === 'string'
        ? streamNameFilter({ regex: wanted, ...options })
        : streamNameFilter({ prefixes: wanted, ...options });
    const fromPosition = after < 0 ? START : serverPosition(after);
    return this.open((client) => client.subscribeToAll({ fromPosition, filter, requiresLeader: true }, AHEAD));
  }

  /** To be told of every failure of a subscription; client objects that fail again and again are replaced. */
  failed(error: unknown): void {
    this.failures += 1;
    if (isTransient(error) || this.failures < FAILURES_MAX) return;
    this.log.warn({ error: String(error) }, 'reads fail again and again; the client is replaced');
    this.failures = 0;
    this.closeChannels(); // what is read over them fails, and is read again
  }

  succeeded(): void {
    this.failures = 0;
  }

  close(): void {
    this.closed = true;
    this.closeChannels();
  }

  private closeChannels(): void {
    if (this.client !== undefined) closeChannel(this.client);
    this.client = undefined;
    this.lines.close();
  }

  private use(): EventStoreDBClient {
    this.checkOpen();
    return (this.client ??= newClient(this.url));
  }

  private open(subscribe: (client: EventStoreDBClient) => Source): Source {
    this.checkOpen();
    return this.lines.open(subscribe);
  }

  private checkOpen(): void {
    if (this.closed) throw new StoreUnavailable('the event store is closed');
  }

  /** Prefixes, or a regex. System streams never match: no name of ours begins with $. */
  private which(prefixes: Prefixes): string[] | string {
    const wanted = (prefixes ?? ['']).map((prefix) => this.names.onServer(prefix));
    if (wanted.includes('')) return '^[^$]';
    const ours = wanted.filter((prefix) => !prefix.startsWith('$'));
    return ours.length === 0 ? '^$' : ours; // a filter by no prefix is none
  }

  /** Nothing where there is no such stream. */
  private async ofStream(name: string, options: ReadStreamOptions, room?: Partial<Room>): Promise<RecordedEvent[]> {
    try {
      return await this.collect(this.use().readStream(name, options, AHEAD), room);
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  private async twice<Result>(what: string, read: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await read();
        this.succeeded();
        return result;
      } catch (error) {
        if (error instanceof StoreUnavailable) throw error;
        this.failed(error);
        if (attempt > 1 || !isTransient(error)) throw unavailable(`${what} cannot be read`, error);
      }
    }
  }

  /** Until the read ends, a subscription has caught up, or there are as many as wanted, by number or by bytes of their data. */
  private async collect(
    source: Source,
    { events: limit = Infinity, bytes: bytesMax = Infinity }: Partial<Room> = {},
    waker = new Waker(),
  ): Promise<RecordedEvent[]> {
    const incoming = new Incoming(source, waker);
    const events: RecordedEvent[] = [];
    let bytes = 0;
    try {
      while (events.length < limit && bytes < bytesMax) {
        const room = { events: limit - events.length, bytes: bytesMax - bytes };
        const arrival = await incoming.next(room, this.patience.readMs, () => this.closed);
        if (arrival.kind === 'events') {
          events.push(...arrival.events);
          bytes += arrival.events.reduce((total, event) => total + bytesOf(event), 0);
        } else if (arrival.kind === 'caught up') return events;
        else if (arrival.kind === 'stopped') throw new StoreUnavailable('the event store is closed');
        else if (arrival.kind === 'silence') throw new Error(`nothing came for ${String(this.patience.readMs)} ms`);
        else if (arrival.error !== undefined) throw arrival.error;
        else if (limit === Infinity) return events;
        else throw new Error('the subscription ended before it had caught up');
      }
      return events;
    } finally {
      incoming.close();
    }
  }
}

/** Keys of a stream's metadata by which events are hidden. */
const HIDING = ['$maxCount', '$maxAge', '$tb'];
const hidingIn = (metadata: unknown): string[] =>
  typeof metadata === 'object' && metadata !== null ? HIDING.filter((key) => key in metadata) : [];

/** A stream has no holes unless somebody has hidden events: that must be seen, not read over. */
export const missing = (stream: string, revision: number): StoreUnavailable =>
  new StoreUnavailable(
    `${stream}: revision ${String(revision)} is missing; look for $maxCount, $maxAge or $tb in $$${stream} and remove them`,
  );
