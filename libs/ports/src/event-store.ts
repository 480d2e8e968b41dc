import type { JsonObject } from '@drawdown/kernel';

/** An event to be stored. `id` is a UUID that is a pure function of content and place, so that a retry repeats it. */
export interface NewEvent {
  readonly id: string;
  readonly type: string;
  /** The stored bytes; the store never looks into them. */
  readonly data: Uint8Array;
  /** A small JSON object. It comes back with its keys in the same order. */
  readonly metadata: JsonObject;
}

/** A stored event, where it stands, and when the store took it. */
export interface StoredEvent extends NewEvent {
  readonly stream: string;
  /** Place in its stream: 0, 1, 2 … without holes. */
  readonly revision: number;
  /** Place among all events of the store: increasing, not contiguous. */
  readonly position: number;
}

export interface Appended {
  /** Revision of the append's last event. */
  readonly revision: number;
  /** Global position of the append's last event. */
  readonly position: number;
  /** True where the same append had been stored before and nothing was written now. */
  readonly repeated: boolean;
}

/** The log. Facts only ever get added; nothing here changes, removes or reorders one (INV-LED-2). */
export interface EventStore {
  /**
   * Stores all events, or none, at exactly `expected`, the revision that the first of them gets (0 for a stream that
   * does not exist). Durable when it resolves. The events' bytes are the caller's again when this has returned.
   *
   * An identical append (same expected revision, same ids) that is stored already resolves again and writes nothing.
   * Any other append at a revision that is taken, or past the end, rejects with {@link StreamConflict}.
   * Rejects with {@link AppendUnknown} where the outcome is not known, {@link StoreUnavailable} where nothing was
   * stored and a later try may succeed, {@link AppendTooLarge} where it never will, and with a RangeError where the
   * request itself is a mistake: no events, an id that is no UUID, a name that begins with $ (see {@link checkAppend}).
   */
  append(stream: string, expected: number, events: readonly NewEvent[]): Promise<Appended>;

  /**
   * A page of the stream's events from `from` on, in order: at most `limit`, and no more once it holds
   * {@link PAGE_BYTES} (whoever asked for many small ones gets few large ones, not all of them at once). Empty only where
   * the stream ends before `from`, or does not exist: whoever wants all of it reads until then.
   * This and the other reads reject with {@link StoreUnavailable} where the store cannot answer.
   */
  read(stream: string, from: number, limit: number): Promise<readonly StoredEvent[]>;

  /**
   * Events of all streams whose name starts with one of the prefixes (without prefixes: of all streams; of no stream
   * where the list is empty), after a global position (−1: from the beginning), in global order. At most `limit`; fewer
   * only where the log ends.
   */
  readAll(after: number, limit: number, prefixes?: readonly string[]): Promise<readonly StoredEvent[]>;

  /** Revision of the stream's last event; −1 where the stream does not exist. */
  head(stream: string): Promise<number>;

  /**
   * All events of a stream from `from` on, then those to come, each once, in order, in pages of at most
   * {@link PAGE_EVENTS_MAX}; the next page is made when it is asked for. Ends only when `signal` aborts, after which no
   * page comes. Rejects with {@link StoreUnavailable} where the store cannot be read or is closed; follow again then.
   */
  follow(stream: string, from: number, signal: AbortSignal): AsyncIterable<readonly StoredEvent[]>;

  /** The same over all streams with one of the prefixes, after a global position. */
  followAll(after: number, prefixes: readonly string[], signal: AbortSignal): AsyncIterable<readonly StoredEvent[]>;

  /** Waits for the appends under way. Afterwards all calls reject with {@link StoreUnavailable}. */
  close(): Promise<void>;
}
export const EventStore = Symbol('EventStore');

/** The log for those who only follow it. */
export type EventReader = Omit<EventStore, 'append'>;

/** A stream that there is not. */
const NO_STREAM = 'nothing';

/**
 * Whether the store answers: resolves where it does, rejects as its reads do. To be asked again and again: the head of a
 * stream that is in use may come with the whole of its last event.
 */
export const askStore = async (store: Pick<EventStore, 'head'>): Promise<void> => {
  await store.head(NO_STREAM);
};

/** Bytes of one append at most: data, metadata and type names together (INV-LED-15; EventStoreDB's default limit is 1 MiB). */
export const APPEND_BYTES_MAX = 900 * 1024;

/** Events in one page of `follow` and `followAll` at most: what a follower holds in memory at a time. */
export const PAGE_EVENTS_MAX = 500;

/** The stream holds something else at the expected revision: the decision was made on a state that is not the present one. */
export class StreamConflict extends Error {
  readonly code = 'stream_conflict';
  constructor(
    readonly stream: string,
    readonly expected: number,
    /** Revision of the stream's last event; −1 where there is none. */
    readonly head: number,
  ) {
    super(`${stream}: expected to write revision ${String(expected)}, but its head is ${String(head)}`);
  }
}

/**
 * The append may or may not be stored. Repeat the identical append; never decide again before that has an answer. It has
 * one where the repetition resolves or rejects with {@link StreamConflict}; {@link StoreUnavailable} is none.
 */
export class AppendUnknown extends Error {
  readonly code = 'append_unknown';
  constructor(
    readonly stream: string,
    options?: ErrorOptions,
  ) {
    super(`${stream}: the outcome of the append is unknown`, options);
  }
}

/** The store cannot do this now (disk full, not reachable, read-only, an event missing); this call stored nothing. Try again later. */
export class StoreUnavailable extends Error {
  readonly code = 'store_unavailable';
}

/** The append is over {@link APPEND_BYTES_MAX}; split it between two decisions. */
export class AppendTooLarge extends Error {
  readonly code = 'append_too_large';
}

/** Bytes that count towards {@link APPEND_BYTES_MAX}. */
export const appendBytes = (events: readonly NewEvent[]): number => {
  let bytes = 0;
  for (const event of events) {
    bytes += event.data.byteLength + 2 * event.type.length + Buffer.byteLength(JSON.stringify(event.metadata));
  }
  return bytes;
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// NUL ends a name in some stores, and half a surrogate pair has no UTF-8 form: either would come back as another name.
// Names that begin with $ are EventStoreDB's own: an event in one of them can hide those of other streams.
const NOT_A_NAME = /^$|^\$|[\0\p{Surrogate}]/u;

/**
 * What an adapter checks before it sends an append, so that a mistake is the same mistake in every store. Throws a
 * RangeError where the request is one, {@link AppendTooLarge} where it is over the limit.
 */
export const checkAppend = (stream: string, expected: number, events: readonly NewEvent[]): void => {
  if (NOT_A_NAME.test(stream)) throw new RangeError(`not a stream name: ${JSON.stringify(stream)}`);
  if (!Number.isSafeInteger(expected) || expected < 0) throw new RangeError(`not a revision: ${String(expected)}`);
  if (events.length === 0) throw new RangeError(`${stream}: an append of no events`);
  for (const { id, type } of events) {
    if (!UUID.test(id)) throw new RangeError(`${stream}: not a UUID in lower case: ${JSON.stringify(id)}`);
    if (NOT_A_NAME.test(type)) throw new RangeError(`${stream}: not an event type: ${JSON.stringify(type)}`);
  }
  const bytes = appendBytes(events);
  if (bytes > APPEND_BYTES_MAX) {
    throw new AppendTooLarge(
      `${stream}: an append of ${String(bytes)} bytes; the limit is ${String(APPEND_BYTES_MAX)}`,
    );
  }
};
