import {
  type EventStore,
  type Log,
  type Metrics,
  RECORD_BYTES_MAX,
  recordBytes,
  RecordTooLarge,
  type StoredEvent,
  type Stream,
  type StreamRecord,
} from '@drawdown/ports';
import { BackOff, orAborted } from './back-off';
import { recordOf } from './event-record';
import { lastPublished } from './last-published';
import { pagesFrom } from './pages-from';

/** Pauses while the store or the stream is away. */
const RETRY_MS = { first: 50, longest: 5_000 };

export interface ShardRelayOptions {
  readonly store: EventStore;
  readonly stream: Stream;
  /** Number of shards of the store, and of the topic's partitions. */
  readonly shards: number;
  readonly streamOf: (shard: number) => string;
  readonly topic: string;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Publishes one shard. Its only memory of how far it is lies in the partition itself. */
export class ShardRelay {
  private readonly backOff = new BackOff(RETRY_MS.first, RETRY_MS.longest);
  private readonly stream: string;
  private readonly labels: { readonly shard: string };
  /** Revision of the last acknowledged event; undefined until the partition was looked at. */
  private acknowledged: number | undefined;
  /** The partition's end when it was last seen; it never goes back, unless the topic was made anew. */
  private end = 0;
  /** Set until all is published again: what stands in the new topic by now may have a gap before it. */
  private isRemade = false;
  private lookingAgain = new AbortController();
  private failure: string | null = null;

  constructor(
    private readonly options: ShardRelayOptions,
    private readonly shard: number,
    private readonly signal: AbortSignal,
  ) {
    this.stream = options.streamOf(shard);
    this.labels = { shard: String(shard) };
  }

  get trouble(): string | null {
    return this.failure;
  }

  /** Publishes until the signal; never rejects. */
  async run(): Promise<void> {
    while (!this.signal.aborted) {
      this.lookingAgain = new AbortController();
      try {
        await this.publishAll(AbortSignal.any([this.signal, this.lookingAgain.signal]));
      } catch (error) {
        if (this.signal.aborted) return;
        this.failed(error);
        await this.backOff.pause(this.signal);
      }
    }
  }

  /** Reports the lag; it needs no broker, and grows while that is away (FLT-31). Rejects where the store is away. */
  async measure(): Promise<void> {
    const { options, acknowledged } = this;
    const head = await options.store.head(this.stream);
    if (acknowledged !== undefined) {
      options.metrics.gauge('relay_lag_events', Math.max(0, head - acknowledged), this.labels);
    }
  }

  /** Takes in where the partition ends, which tells a topic that was made anew. */
  endsAt(end: number): void {
    if (end < this.end) {
      const { topic, log } = this.options;
      log.error({ topic, partition: this.shard, end, was: this.end }, 'the topic was made anew: publishing again');
      this.isRemade = true;
      this.lookingAgain.abort();
    }
    this.end = end;
  }

  private async publishAll(signal: AbortSignal): Promise<void> {
    const { store } = this.options;
    // Nothing is in hand yet: what is away must not hold up a stop.
    this.acknowledged = await orAborted(this.lastAcknowledged(signal), this.signal);
    this.isRemade = false;
    if ((await orAborted(store.head(this.stream), this.signal)) <= this.acknowledged) this.recovered();
    for await (const page of pagesFrom(store, this.stream, this.acknowledged + 1, signal)) {
      // Read in vain: who was told to look again, or to stop, sends no more.
      if (signal.aborted) return;
      await this.publish(page, signal);
    }
  }

  /** Of the topic, which is made where there is none; −1 where nothing was published. */
  private async lastAcknowledged(signal: AbortSignal): Promise<number> {
    const { stream, topic, shards } = this.options;
    await stream.ensureTopic(topic, shards);
    await this.checkPartitions();
    const last = this.isRemade ? undefined : await lastPublished(stream, topic, this.shard, signal);
    if (last !== undefined) await this.checkSameStore(last);
    return last?.revision ?? -1;
  }

  /** Sends a page, as much at once as fits, and goes on only after the acknowledgement (INV-DEL-1). */
  private async publish(page: readonly StoredEvent[], signal: AbortSignal): Promise<void> {
    const { stream, topic, metrics } = this.options;
    for (const records of portions(page.map((event) => recordOf(this.shard, event)))) {
      if (signal.aborted) return;
      await stream.send(topic, this.shard, records);
      this.acknowledged = (this.acknowledged ?? -1) + records.length;
      metrics.count('relay_published_total', this.labels, records.length);
      this.recovered();
    }
  }

  /** More partitions than shards hurt nobody, as long as nothing lies there: no reader takes it for this store's. */
  private async checkPartitions(): Promise<void> {
    const { stream, topic, shards } = this.options;
    const found = await stream.partitionsOf(topic);
    if (found === shards) return;
    const isUsed = found > shards && (await stream.boundsOf(topic)).slice(shards).some(({ end }) => end > 0);
    if (found > shards && !isUsed) return;
    const counts = `${topic} has ${String(found)} partitions${isUsed ? ' with records' : ''}, the store ${String(shards)} shards`;
    throw new TopicDoesNotFit(`${counts}: delete the topic, it is made and filled again`);
  }

  /** Another store's events, or those of this one before it was restored: to go on after them would be a silent gap. */
  private async checkSameStore({ revision, id }: StoredEvent): Promise<void> {
    const [own] = await this.options.store.read(this.stream, revision, 1);
    if (own?.id === id) return;
    const where = `${this.options.topic}, partition ${this.labels.shard}`;
    const what = `ends with revision ${String(revision)} of another store, or of this one before it was restored`;
    throw new TopicDoesNotFit(`${where}, ${what}: delete the topic, it is made and filled again`);
  }

  private failed(error: unknown): void {
    const { log, metrics } = this.options;
    const text = error instanceof Error ? error.message : String(error);
    metrics.count('relay_errors_total', this.labels);
    const fields = { stream: this.stream, error: text };
    const isForGood = error instanceof TopicDoesNotFit || error instanceof RecordTooLarge;
    if (this.failure !== text && isForGood) log.error(fields, 'nothing is published');
    else if (this.failure === null) log.warn(fields, 'nothing can be published: trying again');
    this.failure = text;
  }

  private recovered(): void {
    this.backOff.reset();
    if (this.failure !== null) this.options.log.info({ stream: this.stream }, 'events are published again');
    this.failure = null;
  }
}

/** The topic is not this store's. Nothing is published to it. */
class TopicDoesNotFit extends Error {
  readonly code = 'topic_does_not_fit';
}

/** Records in portions that a broker takes at once; a single one may be larger than that and is its own. */
function* portions(records: readonly StreamRecord[]): Iterable<readonly StreamRecord[]> {
  let portion: StreamRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const more = recordBytes(record);
    if (portion.length > 0 && bytes + more > RECORD_BYTES_MAX) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(record);
    bytes += more;
  }
  if (portion.length > 0) yield portion;
}
