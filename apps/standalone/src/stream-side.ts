import { setTimeout as pause } from 'node:timers/promises';
import { LEDGER_TOPIC, Relay } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { type LocalCatalogue, type LocalLedger, PartitionCountDiffers, TopicsOfAnotherStore } from '@drawdown/ledger';
import { type ShardOwner, USAGE_TOPIC, Worker } from '@drawdown/ledger';
import type { Clock, EventStore, Log, Metrics, Stream } from '@drawdown/ports';

/** How long the start waits for Kafka: HTTP does without it, and one that is there has answered by then. */
const BEGUN_MAX_MS = 5_000;

/** Pause before what could not begin is tried again. */
const AGAIN_MS = 1_000;

/** How long a stop waits for what is in hand while Kafka is away: the offsets in the log say what is taken in. */
const HAND_MAX_MS = 3_000;

/** How long a stop waits for what is being published: the topic itself says, at the next start, whether it is there. */
const PUBLISH_MAX_MS = 2_000;

/** What no waiting mends: somebody has to see to the topics. */
const isRefusal = (error: Error): boolean =>
  error instanceof PartitionCountDiffers || error instanceof TopicsOfAnotherStore;

export interface StreamSidePorts {
  readonly stream: Stream;
  readonly store: EventStore;
  readonly ledger: LocalLedger;
  readonly catalogue: LocalCatalogue;
  readonly newTopics: ReadonlySet<string>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

/**
 * Kafka as this process uses it: the ledger's own shards take usage and commands from their partitions, beside what comes
 * over HTTP, and what they book is published. What is away is waited for; HTTP goes on meanwhile.
 */
export class StreamSide {
  private readonly worker: Worker;
  private readonly relay: Relay;
  /** Partitions that the group has given to this process. */
  private readonly taken = new Set<number>();
  private readonly shards: number;
  private readonly stopping = new AbortController();
  private beginning: Promise<void> = Promise.resolve();
  private failure: Error | null = null;
  private begun = false;
  private stopped: Promise<void> | undefined;
  /** Tells the start, as long as that waits. */
  private refuse: (error: Error) => void = () => undefined;

  constructor(private readonly ports: StreamSidePorts) {
    const { ledger } = ports;
    this.shards = ledger.shards.length;
    const owner: ShardOwner = {
      take: async (number) => {
        const shard = ledger.shards[number];
        if (shard === undefined) throw new RangeError(`there is no shard ${String(number)}`);
        this.taken.add(number);
        return shard;
      },
      // The ledger keeps it: HTTP goes on.
      drop: async ({ shard }) => void this.taken.delete(shard),
    };
    this.worker = new Worker({ ...ports, owner, shards: this.shards });
    this.relay = new Relay({ ...ports, shards: this.shards, streamOf: ledgerStream });
  }

  /**
   * Begins, as soon as the topics are there and known to be this store's. Rejects with {@link TopicsOfAnotherStore} and
   * {@link PartitionCountDiffers} where Kafka answers in time; later they are troubles, and nothing is consumed.
   */
  async start(): Promise<void> {
    const refused = new Promise<never>((_, reject) => (this.refuse = reject));
    refused.catch(() => undefined); // one that comes later is a trouble
    this.beginning = this.begin();
    await within(BEGUN_MAX_MS, Promise.race([this.beginning, refused]));
  }

  /** Why usage is not taken from Kafka; null where it is. */
  get consumptionTrouble(): string | null {
    if (!this.begun) return this.failure?.message ?? 'the topics are being looked at';
    if (this.worker.trouble !== null) return this.worker.trouble;
    const missing = Array.from({ length: this.shards }, (_, number) => number).filter((n) => !this.taken.has(n));
    if (missing.length === 0) return null;
    return (
      `partitions ${missing.join(', ')} of ${USAGE_TOPIC} are not consumed here: the group is being joined, or another ` +
      'process of this store is a member of it and should be stopped'
    );
  }

  /** Why events are not published; null where they are. */
  get relayTrouble(): string | null {
    return this.begun ? this.relay.trouble : `${LEDGER_TOPIC} waits for the topics to be looked at`;
  }

  /** Ends with what is in hand; nothing is taken up afterwards. */
  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  private async end(): Promise<void> {
    this.stopping.abort();
    if (!this.begun) await this.ports.stream.close(); // ends the questions that wait for an answer
    await this.beginning;
    await Promise.all([within(HAND_MAX_MS, this.worker.stop()), within(PUBLISH_MAX_MS, this.relay.stop())]);
  }

  private async begin(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.worker.start();
        this.relay.start();
        this.begun = true;
        return;
      } catch (error) {
        this.failed(error as Error);
      }
      await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined); // stopping
    }
  }

  private failed(error: Error): void {
    const isNews = this.failure?.message !== error.message && !this.stopping.signal.aborted;
    this.failure = error;
    if (isRefusal(error)) this.refuse(error);
    if (!isNews) return;
    const { log } = this.ports;
    if (isRefusal(error)) log.error({ error: error.message }, 'nothing is taken from Kafka');
    else log.warn({ error: error.message }, 'nothing can be taken from Kafka yet: trying again');
  }
}

/** Waits for the work, and no longer than that. */
const within = async (ms: number, work: Promise<void>): Promise<void> => {
  const waiting = new AbortController();
  const late = pause(ms, undefined, { signal: waiting.signal }).catch(() => undefined); // aborted: not late
  await Promise.race([work, late]).finally(() => waiting.abort());
};
