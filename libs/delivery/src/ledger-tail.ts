import { CHAIN_START, follows, storedHash } from '@drawdown/kernel';
import {
  type EventStore,
  type Log,
  type Metrics,
  PAGE_EVENTS_MAX,
  pagesToEnd,
  type RecordBatch,
  type StoredEvent,
  type Stream,
  StreamGap,
} from '@drawdown/ports';
import { isAborted } from './aborted';
import { BackOff } from './back-off';
import { eventOf, NotAnEvent } from './event-record';
import { NotOfTheLog } from './off-the-log';

/** Pauses while the stream is away; the store is read in between. */
const RETRY_MS = { first: 100, longest: 5_000 };

export interface LedgerTailPorts {
  readonly store: EventStore;
  readonly stream: Stream;
  readonly topic: string;
  readonly silenceMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * One shard's events from a revision on, each once and in order, live from the topic. The store is the truth: what the
 * topic repeats is dropped, what it leaves out is read from the store, what is beyond the store's end does not exist. So
 * is a record that is the next by its revision and not by the hash chain: somebody else has written it. One that was
 * forged to fit shows with the next that does not, and then the reader ends: it has given what is not so.
 */
export class LedgerTail {
  private failing = false;
  /** Hash of the event before `next`; undefined where this reader has not seen it. */
  private before: Buffer | undefined;

  constructor(
    private readonly ports: LedgerTailPorts,
    private readonly name: string,
    private readonly partition: number,
    /** The revision that is wanted next. */
    private next: number,
  ) {
    if (next === 0) this.before = CHAIN_START;
  }

  /** Ends when `signal` aborts; throws what the store throws, and {@link NotOfTheLog}. */
  async *pages(signal: AbortSignal): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const backOff = new BackOff(RETRY_MS.first, RETRY_MS.longest);
    while (!isAborted(signal)) {
      const ending = new AbortController();
      const records = await this.tail(AbortSignal.any([signal, ending.signal]));
      try {
        // Asked for its end before the store is read to its own: what is stored after that comes with the tail.
        yield* this.fromStore(signal);
        if (records !== undefined) yield* this.live(records, signal, () => backOff.reset());
      } finally {
        ending.abort();
      }
      if (!isAborted(signal)) await backOff.pause(signal);
    }
  }

