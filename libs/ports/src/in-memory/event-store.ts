import { setMaxListeners } from 'node:events';
import type { JsonObject } from '@drawdown/kernel';
import {
  type Appended,
  AppendUnknown,
  checkAppend,
  type EventStore,
  type NewEvent,
  PAGE_EVENTS_MAX,
  type StoredEvent,
  StoreUnavailable,
  StreamConflict,
} from '../event-store';
import { PAGE_BYTES } from '../page-size';

/** The reference: what an event store does, without a disk. For the specs of other libs. */
export const inMemoryEventStore = (): EventStore => new InMemoryEventStore();

/** Kept as a store on disk would keep it: nothing is shared with whoever wrote or read it. */
interface Kept {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly id: string;
  readonly type: string;
  readonly data: Uint8Array;
  readonly metadata: string;
}

class InMemoryEventStore implements EventStore {
  private readonly log: Kept[] = [];
  private readonly streams = new Map<string, Kept[]>();
  /** Wakes the followers that wait for news. */
  private readonly sleepers = new Set<() => void>();
  private closed = false;

  async append(stream: string, expected: number, events: readonly NewEvent[]): Promise<Appended> {
    this.checkOpen();
    checkAppend(stream, expected, events);
    const present = this.streams.get(stream) ?? [];
    if (expected !== present.length) {
      const stored = present.slice(expected, expected + events.length);
      const last = stored.at(-1);
      const same = stored.length === events.length && stored.every(({ id }, index) => id === events[index]?.id);
      if (last === undefined || !same) throw new StreamConflict(stream, expected, present.length - 1);
      return { revision: last.revision, position: last.position, repeated: true };
    }
    for (const { id, type, data, metadata } of events) {
      const place = { stream, revision: present.length, position: this.log.length };
      const kept = { ...place, id, type, data: new Uint8Array(data), metadata: JSON.stringify(metadata) };
      present.push(kept);
      this.log.push(kept);
    }
    this.streams.set(stream, present);
    this.wake();
    return { revision: present.length - 1, position: this.log.length - 1, repeated: false };
  }

  async read(stream: string, from: number, limit: number): Promise<readonly StoredEvent[]> {
    return this.page(stream, from, limit);
  }

  async readAll(after: number, limit: number, prefixes?: readonly string[]): Promise<readonly StoredEvent[]> {
    return this.pageOfAll(after, limit, prefixes);
  }

  async head(stream: string): Promise<number> {
    this.checkOpen();
    return (this.streams.get(stream)?.length ?? 0) - 1;
  }

  follow(stream: string, from: number, signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    const next = (last: StoredEvent | undefined) => this.page(stream, last ? last.revision + 1 : from, PAGE_EVENTS_MAX);
    return this.pages(next, signal);
  }

  followAll(after: number, prefixes: readonly string[], signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    const next = (last: StoredEvent | undefined) => this.pageOfAll(last?.position ?? after, PAGE_EVENTS_MAX, prefixes);
    return this.pages(next, signal);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wake();
  }

  private async *pages(next: (last: StoredEvent | undefined) => readonly StoredEvent[], signal: AbortSignal) {
    let last: StoredEvent | undefined;
    while (!signal.aborted) {
      const page = next(last);
      if (page.length > 0) {
        last = page.at(-1);
        yield page;
      } else await this.news(signal);
    }
  }

  /** Resolves at the next append, and when the store closes or the signal aborts. */
  private async news(signal: AbortSignal): Promise<void> {
    let wake = (): void => undefined;
    const woken = new Promise<void>((resolve) => (wake = resolve));
    this.sleepers.add(wake);
    setMaxListeners(0, signal); // one signal ends many followers: Node would take the eleventh for a leak
    signal.addEventListener('abort', wake);
    await woken;
    signal.removeEventListener('abort', wake);
    this.sleepers.delete(wake);
  }

  private wake(): void {
    for (const wake of this.sleepers) wake();
  }

  private page(stream: string, from: number, limit: number): readonly StoredEvent[] {
    this.checkOpen();
    const page: StoredEvent[] = [];
    let bytes = 0;
    for (const kept of (this.streams.get(stream) ?? []).slice(from, from + limit)) {
      if (bytes >= PAGE_BYTES) break;
      page.push(asStored(kept));
      bytes += kept.data.byteLength;
    }
    return page;
  }

  private pageOfAll(after: number, limit: number, prefixes: readonly string[] = ['']): readonly StoredEvent[] {
    this.checkOpen();
    const page: StoredEvent[] = [];
    for (let position = after + 1; position < this.log.length && page.length < limit; position++) {
      const kept = this.log[position];
      if (kept && prefixes.some((prefix) => kept.stream.startsWith(prefix))) page.push(asStored(kept));
    }
    return page;
  }

  private checkOpen(): void {
    if (this.closed) throw new StoreUnavailable('the event store is closed');
  }
}

const asStored = (kept: Kept): StoredEvent => ({
  ...kept,
  data: new Uint8Array(kept.data),
  metadata: JSON.parse(kept.metadata) as JsonObject,
});

/** What befalls an append of {@link faultyEventStore}. */
export type AppendFault =
  /** It is stored, but the caller gets {@link AppendUnknown}. */
  | 'answer lost'
  /** It is not stored, and the caller gets {@link AppendUnknown}. */
  | 'request lost'
  /** It is not stored, and the caller gets {@link StoreUnavailable}. */
  | 'unavailable';

export interface HeldAppend {
  /** Resolves once an append is held. */
  readonly reached: Promise<void>;
  /** Lets it go on to the store; may be called before it is reached. */
  release(): void;
}

export interface FaultyEventStore extends EventStore {
  /** These befall the next appends, one each, in this order, after those asked for before. */
  failNext(...faults: readonly AppendFault[]): void;
  /** The next append (after the faults asked for before) waits until it is released; what is true then decides. */
  holdNext(): HeldAppend;
  /** Appends that were tried so far, whatever became of them. */
  readonly tried: number;
}

/** An event store whose appends go wrong as told. Everything else goes to `inner` untouched. */
export const faultyEventStore = (inner: EventStore): FaultyEventStore => {
  const planned: ((append: () => Promise<Appended>, stream: string) => Promise<Appended>)[] = [];
  let tried = 0;
  const failing =
    (fault: AppendFault): (typeof planned)[number] =>
    async (append, stream) => {
      if (fault === 'unavailable') throw new StoreUnavailable(`${stream}: the store is unavailable`);
      if (fault === 'answer lost') await Promise.allSettled([append()]);
      throw new AppendUnknown(stream);
    };
  return {
    append: (stream, expected, events) => {
      tried += 1;
      const append = () => inner.append(stream, expected, events);
      const fault = planned.shift();
      return fault === undefined ? append() : fault(append, stream);
    },
    read: (stream, from, limit) => inner.read(stream, from, limit),
    readAll: (after, limit, prefixes) => inner.readAll(after, limit, prefixes),
    head: (stream) => inner.head(stream),
    follow: (stream, from, signal) => inner.follow(stream, from, signal),
    followAll: (after, prefixes, signal) => inner.followAll(after, prefixes, signal),
    close: () => inner.close(),
    failNext: (...faults) => planned.push(...faults.map(failing)),
    holdNext: () => {
      const [reached, reach] = gate();
      const [released, release] = gate();
      planned.push(async (append) => {
        reach();
        await released;
        return append();
      });
      return { reached, release };
    },
    get tried() {
      return tried;
    },
  };
};

/** A promise, and what resolves it. */
const gate = (): [Promise<void>, () => void] => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return [opened, open];
};
