import { LevelSince, type Log, type Metrics, type PartitionBounds, type Place, type Stream } from '@drawdown/ports';

/** How often lag is measured: the brokers are asked once for each topic, not with each batch. */
const EVERY_MS = 5_000;

export interface WorkerLagPorts {
  readonly stream: Pick<Stream, 'boundsOf'>;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** What is reported of a partition of a topic. */
interface Series {
  readonly labels: { readonly topic: string; readonly shard: string };
  readonly level: LevelSince;
}

type Ends = ReadonlyMap<string, readonly PartitionBounds[]>;

/**
 * Reports what waits in the topics for the shards that are owned here: records from the first that is not consumed to the
 * partition's end, and seconds since the partition ended there ({@link LevelSince}). The brokers are asked for the ends,
 * since a worker that is stuck fetches nothing that would tell it. Where they do not answer the seconds go on.
 */
export class WorkerLag {
  private readonly series = new Map<string, Series>();
  private timer: NodeJS.Timeout | undefined;
  private measuring: Promise<void> | undefined;
  private isBlind = false;

  constructor(
    private readonly topics: readonly string[],
    /** How far this worker is at the moment. */
    private readonly places: () => readonly Place[],
    private readonly ports: WorkerLagPorts,
    private readonly everyMs: number = EVERY_MS,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      this.measuring ??= this.measure().finally(() => (this.measuring = undefined));
    }, this.everyMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** The shard is no longer owned here: who has it next reports it. */
  forget(shard: number): void {
    for (const [key, { labels }] of this.series) if (labels.shard === String(shard)) this.end(key, labels);
  }

  /** Never rejects. */
  private async measure(): Promise<void> {
    const ends = await this.ends();
    const at = performance.now();
    // After the ends: what is consumed meanwhile does not count as waiting.
    const places = this.places();
    for (const place of places) this.report(place, ends, at);
    const owned = new Set(places.map(keyOf));
    for (const [key, { labels }] of this.series) if (!owned.has(key)) this.end(key, labels);
  }

  /** By topic; without those that nobody answers for. */
  private async ends(): Promise<Ends> {
    const { stream, log } = this.ports;
    const ends = new Map<string, readonly PartitionBounds[]>();
    try {
      await Promise.all(this.topics.map(async (topic) => ends.set(topic, await stream.boundsOf(topic))));
      this.isBlind = false;
    } catch (error) {
      // Said once; what is away is reported by whoever needs it.
      const isNews = !this.isBlind && this.timer !== undefined;
      if (isNews) log.warn({ error: String(error) }, 'a worker cannot see what waits in its topics');
      this.isBlind = true;
    }
    return ends;
  }

  private report(place: Place, ends: Ends, at: number): void {
    const { metrics } = this.ports;
    const { labels, level } = this.seriesOf(place);
    const end = ends.get(place.topic)?.[place.partition]?.end ?? Number.NaN;
    const isSeen = Number.isSafeInteger(end);
    if (isSeen) metrics.gauge('worker_lag_records', Math.max(0, end - place.next), labels);
    const behindMs = isSeen ? level.behindMs(place.next, end, at) : level.unseenMs(at);
    metrics.gauge('worker_lag_seconds', behindMs / 1000, labels);
  }

  private seriesOf(place: Place): Series {
    const key = keyOf(place);
    let series = this.series.get(key);
    if (series === undefined) {
      series = { labels: { topic: place.topic, shard: String(place.partition) }, level: new LevelSince() };
      this.series.set(key, series);
    }
    return series;
  }

  private end(key: string, labels: Series['labels']): void {
    this.series.delete(key);
    for (const name of ['worker_lag_records', 'worker_lag_seconds']) this.ports.metrics.gauge(name, null, labels);
  }
}

const keyOf = ({ topic, partition }: Place): string => `${topic}/${String(partition)}`;
