import { setTimeout as pause } from 'node:timers/promises';
import {
  type Appended,
  AppendUnknown,
  checkAppend,
  type EventStore,
  type Log,
  type Metrics,
  type NewEvent,
  NO_LOG,
  NO_METRICS,
  type StoredEvent,
  StoreUnavailable,
  StreamConflict,
} from '@drawdown/ports';
import { AppendClient } from './append-client';
import { type SentAppend, sentAppend } from './batch-stream';
import { checkConnectionString } from './connection-string';
import { AppendRefused, definite } from './failures';
import { follow } from './follow';
import { followedPrefixes, followedStream } from './followed';
import { Hearing } from './hearing';
import { KnownHeads } from './known-heads';
import { PATIENCE, type Patience } from './patience';
import { ReadClient } from './read-client';
import { positionOf, StreamNames } from './stored-events';
import { Waker } from './waker';

export interface EventStoreDbOptions {
  /** Before every stream's name on the server: several stores share one. Not to be changed once there are events. */
  readonly prefix?: string;
  readonly log?: Log;
  readonly metrics?: Metrics;
  /** For tests: shorter than {@link PATIENCE}. */
  readonly patience?: Partial<Patience>;
}

/**
 * The log on an EventStoreDB server or cluster. `url` is its connection string: `esdb://user:password@host:2113?tlsCAFile=…`,
 * or `esdb+discover://…` for a cluster; see README.md. Connects with the first call; {@link checkEventStoreDb} says
 * whether the server is fit. Throws `BadConnectionString`.
 */
export const openEventStoreDb = (url: string, options: EventStoreDbOptions = {}): EventStore =>
  new EventStoreDb(url, options);

/** How often the age of what was heard is reported, in the time after which a silence is looked into. */
const AGES_PER_SILENCE = 3;

/** First pause between two looks at what is being stored; each is twice the one before. */
const SHOWN_PAUSE_MS = 2;

interface UnderWay {
  readonly ids: readonly string[];
  readonly outcome: Promise<Appended>;
}

class EventStoreDb implements EventStore {
  private readonly names: StreamNames;
  private readonly log: Log;
  private readonly metrics: Metrics;
  private readonly patience: Patience;
  private readonly reads: ReadClient;
  private readonly appends: AppendClient;
  private readonly heads = new KnownHeads();
  /** Appends by stream and revision. */
  private readonly underWay = new Map<string, UnderWay[]>();
  private readonly followers = new Set<Waker>();
  private readonly hearing: Hearing;
  private closing: Promise<void> | undefined;

  constructor(url: string, { prefix = '', log = NO_LOG, metrics = NO_METRICS, patience }: EventStoreDbOptions) {
    checkConnectionString(url);
    this.patience = { ...PATIENCE, ...patience };
    this.names = new StreamNames(prefix);
    this.log = log;
    this.metrics = metrics;
    this.hearing = new Hearing(metrics, this.patience.silenceMs / AGES_PER_SILENCE);
    this.reads = new ReadClient(url, this.names, log, this.patience);
    this.appends = AppendClient.of(url, log);
  }

  async append(stream: string, expected: number, events: readonly NewEvent[]): Promise<Appended> {
    this.checkOpen();
    checkAppend(stream, expected, events);
    const key = `${String(expected)}/${stream}`;
    const ids = events.map(({ id }) => id);
    const others = this.underWay.get(key) ?? [];
    // The server's answer does not say whether it wrote: of two that are the same and under way, only one is sent.
    const same = others.find((other) => sameIds(other.ids, ids));
    if (same !== undefined) return { ...(await same.outcome), repeated: true };
    const outcome = this.send(stream, expected, ids, sentAppend(this.names.onServer(stream), expected, events));
    const own = { ids, outcome };
    this.underWay.set(key, [...others, own]);
    try {
      return await outcome;
    } finally {
      const rest = (this.underWay.get(key) ?? []).filter((other) => other !== own);
      if (rest.length === 0) this.underWay.delete(key);
      else this.underWay.set(key, rest);
    }
  }

  private async send(stream: string, expected: number, ids: readonly string[], append: SentAppend): Promise<Appended> {
    // Known before it is sent, so that a success means "written now" and a repetition is told from it.
    const head = this.heads.get(stream) ?? (await this.learnHead(stream));
    if (head >= expected) return this.decideByReading(stream, expected, ids);
    try {
      const { lastRevision, position } = await this.appends.append(append, this.patience.appendMs);
      const revision = expected + ids.length - 1;
      // No place: it is stored, and hidden from whoever reads.
      if (lastRevision !== BigInt(revision) || position === undefined) throw misplaced(stream, expected, lastRevision);
      this.heads.learn(stream, revision);
      return { revision, position: positionOf(position), repeated: false };
    } catch (error) {
      return this.settle(stream, expected, ids, error);
    }
  }