  /** The partition from its present end on; undefined where the stream cannot be reached. */
  private async tail(signal: AbortSignal): Promise<AsyncIterator<RecordBatch> | undefined> {
    const { stream, topic } = this.ports;
    try {
      const bounds = (await stream.boundsOf(topic))[this.partition];
      if (bounds === undefined) throw new RangeError(`${topic} has no partition ${String(this.partition)}`);
      return stream.follow(topic, this.partition, bounds.end, signal)[Symbol.asyncIterator]();
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** Ends where the tail does, or cannot be followed any further. */
  private async *live(
    records: AsyncIterator<RecordBatch>,
    signal: AbortSignal,
    heard: () => void,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    let coming = settled(records.next());
    while (!isAborted(signal)) {
      const came = await within(this.ports.silenceMs, coming);
      if (came === undefined) {
        yield* this.afterSilence(signal);
        continue;
      }
      if (came instanceof Failure) {
        this.failed(came.cause);
        return;
      }
      if (came.done === true) return;
      heard();
      this.recovered();
      coming = settled(records.next());
      yield* this.take(came.value, signal);
    }
  }

  /** What of a batch is next, in pages; where something is missing before it, that first. */
  private async *take(
    batch: RecordBatch,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    let page: StoredEvent[] = [];
    let repeated = 0;
    this.before ??= await this.hashOf(this.next - 1);
    for (const event of this.eventsOf(batch)) {
      let isNext = this.isNext(event);
      if (!isNext && event.revision >= this.next) {
        if (page.length > 0) yield page;
        page = [];
        yield* event.revision > this.next ? this.heal(event.revision, signal) : this.insteadOf(event, signal);
        isNext = this.isNext(event);
      }
      if (isAborted(signal)) return;
      if (isNext) {
        page.push(event);
        this.passed(event);
      } else if (event.revision < this.next) repeated += 1;
      if (page.length < PAGE_EVENTS_MAX) continue;
      yield page;
      page = [];
    }
    if (repeated > 0) this.ports.metrics.count('consumer_duplicates_total', { stream: this.name }, repeated);
    if (page.length > 0) yield page;
  }

  /** Something is missing before `seen`: the store has it. Where it does not have `seen` either, there is no such event. */
  private async *heal(seen: number, signal: AbortSignal): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const { metrics, log } = this.ports;
    metrics.count('consumer_gaps_total', { stream: this.name });
    log.error({ stream: this.name, missing: this.next, seen }, 'a revision is missing: read from the store');
    yield* this.fromStore(signal);
    if (seen <= this.next || isAborted(signal)) return;
    log.error({ stream: this.name, seen, next: this.next }, 'the store does not have what was published: passed over');
  }

  /** By its revision, and by the chain. */
  private isNext(event: StoredEvent): boolean {
    return event.revision === this.next && this.before !== undefined && follows(this.before, event);
  }

  private passed(last: StoredEvent): void {
    this.next = last.revision + 1;
    this.before = storedHash(last);
  }

  /** As the store has it. */
  private async hashOf(revision: number): Promise<Buffer | undefined> {
    const [event] = await this.ports.store.read(this.name, revision, 1);
    return event && storedHash(event);
  }

  /** What stands where a record would be the next and does not fit: nothing, or another event, which the store has. */
  private async *insteadOf(
    { revision, id }: StoredEvent,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const { metrics, log, topic } = this.ports;
    metrics.count('ledger_records_unreadable_total', { stream: this.name });
    log.error({ topic, stream: this.name, revision, id }, 'a record is not of the ledger: left to the store');
    await this.checkBefore();
    yield* this.fromStore(signal);
  }

  /** Throws where what was given last is not what the store has there. */
  private async checkBefore(): Promise<void> {
    if (this.next === 0 || this.before === undefined) return;
    const stored = await this.hashOf(this.next - 1);
    if (stored !== undefined && !stored.equals(this.before)) throw new NotOfTheLog(this.name, this.next - 1);
  }

  private eventsOf({ records }: RecordBatch): readonly StoredEvent[] {
    return records.flatMap((record) => {
      try {
        const event = eventOf(record);
        if (event.stream === this.name) return [event];
        throw new NotAnEvent(`it is an event of ${event.stream}`);
      } catch (error) {
        if (!(error instanceof NotAnEvent)) throw error;
        // Whatever stood there, if anything: the store has it.
        const fields = {
          topic: this.ports.topic,
          partition: this.partition,
          offset: record.offset,
          error: error.message,
        };
        this.ports.metrics.count('ledger_records_unreadable_total', { stream: this.name });
        this.ports.log.error(fields, 'a record of the ledger cannot be read: left to the store');
        return [];
      }
    });
  }

  /** Everything that the store has by now. */
  private async *fromStore(signal: AbortSignal): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    let isFirst = true;
    for await (const page of pagesToEnd(this.ports.store, this.name, this.next)) {
      if (isAborted(signal)) return;
      const [first, last] = [page[0], page.at(-1)];
      if (first === undefined || last === undefined) continue;
      if (isFirst && this.before !== undefined && !follows(this.before, first)) await this.checkBefore();
      isFirst = false;
      this.passed(last);
      yield page;
    }
  }

  /** Nothing was stored, or nothing is published: then readers are behind by the silence, and not for ever. */
  private async *afterSilence(signal: AbortSignal): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const before = this.next;
    yield* this.fromStore(signal);
    if (this.next === before) return;
    this.ports.metrics.count('fan_out_silences_total', { stream: this.name });
    this.ports.log.warn(
      { stream: this.name, events: this.next - before },
      'events were stored and not published in time',
    );
  }

  private failed(error: unknown): void {
    if (error instanceof StreamGap) {
      const { topic, partition, from, bounds } = error;
      this.ports.metrics.count('consumer_gaps_total', { stream: this.name });
      this.ports.log.error({ topic, partition, from, ...bounds }, 'records are missing: read from the store');
      return;
    }
    this.ports.metrics.count('fan_out_errors_total', { stream: this.name });
    if (this.failing) return;
    this.failing = true;
    this.ports.log.warn({ stream: this.name, error: String(error) }, 'the fan-out is away: the store is read instead');
  }

  private recovered(): void {
    if (this.failing) this.ports.log.info({ stream: this.name }, 'the fan-out is back');
    this.failing = false;
  }
}

class Failure {
  constructor(readonly cause: unknown) {}
}

/** A rejection as a value, so that nobody has to be waiting when it comes. */
const settled = <T>(promise: Promise<T>): Promise<T | Failure> => promise.catch((error: unknown) => new Failure(error));

/** What the promise resolves to; undefined where that takes longer. */
const within = async <T>(ms: number, promise: Promise<T>): Promise<T | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};
