import {
  type Clock,
  type Consumer,
  type Consumption,
  type EventStore,
  type Log,
  type Metrics,
  type RecordBatch,
  RecordTooLarge,
  type Stream,
} from '@drawdown/ports';
import { ShardStopping } from '../ledger';
import { LedgerShard, type ShardPorts } from '../ledger-shard';
import type { LocalCatalogue } from '../catalogue/local-catalogue';
import { claimTopics } from '../stream/claim';
import { COMMANDS_TOPIC, DEAD_LETTER_TOPIC, REPLIES_TOPIC, SHARED_PARTITIONS } from '../stream/topics';
import { USAGE_TOPIC, WORKERS } from '../stream/topics';
import { CommandIntake } from './command-intake';
import { Outbox } from './outbox';
import { SeenCatalogue } from './seen-catalogue';
import { ShortTopics } from './short-topics';
import { type RecordedOffsets, type Start, startIn, TopicRefused } from './sources';
import { UsageIntake } from './usage-intake';
import { WorkerLag } from './worker-lag';

/** Cut by shard, and read together by its owner. */
const TOPICS = [USAGE_TOPIC, COMMANDS_TOPIC];

/** Who owns shards: makes one ready when its partition comes, and lets go of it when the partition goes. */
export interface ShardOwner {
  take(shard: number): Promise<LedgerShard>;
  drop(shard: LedgerShard): Promise<void>;
}

/** Shards that are loaded when their partition comes, and stopped when it goes. */
export const owningShards = (ports: ShardPorts): ShardOwner => ({
  take: async (number) => {
    const shard = new LedgerShard(number, ports);
    await shard.start();
    return shard;
  },
  drop: (shard) => shard.stop(),
});

export interface WorkerPorts {
  readonly stream: Stream;
  readonly store: EventStore;
  readonly owner: ShardOwner;
  readonly catalogue: Pick<LocalCatalogue, 'reached' | 'isLevel'>;
  readonly shards: number;
  /** Sources (`topic@identity`) that an operator has said to be new; none unless given. */
  readonly newTopics?: ReadonlySet<string>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  /** How often what waits is measured. */
  readonly measureMs?: number;
}

/** A shard whose partition is this worker's, and what its topics are in its log. */
interface Owned {
  readonly shard: LedgerShard;
  readonly sources: ReadonlyMap<string, Start>;
  /** Why nothing is consumed; null where it is. */
  readonly refused: TopicRefused | null;
}

/** A topic has fewer partitions than the store shards, some of which would get no records (INV-LED-14). */
export class PartitionCountDiffers extends Error {
  readonly code = 'partition_count_differs';
}

/**
 * Makes the topics of the write path where they are missing, and checks that each shard has its partition. There may be
 * more, which somebody has added: what senders put there is forwarded.
 */
export const ensureTopics = async (stream: Stream, shards: number): Promise<void> => {
  for (const topic of TOPICS) {
    await stream.ensureTopic(topic, shards);
    const partitions = await stream.partitionsOf(topic);
    if (partitions >= shards) continue;
    throw new PartitionCountDiffers(
      `${topic} has ${String(partitions)} partitions, the store ${String(shards)} shards; give it as many, or more`,
    );
  }
  for (const topic of [REPLIES_TOPIC, DEAD_LETTER_TOPIC]) await stream.ensureTopic(topic, SHARED_PARTITIONS);
};

/**
 * Owns the shards of the partitions that the group gives it, and decides what their topics bring. The offsets in the log
 * say where to begin (INV-INT-10); what the group knows is a hint. A topic that is not what the log has read is refused.
 */
export class Worker implements Consumer {
  private readonly owned = new Map<number, Owned>();
  /** Why a partition that the group has given to this worker is not taken: its shard cannot be loaded, for one. */
  private readonly notTaken = new Map<number, string>();
  /** Why a partition stands, which cannot send on what it has to: the brokers do not take it. By topic and partition. */
  private readonly standing = new Map<string, string>();
  /** What was said of refused topics, by partition: once, however often the partition is taken up. */
  private readonly said = new Map<number, string>();
  private readonly short: ShortTopics;
  private readonly usage: UsageIntake;
  private readonly commands: CommandIntake;
  private readonly lag: WorkerLag;
  private consumption: Consumption | null = null;

  constructor(private readonly ports: WorkerPorts) {
    const { shards, catalogue, store, log, metrics } = ports;
    const outbox = new Outbox(ports);
    const seen = new SeenCatalogue(catalogue, log);
    this.short = new ShortTopics(store);
    this.usage = new UsageIntake(shards, outbox, seen, metrics);
    this.commands = new CommandIntake(shards, outbox, seen, ports);
    this.lag = new WorkerLag(TOPICS, () => this.consumption?.places() ?? [], ports, ports.measureMs);
  }

  async start(): Promise<void> {
    const { stream, store, shards } = this.ports;
    await claimTopics(stream, store);
    await ensureTopics(stream, shards);
    this.consumption = await stream.consume(TOPICS, WORKERS, this);
    this.lag.start();
  }

  /** Decides and stores what is in hand, lets go of all shards and leaves the group. */
  async stop(): Promise<void> {
    this.lag.stop();
    await this.consumption?.stop();
    this.consumption = null;
  }

