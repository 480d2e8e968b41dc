import { PAGE_BYTES, PAGE_EVENTS_MAX, PageSize, type StoredEvent } from '@drawdown/ports';
import { BackOff } from './back-off';
import { type Batch, type BatchLimits, batchOf, Entry, type FeedSource } from './batch';
import { NotOfTheLog } from './off-the-log';

/** Bytes of passed events that are kept, decoded, for slower projectors; one that falls further behind reads by itself. */
const KEPT_BYTES = 3 * 1024 * 1024;

/**
 * While the stream's end is far, nothing is read beyond what is kept: a slower projector would have to read and decode all
 * of it once more. So long at most does one that does not move hold up the others, once until it moves.
 */
const HELD_UP_MS = 10_000;

/** Bytes of events that one batch of a slower projector is made of. */
const BEHIND_BYTES = 4 * 1024 * 1024;

/** Pauses while the store cannot be read. */
const STORE_RETRY_MS = { first: 50, longest: 2_000 };

/**
 * The events of one shard's stream, read once and decoded once for all projectors at its front. Contiguous by
 * construction: what it has seen it drops, a gap it heals by reading from the store, and until that succeeds nothing
 * passes it (INV-DEL-2).
 */
export class Feed<E> {
  /** Consecutive events from revision `first` on. */
  private readonly window: Entry<E>[] = [];
  first = 0;
  private keptBytes = 0;
  private readonly cursors = new Set<FeedCursor<E>>();
  /** Set while the live end of the stream is followed. */
  private live: { readonly pages: AsyncIterator<readonly StoredEvent[]>; readonly abort: AbortController } | undefined;
  /** True after a revision was missing, until it is read. */
  private gap = false;
  private readonly size = new PageSize();
  /** Where the slowest projector that the window has stood when it had held up the others for long enough. */
  private stuckAt = -1;
  private wanted: (() => void) | undefined;
  private running: Promise<void> | undefined;
  private failure: string | undefined;
  /** Set for good once what has passed here was found not to be the log's. */
  lost: NotOfTheLog | undefined;

  constructor(
    readonly source: FeedSource<E>,
    private readonly signal: AbortSignal,
    private readonly heldUpMs = HELD_UP_MS,
  ) {}

  /** Why nothing comes at the moment; undefined where all is well. */
  get trouble(): string | undefined {
    return this.failure ?? (this.gap ? `${this.source.stream}: revision ${String(this.end)} is missing` : undefined);
  }

  /** The revision after the last that is here. */
  get end(): number {
    return this.first + this.window.length;
  }

  cursor(): FeedCursor<E> {
    const cursor = new FeedCursor(this);
    this.cursors.add(cursor);
    this.running ??= this.run();
    return cursor;
  }

  /** Resolves when reading has ended after the signal. */
  async ended(): Promise<void> {
    await this.running;
  }

  /** For cursors. What is here from `from` on, within the limits; nothing where that is to come or has gone. */
  take(from: number, limits: BatchLimits): Batch<E> | undefined {
    if (from >= this.end) return undefined;
    return batchOf(this.window.slice(from - this.first, from - this.first + limits.events), from, limits, this.source);
  }

  /** For cursors: one waits for `from`. */
  want(from: number): void {
    if (from > this.end) this.restart(from);
    this.wanted?.();
  }

  /** For cursors: one has moved or gone, so that what all have passed may go. */
  trim(): void {
    let slowest = this.end;
    let front = this.first;
    for (const { position } of this.cursors) {
      if (position >= this.first) slowest = Math.min(slowest, position);
      front = Math.max(front, position);
    }
    const dropUpTo = (revision: number): void => {
      const gone = this.window.splice(0, revision - this.first);
      for (const { bytes } of gone) this.keptBytes -= bytes;
      this.first += gone.length;
    };
    dropUpTo(slowest);
    while (this.keptBytes > KEPT_BYTES && this.first < Math.min(front, this.end)) dropUpTo(this.first + 1);
    this.wanted?.();
  }

