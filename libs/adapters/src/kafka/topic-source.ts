/**
 * The records of a topic, from any offset of any partition. kafkajs' own consumer reads only within a group and takes
 * up again wherever it thinks best; here the reader says which offset comes next, or is told that it is not there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type PartitionBounds, StreamGap, StreamUnavailable } from '@drawdown/ports';
import type { Broker, Cluster } from 'kafkajs';
import { GrowingPause } from './growing-pause';
import { inTime } from './in-time';
import { type Client, clusterOf, type Health, type KafkaOptions, openClient } from './kafka-client';
import { type AbortedTransaction, type FetchedMessage, recordsFrom } from './kafka-records';
import { topicIdFrom } from './topic-identity';
import { TopicMadeAnew, TopicReader, type Want } from './topic-reader';

/** How long the broker holds a request for which it has nothing. */
const WAIT_MS = 250;
/** While a reader is busy with its records, a request is held for a quarter of the time that it has been, at least so long. */
const WAIT_LEAST_MS = 5;
/**
 * An answer that takes longer never comes: kafkajs, which gives up after 5 s by itself, has been seen to wait for ever for a
 * broker that was killed.
 */
const ANSWER_MAX_MS = 15_000;
/** Of one partition in one answer (a larger batch of its producer comes whole), and of all. */
const PARTITION_BYTES = 1024 * 1024;
const ANSWER_BYTES = 8 * 1024 * 1024;
/** Fewer bytes of records in an answer are few: the next ones gather. */
const FEW_BYTES = 128 * 1024;
/**
 * A topic that answered so recently is still the same one: to delete one and make it anew fails the requests that are out
 * to it, and takes longer than from one of them to the next.
 */
const SURE_MS = 1_000;
const READ_COMMITTED = 1;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_LONGEST_MS = 1_000;
/** Few: a connection that fails is replaced whole. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 200, retries: 2 };

interface FetchedPartition {
  readonly partition: number;
  readonly messages: readonly FetchedMessage[];
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
}

/**
 * Reads one topic, all its readers in one request per broker. A topic has a connection of its own: kafkajs refuses to
 * read any topic of a connection as soon as one of them does not exist.
 */
export class TopicSource {
  private readonly readers = new Set<TopicReader>();
  private readonly wants = new Set<Want>();
  /** Brokers that a request is out to. */
  private readonly asked = new Set<string>();
  private connection: { readonly client: Client; readonly cluster: Cluster } | undefined;
  private readonly closing = new AbortController();
  private readonly pause = new GrowingPause(RECONNECT_FIRST_MS, RECONNECT_LONGEST_MS);
  private identity: string | null = null;
  /** How many topics of this name were seen before. */
  private era = 0;
  private answeredAt = -Infinity;
  private dealing = false;
  private dealAgain = false;

  constructor(
    readonly topic: string,
    private readonly options: KafkaOptions,
    private readonly health: Health,
  ) {}

  reader(partition: number): TopicReader {
    const reader = new TopicReader(this, partition, this.era);
    this.readers.add(reader);
    return reader;
  }

  drop(reader: TopicReader): void {
    this.readers.delete(reader);
  }

  want(want: Want): void {
    if (this.closing.signal.aborted) want.reject(closed());
    else this.wants.add(want);
    this.deal();
  }

  unwant(want: Want): void {
    this.wants.delete(want);
  }

  close(): void {
    this.closing.abort();
    this.connection?.client.destroy();
    for (const want of this.wants) want.reject(closed());
    this.wants.clear();
  }

  /** Sends a request to every broker that has something wanted and has no request yet. */
  private deal(): void {
    this.dealAgain = true;
    if (this.dealing) return;
    this.dealing = true;
    const dealt = async (): Promise<void> => {
      while (this.dealAgain && this.wants.size > 0 && !this.closing.signal.aborted) {
        this.dealAgain = false;
        await this.dealOnce().catch((error: unknown) => this.reconnect(error));
      }
      this.dealing = false;
    };
    dealt().catch((error: unknown) => this.health.down(error));
  }

  private async dealOnce(): Promise<void> {
    const cluster = await inTime(this.connected(), ANSWER_MAX_MS, silent);
    await inTime(this.rejectReadersOfAnother(cluster), ANSWER_MAX_MS, silent);
    for (const [node, wants] of await inTime(this.byLeader(cluster), ANSWER_MAX_MS, silent)) {
      if (this.asked.has(node)) continue;
      this.asked.add(node);
      const answered = async (): Promise<void> => {
        try {
          const bytes = await inTime(this.ask(cluster, node, wants), ANSWER_MAX_MS, silent);
          if (bytes > 0 && bytes < FEW_BYTES) await this.gather();
        } catch (error) {
          await this.reconnect(error, cluster);
        }
        this.asked.delete(node);
        this.deal();
      };
      answered().catch((error: unknown) => this.health.down(error));
    }
  }

  /** A topic that was made anew may have grown past what is wanted of the old one: its offsets look as before. */
  private async rejectReadersOfAnother(cluster: Cluster): Promise<void> {
    if (performance.now() - this.answeredAt > SURE_MS) {
      const identity = await topicIdFrom(await cluster.findControllerBroker(), this.topic);
      if (this.identity !== null && identity !== null && identity !== this.identity) this.era += 1;
      this.identity = identity ?? this.identity;
    }
    for (const want of [...this.wants].filter(({ era }) => era < this.era)) {
      const { partition, from } = want;
      const bounds = await boundsOf(cluster, this.topic, partition);
      if (this.wants.delete(want)) want.reject(new TopicMadeAnew(this.topic, partition, from, bounds));
    }
  }