  /** Why some shard or partition of this worker cannot work at the moment; null where all can. */
  get trouble(): string | null {
    const troubles = [...this.owned.values()].map(({ shard, refused }) => refused?.message ?? shard.trouble);
    troubles.push(...this.standing.values());
    for (const partition of this.consumption?.partitions() ?? []) troubles.push(this.whyNotTaken(partition));
    return troubles.find((trouble) => trouble !== null) ?? null;
  }

  /** Whoever loses a partition that was not taken is not told, since there is nothing to let go of: what was said of it may be old. */
  private whyNotTaken(partition: number): string | null {
    if (this.owned.has(partition) || partition >= this.ports.shards) return null;
    return this.notTaken.get(partition) ?? `partition ${String(partition)} is being taken up`;
  }

  async assigned(partition: number): Promise<Readonly<Record<string, number>>> {
    if (partition >= this.ports.shards) return this.takeAstray(partition);
    try {
      const starts = await this.takeUp(partition);
      this.notTaken.delete(partition);
      return starts;
    } catch (error) {
      this.notTaken.set(partition, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  private async takeUp(partition: number): Promise<Readonly<Record<string, number>>> {
    const shard = await this.ports.owner.take(partition);
    try {
      const sources = await this.startsOf(shard, partition);
      this.own(partition, { shard, sources, refused: null });
      return Object.fromEntries(
        [...sources].flatMap(([topic, { from }]) => (from === undefined ? [] : [[topic, from]])),
      );
    } catch (error) {
      try {
        if (!(error instanceof TopicRefused)) throw error;
        const starts = await this.oldestIn(partition);
        this.own(partition, { shard, sources: new Map(), refused: error });
        return starts;
      } catch (failure) {
        await this.ports.owner.drop(shard);
        throw failure;
      }
    }
  }

  /** A partition that was added to a topic has no shard, and nothing in a log says how far it is: the group does. */
  private takeAstray(partition: number): Readonly<Record<string, number>> {
    const { log, shards } = this.ports;
    const what = 'a partition without a shard: what lies there is forwarded to the partitions of its organizations';
    log.warn({ topics: TOPICS.join(', '), partition, shards }, what);
    return {};
  }

  /** Where to begin without consuming anything: what the group knows may lie past the end. */
  private async oldestIn(partition: number): Promise<Readonly<Record<string, number>>> {
    const starts: Record<string, number> = {};
    for (const topic of TOPICS) starts[topic] = (await this.ports.stream.boundsOf(topic))[partition]?.oldest ?? 0;
    return starts;
  }

  private async startsOf(shard: LedgerShard, partition: number): Promise<ReadonlyMap<string, Start>> {
    const { stream, newTopics = new Set<string>() } = this.ports;
    const recorded = await shard.read(({ offsets }): RecordedOffsets => {
      const own = [...offsets].map(([source, ofSource]) => [source, ofSource.get(String(partition))] as const);
      return new Map(own.flatMap(([source, offset]) => (offset === undefined ? [] : [[source, offset]])));
    });
    const starts = new Map<string, Start>();
    for (const topic of TOPICS) {
      starts.set(topic, await startIn(topic, partition, recorded, { stream, newTopics, short: this.short }));
    }
    return starts;
  }

  async handle(batch: RecordBatch): Promise<void> {
    const key = keyOf(batch.topic, batch.partition);
    try {
      await this.take(batch);
      this.standing.delete(key);
    } catch (error) {
      if (error instanceof RecordTooLarge) this.standing.set(key, error.message);
      throw error;
    }
  }

  private async take(batch: RecordBatch): Promise<void> {
    const { topic, partition } = batch;
    if (partition >= this.ports.shards) {
      await (topic === USAGE_TOPIC ? this.usage : this.commands).passOn(batch);
      return;
    }
    const owned = this.owned.get(partition);
    if (owned === undefined) throw new ShardStopping(`shard ${String(partition)} is not owned here any more`);
    if (owned.refused !== null) throw owned.refused;
    const source = owned.sources.get(topic)?.source ?? topic;
    await (topic === USAGE_TOPIC ? this.usage : this.commands).take(owned.shard, batch, source);
  }

  async revoked(partition: number): Promise<void> {
    const owned = this.owned.get(partition);
    this.owned.delete(partition);
    for (const topic of TOPICS) this.standing.delete(keyOf(topic, partition));
    this.lag.forget(partition);
    this.gauge();
    if (owned !== undefined) await this.ports.owner.drop(owned.shard);
  }

  private own(partition: number, owned: Owned): void {
    this.owned.set(partition, owned);
    this.gauge();
    const { shard, sources, refused } = owned;
    const { log } = this.ports;
    if (refused === null) {
      this.said.delete(partition);
      const starts = Object.fromEntries([...sources.values()].map(({ source, from }) => [source, from]));
      log.info({ partition, revision: shard.revision, starts }, 'shard taken over');
    } else if (this.said.get(partition) !== refused.message) {
      this.said.set(partition, refused.message);
      log.error({ topic: refused.topic, partition, error: refused.message }, 'a topic is refused; its shard waits');
    }
  }

  private gauge(): void {
    const { metrics } = this.ports;
    metrics.gauge('shards_owned', this.owned.size);
    for (const topic of TOPICS) {
      const refused = [...this.owned.values()].filter((owned) => owned.refused?.topic === topic);
      metrics.gauge('topics_refused', refused.length, { topic });
    }
  }
}

const keyOf = (topic: string, partition: number): string => `${topic}/${String(partition)}`;