  remove(cursor: FeedCursor<E>): void {
    this.cursors.delete(cursor);
    this.trim();
  }

  /** Read for a cursor that is behind the window, page by page until the batch is full or large enough to hold. */
  async readBehind(from: number, limits: BatchLimits, size: PageSize): Promise<Batch<E>> {
    const { store, stream } = this.source;
    const entries: Entry<E>[] = [];
    let bytes = 0;
    let weight = 0;
    while (entries.length < limits.events && weight < limits.weight && bytes < BEHIND_BYTES) {
      const limit = Math.min(limits.events - entries.length, size.events);
      const page = await store.read(stream, from + entries.length, limit);
      size.learn(page);
      const contiguous = page.filter(({ revision }, index) => revision === from + entries.length + index);
      for (const stored of contiguous) {
        const entry = new Entry<E>(stored);
        entries.push(entry);
        bytes += entry.bytes;
        weight += entry.weightOr(1, this.source);
      }
      if (page.length === 0 || contiguous.length < page.length) break;
    }
    const batch = batchOf(entries, from, limits, this.source);
    if (batch === undefined) throw new Error(`${stream}: revision ${String(from)} is missing`);
    return batch;
  }

  /** A projector is further than the window: go on from there. */
  private restart(from: number): void {
    this.window.length = 0;
    this.keptBytes = 0;
    this.first = from;
    this.gap = false;
    this.stopFollowing();
    this.wakeCursors();
  }

  private stopFollowing(): void {
    this.live?.abort.abort();
    this.live = undefined;
  }