  private async byLeader(cluster: Cluster): Promise<Map<string, Want[]>> {
    let leaders = leadersIn(cluster, this.topic);
    if ([...this.wants].some(({ partition }) => !leaders.has(partition))) {
      // The partition may be younger than what is known of the topic.
      await cluster.refreshMetadata();
      leaders = leadersIn(cluster, this.topic);
    }
    const byLeader = new Map<string, Want[]>();
    for (const want of this.wants) {
      const leader = leaders.get(want.partition);
      if (leader === undefined) throw new Error(`${this.topic}: nobody leads partition ${String(want.partition)}`);
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), want]);
    }
    return byLeader;
  }

  /** Until as many records as are worth a request may have come. */
  private async gather(): Promise<void> {
    const ms = this.options.gatherMs?.[this.topic] ?? 0;
    // Rejects only because of the abort.
    if (ms > 0) await sleep(ms, undefined, { signal: this.closing.signal }).catch(() => undefined);
  }

  /** Resolves to the bytes of the records that came. */
  private async ask(cluster: Cluster, node: string, wants: readonly Want[]): Promise<number> {
    const from = new Map<number, number>();
    for (const want of wants) from.set(want.partition, Math.min(from.get(want.partition) ?? Infinity, want.from));
    const broker = await cluster.findBroker({ nodeId: node });
    try {
      const answer = await this.fetch(broker, from);
      for (const fetched of answer) this.hand(fetched, from.get(fetched.partition) ?? 0);
      this.answeredAt = performance.now();
      this.health.up();
      this.pause.reset();
      return bytesOf(answer);
    } catch (error) {
      const { name, partition } = error as { readonly name?: string; readonly partition?: number };
      if (name !== 'KafkaJSOffsetOutOfRange' || partition === undefined) throw error;
      await this.checkBounds(cluster, partition);
      return 0;
    }
  }

  private async fetch(broker: Broker, from: ReadonlyMap<number, number>): Promise<readonly FetchedPartition[]> {
    const partitions = [...from].map(([partition, offset]) => ({
      partition,
      fetchOffset: String(offset),
      maxBytes: PARTITION_BYTES,
    }));
    const answer = (await broker.fetch({
      maxWaitTime: this.waitMs(),
      minBytes: 1,
      maxBytes: ANSWER_BYTES,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic: this.topic, partitions }],
    })) as { readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[] };
    return answer.responses.flatMap((response) => response.partitions);
  }

  /** A reader that becomes free while a request is held for others has to wait for its end. */
  private waitMs(): number {
    const now = performance.now();
    const busyMs = [...this.readers].flatMap(({ busySince }) => (busySince === undefined ? [] : [now - busySince]));
    return Math.ceil(Math.min(WAIT_MS, Math.max(WAIT_LEAST_MS, Math.min(...busyMs, Infinity) / 4)));
  }

  private hand({ partition, messages, abortedTransactions }: FetchedPartition, asked: number): void {
    const last = Number(messages.at(-1)?.offset ?? -1);
    for (const want of this.wants) {
      // Another reader may be ahead of what came, or have come since, and be behind what was asked for.
      if (want.partition !== partition || want.from > last || want.from < asked) continue;
      const records = recordsFrom(want.from, messages, abortedTransactions ?? []);
      if (records.length === 0) want.from = last + 1;
      else {
        this.wants.delete(want);
        want.resolve(records);
      }
    }
  }

  private async checkBounds(cluster: Cluster, partition: number): Promise<void> {
    const bounds = await boundsOf(cluster, this.topic, partition);
    for (const want of this.wants) {
      if (want.partition !== partition) continue;
      if (want.from >= bounds.oldest && want.from <= bounds.end) continue;
      this.wants.delete(want);
      want.reject(new StreamGap(this.topic, partition, want.from, bounds));
    }
  }

  private async connected(): Promise<Cluster> {
    if (this.connection === undefined) {
      const client = openClient(this.options, RETRY);
      this.connection = { client, cluster: clusterOf(client.kafka) };
    }
    const { cluster } = this.connection;
    await cluster.connect();
    await cluster.addTargetTopic(this.topic);
    await cluster.refreshMetadataIfNecessary();
    return cluster;
  }

  /** What failed is replaced as a whole: a stale address, a leader that moved, a connection that hangs. */
  private async reconnect(error: unknown, failed = this.connection?.cluster): Promise<void> {
    if (this.closing.signal.aborted) return;
    if (this.connection !== undefined && this.connection.cluster === failed) {
      this.connection.client.destroy();
      this.connection = undefined;
      this.answeredAt = -Infinity;
      this.health.down(error);
    }
    await this.pause.pause(this.closing.signal);
    this.dealAgain = true;
  }
}

const leadersIn = (cluster: Cluster, topic: string): ReadonlyMap<number, string> =>
  new Map(cluster.findTopicPartitionMetadata(topic).map(({ partitionId, leader }) => [partitionId, String(leader)]));

const bytesOf = (answer: readonly FetchedPartition[]): number => {
  let bytes = 0;
  for (const { messages } of answer) for (const { value } of messages) bytes += value?.length ?? 0;
  return bytes;
};

const silent = (): Error => new Error(`no answer within ${String(ANSWER_MAX_MS)} ms`);

const closed = (): StreamUnavailable => new StreamUnavailable('the stream is closed');

export const boundsOf = async (cluster: Cluster, topic: string, partition: number): Promise<PartitionBounds> => {
  const at = async (fromBeginning: boolean): Promise<number> => {
    const [found] = await cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning }]);
    return Number(found?.partitions[0]?.offset ?? Number.NaN);
  };
  // In this order: what is appended and deleted in between must not make it begin after its end.
  const oldest = await at(true);
  return { oldest, end: await at(false) };
};
