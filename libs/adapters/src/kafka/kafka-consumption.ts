/** A consumer in a group: its membership, the partitions that it owns, and what it has consumed. */
import { type Consumer, type Consumption, NO_LOG, NO_METRICS, type PartitionBounds, type Place } from '@drawdown/ports';
import type { KafkaDesk } from './kafka-desk';
import type { KafkaOptions } from './kafka-client';
import { Membership } from './membership';
import { type Group, OwnedPartition } from './owned-partition';
import type { TopicReader } from './topic-reader';

/** What is consumed is committed at most so often: it is a hint, and costs a request. */
const COMMIT_EVERY_MS = 20;

interface Parts {
  readonly options: KafkaOptions;
  readonly desk: KafkaDesk;
  readonly reader: (topic: string, partition: number) => TopicReader;
}

export class KafkaConsumption implements Consumption {
  private readonly owned = new Map<number, OwnedPartition>();
  /** The ends of what was owned, by partition: it is taken up again only after that. */
  private readonly ends = new Map<number, Promise<void>>();
  private readonly commits: Commits;
  private readonly membership: Membership;
  private readonly group: Group;
  private mayHand = false;
  private stopped: Promise<void> | undefined;

  constructor(topics: readonly string[], name: string, consumer: Consumer, parts: Parts) {
    const { options, desk } = parts;
    const log = options.log ?? NO_LOG;
    this.membership = new Membership(options, name, topics, {
      busy: () => this.commits.pending || [...this.owned.values()].some(({ busy }) => busy),
      rebalancing: () => void (this.mayHand = false),
      lost: () => this.lost(),
      joined: (partitions, afresh) => this.joined(partitions, afresh),
    });
    this.commits = new Commits(async (offsets) => {
      // Best effort: what is not committed is given again.
      await this.membership.commit(offsets).catch((error: unknown) => {
        log.warn({ group: name, error: String(error) }, 'what was consumed could not be committed');
      });
    });
    this.group = {
      topics,
      consumer,
      log,
      metrics: options.metrics ?? NO_METRICS,
      mayHand: () => this.mayHand && this.membership.heard,
      boundsOf: async (topic, partition): Promise<PartitionBounds | undefined> =>
        (await desk.boundsOf(topic))[partition],
      consumedOf: async (topic, partition) => (await desk.consumedBy(name, topic)).get(partition),
      reader: parts.reader,
      consumed: (topic, partition, next) => this.commits.add({ topic, partition, next }),
    };
  }

  partitions(): readonly number[] {
    return this.stopped === undefined ? [...this.owned.keys()] : [];
  }

  places(): readonly Place[] {
    return [...this.owned.values()].flatMap(({ places }) => places);
  }

  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  private async end(): Promise<void> {
    await Promise.all([...this.owned.values()].map((partition) => partition.release()));
    await Promise.all(this.ends.values());
    await this.commits.flushed();
    await this.membership.leave();
    // What was assigned while it was stopping has taken nothing up.
    await Promise.all(this.ends.values());
  }

  private lost(): void {
    this.mayHand = false;
    this.letGo(() => true);
  }

  private letGo(isLost: (partition: number) => boolean): void {
    for (const [number, partition] of this.owned) {
      if (!isLost(number)) continue;
      this.owned.delete(number);
      this.ends.set(number, partition.lose());
    }
  }

  private joined(partitions: readonly number[], afresh: boolean): void {
    const now = new Set(this.stopped === undefined ? partitions : []);
    this.letGo((number) => afresh || !now.has(number));
    for (const number of now) {
      if (this.owned.has(number)) continue;
      this.owned.set(number, new OwnedPartition(number, this.group, this.ends.get(number) ?? Promise.resolve()));
    }
    this.mayHand = this.stopped === undefined;
  }
}

interface Consumed {
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
}

/** Commits the newest of each partition, one request at a time. */
class Commits {
  private readonly newest = new Map<string, Consumed>();
  private running: Promise<void> | undefined;

  constructor(private readonly commit: (offsets: readonly Consumed[]) => Promise<void>) {}

  get pending(): boolean {
    return this.running !== undefined;
  }

  add(consumed: Consumed): void {
    this.newest.set(`${consumed.topic}/${String(consumed.partition)}`, consumed);
    this.running ??= this.run();
  }

  async flushed(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.newest.size > 0) {
      const collected = new Promise((resolve) => setTimeout(resolve, COMMIT_EVERY_MS));
      await collected;
      const offsets = [...this.newest.values()];
      this.newest.clear();
      await this.commit(offsets);
    }
    this.running = undefined;
  }
}
