/** Questions to the cluster that are no reading and no writing. */
import { NO_LOG, type PartitionBounds, StreamUnavailable } from '@drawdown/ports';
import type { Admin, Cluster } from 'kafkajs';
import { GrowingPause } from './growing-pause';
import { inTime } from './in-time';
import { type Client, clusterOf, type Health, type KafkaOptions, openClient } from './kafka-client';
import { reasonOf } from './refusal';
import { makeTopic, TopicNotMade } from './topic-making';
import { settingsOf, type TopicSettings, typeOf } from './topic-settings';
import { topicIdFrom } from './topic-identity';

/** Topics are made, and groups looked up, within milliseconds; a broker that is restarted is back within 3 s. */
const ANSWER_MAX_MS = 10_000;
const AGAIN_FIRST_MS = 20;
const AGAIN_LONGEST_MS = 500;
const RETRY = { initialRetryTime: 50, maxRetryTime: 500, retries: 3 };
interface Connection {
  readonly client: Client;
  readonly admin: Promise<Admin>;
  /** Made when it is first asked for: it has connections of its own. */
  cluster?: Promise<Cluster>;
}

export class KafkaDesk {
  private connection: Connection | undefined;
  private readonly closing = new AbortController();

  constructor(
    private readonly options: KafkaOptions,
    private readonly health: Health,
  ) {}

  /** Resolves when the topic is there for others' questions, too: whoever made it, the brokers may learn of it later. */
  async ensureTopic(topic: string, partitions: number, forEver: boolean): Promise<void> {
    const { replicas = null, log = NO_LOG } = this.options;
    await this.ask(async (admin) => {
      // Looked for first: where topics are made by somebody else, this user may not be let make any, not even this one.
      if ((await partitionsIn(admin, topic)) !== null) return;
      await makeTopic(admin, { topic, partitions, forEver, replicas }, log);
      if ((await partitionsIn(admin, topic)) === null) throw new Error(`${topic} is being made`);
    });
  }

  /** Throws where there is no such topic. */
  partitionsOf(topic: string): Promise<number> {
    return this.ask(async (admin) => {
      const partitions = await partitionsIn(admin, topic);
      if (partitions === null) throw new NoSuchTopic(`there is no topic ${topic}`);
      return partitions;
    });
  }

  settingsOf(topic: string): Promise<TopicSettings> {
    return this.ask((admin) => settingsOf(admin, topic));
  }

  identityOf(topic: string): Promise<string | null> {
    return this.ask(async (_, connection) => {
      const cluster = await (connection.cluster ??= connectedCluster(connection.client));
      await cluster.addTargetTopic(topic);
      return topicIdFrom(await cluster.findControllerBroker(), topic);
    });
  }

  async boundsOf(topic: string): Promise<readonly PartitionBounds[]> {
    return this.ask(async (_, connection) => {
      const cluster = await (connection.cluster ??= connectedCluster(connection.client));
      await cluster.addTargetTopic(topic);
      // The partitions of now: what an admin asks about are those of up to five minutes ago.
      await cluster.refreshMetadata();
      const partitions = cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => ({ partition: partitionId }));
      // In this order: what is appended and deleted in between must not make one begin after its end.
      const [[oldest], [end]] = [
        await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: true }]),
        await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: false }]),
      ];
      const ends = new Map(end?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      return (oldest?.partitions ?? [])
        .sort((a, b) => a.partition - b.partition)
        .map(({ partition, offset }) => ({ oldest: Number(offset), end: ends.get(partition) ?? Number.NaN }));
    });
  }

  /** What a group has consumed of a topic: by partition, the offset of what comes next. */
  async consumedBy(groupId: string, topic: string): Promise<ReadonlyMap<number, number>> {
    const [found] = await this.ask((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
    const offsets = (found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)] as const);
    return new Map(offsets.filter(([, offset]) => offset >= 0));
  }

  close(): void {
    this.closing.abort();
    this.connection?.client.destroy();
  }

  /** All questions may be asked twice: a topic that was just made may be unknown for a moment, which kafkajs takes ill. */
  private async ask<T>(question: (admin: Admin, connection: Connection) => Promise<T>): Promise<T> {
    const again = new GrowingPause(AGAIN_FIRST_MS, AGAIN_LONGEST_MS);
    let reason: unknown = null;
    for (const end = performance.now() + ANSWER_MAX_MS; ; await again.pause(this.closing.signal)) {
      if (this.closing.signal.aborted) throw new StreamUnavailable('the stream is closed');
      const connection = (this.connection ??= this.connect());
      try {
        const left = end - performance.now();
        const asked = connection.admin.then((admin) => question(admin, connection));
        const answer = await inTime(asked, left, () => new NoAnswer('no answer in time'));
        this.health.up();
        return answer;
      } catch (error) {
        if (error instanceof NoSuchTopic || error instanceof TopicNotMade) throw error;
        connection.client.destroy();
        if (this.connection === connection) this.connection = undefined;
        // The last try is cut short; what the ones before it were told says why.
        if (reason === null || !(error instanceof NoAnswer)) reason = error;
        if (performance.now() < end) continue;
        this.health.down(reason);
        throw new StreamUnavailable(`Kafka does not answer: ${reasonOf(reason)}`, { cause: reason });
      }
    }
  }

  private connect(): Connection {
    const client = openClient(this.options, RETRY);
    const admin = client.kafka.admin();
    return { client, admin: admin.connect().then(() => admin) };
  }
}

const connectedCluster = async (client: Client): Promise<Cluster> => {
  const cluster = clusterOf(client.kafka);
  await cluster.connect();
  return cluster;
};

/**
 * Null where there is no such topic. It alone is asked about: kafkajs fails on all topics where one of them has a partition
 * that nobody leads, and a cluster may have topics of others, whose only replica is on a broker that is down.
 */
const partitionsIn = async (admin: Admin, topic: string): Promise<number | null> => {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.length ?? null;
  } catch (error) {
    if (typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return null;
    throw error;
  }
};

class NoSuchTopic extends Error {}
class NoAnswer extends Error {}
