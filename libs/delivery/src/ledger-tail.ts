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
 * topic repeats is dropped, what it leaves out is read from the store, what is beyond the store's end does not exist. A
 * record that is the next by its revision is taken as it is: who may write to the topic is the brokers' to decide.
 */
export class LedgerTail {
  private failing = false;

  constructor(
    private readonly ports: LedgerTailPorts,
    private readonly name: string,
    private readonly partition: number,
    /** The revision that is wanted next. */
    private next: number,
  ) {}

  /** Ends when `signal` aborts; throws what the store throws. */
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
    for (const event of this.eventsOf(batch)) {
      if (event.revision > this.next) {
        if (page.length > 0) yield page;
        page = [];
        yield* this.heal(event.revision, signal);
      }
      if (isAborted(signal)) return;
      if (event.revision < this.next) repeated += 1;
      else if (event.revision === this.next) {
        page.push(event);
        this.next += 1;
      }
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
    for await (const page of pagesToEnd(this.ports.store, this.name, this.next)) {
      if (isAborted(signal)) return;
      this.next += page.length;
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
