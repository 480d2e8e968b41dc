import type { Clock, Consumer, Consumption, EventStore, Log, Metrics, RecordBatch, Stream } from '@drawdown/ports';
import { ShardStopping } from '../ledger';
import { LedgerShard, type ShardPorts } from '../ledger-shard';
import type { LocalCatalogue } from '../local-catalogue';
import { claimTopics } from '../stream/claim';
import { COMMANDS_TOPIC, DEAD_LETTER_TOPIC, REPLIES_TOPIC, SHARED_PARTITIONS } from '../stream/topics';
import { USAGE_TOPIC, WORKERS } from '../stream/topics';
import { CommandIntake } from './command-intake';
import { Outbox } from './outbox';
import { SeenCatalogue } from './seen-catalogue';
import { UsageIntake } from './usage-intake';

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
  readonly catalogue: Pick<LocalCatalogue, 'reached'>;
  readonly shards: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** A topic is cut otherwise than the store: records would be decided by the wrong shards, or by none (INV-LED-14). */
export class PartitionCountDiffers extends Error {
  readonly code = 'partition_count_differs';
}

/** Makes the topics of the write path where they are missing, and checks that they are cut as the store is. */
export const ensureTopics = async (stream: Stream, shards: number): Promise<void> => {
  for (const topic of TOPICS) {
    await stream.ensureTopic(topic, shards);
    const partitions = await stream.partitionsOf(topic);
    if (partitions === shards) continue;
    throw new PartitionCountDiffers(
      `${topic} has ${String(partitions)} partitions, the store ${String(shards)} shards; make the topic anew`,
    );
  }
  for (const topic of [REPLIES_TOPIC, DEAD_LETTER_TOPIC]) await stream.ensureTopic(topic, SHARED_PARTITIONS);
};

/**
 * Owns the shards of the partitions that the group gives it, and decides what their topics bring. The offsets in the log
 * say where to begin (INV-INT-10); what the group knows is a hint.
 */
export class Worker implements Consumer {
  private readonly owned = new Map<number, LedgerShard>();
  private readonly usage: UsageIntake;
  private readonly commands: CommandIntake;
  private consumption: Consumption | null = null;

  constructor(private readonly ports: WorkerPorts) {
    const { shards, catalogue, log, metrics } = ports;
    const outbox = new Outbox(ports);
    const seen = new SeenCatalogue(catalogue, log);
    this.usage = new UsageIntake(shards, outbox, seen, metrics);
    this.commands = new CommandIntake(shards, outbox, seen, ports);
  }

  async start(): Promise<void> {
    const { stream, store, shards } = this.ports;
    await claimTopics(stream, store);
    await ensureTopics(stream, shards);
    this.consumption = await stream.consume(TOPICS, WORKERS, this);
  }

  /** Decides and stores what is in hand, lets go of all shards and leaves the group. */
  async stop(): Promise<void> {
    await this.consumption?.stop();
    this.consumption = null;
  }

  /** Why some shard of this worker cannot work at the moment; null where all can. */
  get trouble(): string | null {
    return [...this.owned.values()].map((shard) => shard.trouble).find((trouble) => trouble !== null) ?? null;
  }

  async assigned(partition: number): Promise<Readonly<Record<string, number>>> {
    const shard = await this.ports.owner.take(partition);
    const taken = await shard
      .read(({ offsets }) => TOPICS.map((topic) => [topic, offsets.get(topic)?.get(String(partition))] as const))
      .catch(async (error: unknown) => {
        await this.ports.owner.drop(shard);
        throw error;
      });
    this.owned.set(partition, shard);
    this.gaugeOwned();
    this.ports.log.info(
      { partition, revision: shard.revision, offsets: Object.fromEntries(taken) },
      'shard taken over',
    );
    return Object.fromEntries(taken.flatMap(([topic, offset]) => (offset === undefined ? [] : [[topic, offset + 1]])));
  }

  async handle(batch: RecordBatch): Promise<void> {
    const shard = this.owned.get(batch.partition);
    if (shard === undefined) throw new ShardStopping(`shard ${String(batch.partition)} is not owned here any more`);
    await (batch.topic === USAGE_TOPIC ? this.usage : this.commands).take(shard, batch);
  }

  async revoked(partition: number): Promise<void> {
    const shard = this.owned.get(partition);
    this.owned.delete(partition);
    this.gaugeOwned();
    if (shard !== undefined) await this.ports.owner.drop(shard);
  }

  private gaugeOwned(): void {
    this.ports.metrics.gauge('shards_owned', this.owned.size);
  }
}