  private async run(): Promise<void> {
    const backOff = new BackOff(STORE_RETRY_MS.first, STORE_RETRY_MS.longest);
    const { log, metrics, stream } = this.source;
    const wake = (): void => this.wanted?.();
    this.signal.addEventListener('abort', wake);
    while (!this.signal.aborted) {
      await this.demand();
      try {
        await this.pull();
        if (this.failure !== undefined) log.info({ stream }, 'the event store can be read again');
        this.failure = undefined;
        if (this.gap) await backOff.pause(this.signal);
        else backOff.reset();
      } catch (error) {
        this.stopFollowing();
        if (error instanceof NotOfTheLog) {
          this.lost = error;
          this.wakeCursors();
          break;
        }
        if (this.failure === undefined) log.warn({ stream, error: String(error) }, 'the event store cannot be read');
        this.failure = `${stream} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
        metrics.count('projection_store_errors_total');
        await backOff.pause(this.signal);
      }
    }
    this.signal.removeEventListener('abort', wake);
    this.stopFollowing();
  }

  /** Resolves when a cursor stands at the end of what is here, and the next page finds room. */
  private async demand(): Promise<void> {
    const atEnd = (): boolean => [...this.cursors].some((cursor) => cursor.waitsFor === this.end);
    while (!atEnd() && !this.signal.aborted) await this.moved();
    if (this.hasRoom()) return;
    const timer = setTimeout(() => {
      this.stuckAt = this.first;
      this.wanted?.();
    }, this.heldUpMs);
    while (!this.hasRoom() && !this.signal.aborted) await this.moved();
    clearTimeout(timer);
  }

  /** Whether the next page leaves what is here to the slower projectors; at the live end they hold up nobody. */
  private hasRoom(): boolean {
    return this.live !== undefined || this.stuckAt === this.first || this.keptBytes <= KEPT_BYTES - 2 * PAGE_BYTES;
  }

  /** Resolves when a cursor has come, moved or gone. */
  private async moved(): Promise<void> {
    await new Promise<void>((resolve) => (this.wanted = resolve));
    this.wanted = undefined;
  }

  /** Reads page by page up to the end of the stream, then follows it. */
  private async pull(): Promise<void> {
    const { store, stream } = this.source;
    const from = this.end;
    if (this.live === undefined) {
      const limit = this.size.events;
      const page = await store.read(stream, from, limit);
      this.size.learn(page);
      if (this.end !== from) return; // restarted meanwhile
      this.add(page);
      // Shorter than asked for, and not because it is large: the end. To follow too early would cost nothing.
      if (page.length < limit && bytesOf(page) < PAGE_BYTES && !this.gap) this.follow();
      return;
    }
    const { live } = this;
    const page: IteratorResult<readonly StoredEvent[], unknown> = await live.pages.next();
    if (this.live !== live) return;
    if (page.done === true) {
      this.live = undefined;
      return;
    }
    this.add(page.value);
    // Far behind: pages of a measured size are kinder to memory than the largest the store makes.
    if (this.gap || page.value.length >= PAGE_EVENTS_MAX) this.stopFollowing();
  }

  private follow(): void {
    const abort = new AbortController();
    const pages = this.source.store.follow(this.source.stream, this.end, abort.signal)[Symbol.asyncIterator]();
    this.live = { pages, abort };
    // The feed's own end ends the following; the listener goes when it does.
    this.signal.addEventListener('abort', () => abort.abort(), { once: true, signal: abort.signal });
  }

  private add(page: readonly StoredEvent[]): void {
    const { metrics, log, stream } = this.source;
    let repeated = 0;
    const before = this.end;
    for (const stored of page) {
      if (stored.revision < this.end) repeated += 1;
      else if (stored.revision > this.end) break;
      else {
        const entry = new Entry<E>(stored);
        this.window.push(entry);
        this.keptBytes += entry.bytes;
      }
    }
    if (repeated > 0) metrics.count('consumer_duplicates_total', { stream }, repeated);
    const last = page.at(-1)?.revision ?? -1;
    const gap = last >= this.end;
    if (gap && !this.gap) {
      metrics.count('consumer_gaps_total', { stream });
      log.error({ stream, missing: this.end, seen: last }, 'a revision is missing: stopped here until it can be read');
    }
    // A read that brings nothing does not heal; the revision is known to be there.
    this.gap = gap || (this.gap && this.end === before);
    if (this.end > before) this.wakeCursors();
  }

  private wakeCursors(): void {
    for (const cursor of this.cursors) cursor.wake();
  }
}

const bytesOf = (page: readonly StoredEvent[]): number => page.reduce((sum, { data }) => sum + data.byteLength, 0);

/** One projector's place in a feed. Used by one caller at a time. */
export class FeedCursor<E> {
  /** The next revision it wants. */
  position = 0;
  /** The same while it waits for it to come. */
  waitsFor: number | undefined;
  private readonly size = new PageSize();
  private closed = false;
  private interrupted = false;
  private waiting: (() => void) | undefined;

  constructor(private readonly feed: Feed<E>) {}

  /**
   * The next events from `from` on: what is there, never waiting to fill. Undefined once closed, and once after each
   * {@link interrupt}. Throws {@link UnreadableAt}, {@link NotOfTheLog} at the end of a feed that gave what is not the
   * log's, and what the store throws where this cursor is behind the others.
   */
  async take(from: number, limits: BatchLimits): Promise<Batch<E> | undefined> {
    this.position = from;
    this.feed.trim();
    while (!this.closed && !this.interrupted) {
      if (from < this.feed.first) return this.feed.readBehind(from, limits, this.size);
      const here = this.feed.take(from, limits);
      if (here !== undefined) return here;
      if (this.feed.lost !== undefined) throw this.feed.lost;
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
        this.waitsFor = from;
        this.feed.want(from);
      });
      this.waitsFor = undefined;
    }
    this.interrupted = false;
    return undefined;
  }

  /** Ends the present or next waiting. */
  interrupt(): void {
    this.interrupted = true;
    this.wake();
  }

  close(): void {
    this.closed = true;
    this.feed.remove(this);
    this.wake();
  }

  wake(): void {
    this.waiting?.();
    this.waiting = undefined;
  }
}