  /** Makes the port's answer out of a rejection. */
  private async settle(stream: string, expected: number, ids: readonly string[], error: unknown): Promise<Appended> {
    if (error instanceof Misplaced || error instanceof StoreUnavailable) throw error;
    const failure = error instanceof AppendRefused ? error.failure : 'unknown';
    if (failure === 'wrong version') {
      try {
        await this.shown(stream, error instanceof AppendRefused ? error.current : -1);
        return await this.decideByReading(stream, expected, ids);
      } catch (cause) {
        if (cause instanceof StreamConflict) throw cause;
        throw new AppendUnknown(stream, { cause });
      }
    }
    this.heads.forget(stream);
    if (failure === 'unknown') throw new AppendUnknown(stream, { cause: error });
    throw definite(stream, failure, error);
  }

  /** All of it is stored where the ids from `expected` on are ours: the server's own rule. */
  private async decideByReading(stream: string, expected: number, ids: readonly string[]): Promise<Appended> {
    const stored = await this.reads.read(stream, expected, ids.length);
    const last = stored.at(-1);
    const same = sameIds(
      stored.map(({ id }) => id),
      ids,
    );
    if (last !== undefined && same) {
      this.heads.learn(stream, last.revision);
      return { revision: last.revision, position: last.position, repeated: true };
    }
    throw new StreamConflict(stream, expected, await this.learnHead(stream));
  }

  /**
   * Waits until the stream can be read up to a revision. The server refuses an append for one that it has only begun to
   * write, and reads show that one once it is stored: whoever decided again before would only be refused again. Where it
   * never comes (its write failed, or the refusal was wrong), what there is decides.
   */
  private async shown(stream: string, revision: number): Promise<void> {
    const until = performance.now() + this.patience.shownMs;
    for (let wait = SHOWN_PAUSE_MS; (await this.learnHead(stream)) < revision; wait *= 2) {
      const left = until - performance.now();
      if (left <= 0) return;
      await pause(Math.min(wait, left));
    }
  }

  private async learnHead(stream: string): Promise<number> {
    const head = await this.reads.head(stream);
    this.heads.learn(stream, head);
    return head;
  }

  async read(stream: string, from: number, limit: number): Promise<readonly StoredEvent[]> {
    this.checkOpen();
    return this.reads.read(stream, from, limit);
  }

  async readAll(after: number, limit: number, prefixes?: readonly string[]): Promise<readonly StoredEvent[]> {
    this.checkOpen();
    return this.reads.readAll(after, limit, prefixes);
  }

  async head(stream: string): Promise<number> {
    this.checkOpen();
    return this.learnHead(stream);
  }

  follow(stream: string, from: number, signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    return this.pages(() => followedStream(this.reads, this.names, stream, from), signal);
  }

  followAll(after: number, prefixes: readonly string[], signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    return this.pages(() => followedPrefixes(this.reads, this.names, prefixes, after), signal);
  }

  private async *pages(what: () => ReturnType<typeof followedStream>, signal: AbortSignal) {
    this.checkOpen();
    const waker = new Waker();
    this.followers.add(waker);
    const { reads, log, metrics, patience, hearing } = this;
    const isClosed = (): boolean => this.closing !== undefined;
    try {
      yield* follow(what(), { reads, log, metrics, patience, hearing, isClosed }, signal, waker);
    } finally {
      this.followers.delete(waker);
    }
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    for (const follower of this.followers) follower.wake();
    await Promise.allSettled([...this.underWay.values()].flat().map(({ outcome }) => outcome));
    this.appends.release();
    this.reads.close();
  }

  private checkOpen(): void {
    if (this.closing !== undefined) throw new StoreUnavailable('the event store is closed');
  }
}

const sameIds = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((id, index) => id === others[index]);

/** It is stored, but not where it should be, or hidden: the stream was deleted under us, which the server takes for a new beginning. */
class Misplaced extends Error {}

const misplaced = (stream: string, expected: number, revision: bigint): Misplaced =>
  new Misplaced(
    `${stream}: events for revision ${String(expected)} were stored up to ${String(revision)}: somebody has deleted the stream; ` +
      'stop all writers, restore the log from a backup, and forbid deletion by an ACL',
  );
