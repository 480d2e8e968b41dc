/** One idempotent producer, from its first request until something goes wrong. */
import type { Message, Producer, ProducerRecord } from 'kafkajs';
import { type Client, type KafkaOptions, openClient } from './kafka-client';

/** Within the time that a request has: a broker that is restarted, a leader that moves. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 1_000 };
const ALL_REPLICAS = -1;

/** The producer does not know the partition, so nothing was sent. */
export class PartitionUnknown extends Error {
  readonly code = 'partition_unknown';
}

/**
 * At most one request may be out at a time: kafkajs gives a request that is repeated the sequence number that a later
 * one has taken, and Kafka then takes that one for the repetition and drops it, acknowledged.
 */
export class ProducerConnection {
  private readonly client: Client;
  private readonly producer: Producer;
  private connected = false;
  private busy = false;
  /** Records of the present request that were given to a partition; again with each repetition. */
  private placed = 0;
  private records = 0;

  constructor(options: KafkaOptions) {
    this.client = openClient(options, RETRY);
    this.producer = this.client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: () => (choice) => this.onlyKnown(choice),
      allowAutoTopicCreation: false,
    });
  }

  /** Resolves when all are acknowledged. Rejects with {@link PartitionUnknown} where nothing was sent. */
  async send(topic: string, messages: Message[]): Promise<void> {
    if (this.busy) throw new Error('a producer sends one request at a time');
    this.busy = true;
    this.placed = 0;
    this.records = messages.length;
    if (!this.connected) await this.producer.connect();
    this.connected = true;
    await this.acknowledged({ topic, messages, acks: ALL_REPLICAS });
    this.busy = false;
  }

  /** For a producer that has failed, too: nothing of it arrives afterwards but what the network has already. */
  destroy(): void {
    this.client.destroy();
  }

  private async acknowledged(request: ProducerRecord): Promise<void> {
    const answers = await this.producer.send(request);
    const stored = new Set(answers.filter(({ errorCode }) => errorCode === 0).map(({ partition }) => partition));
    const missing = request.messages.find(({ partition }) => partition === undefined || !stored.has(partition));
    if (missing !== undefined) {
      throw new Error(`${request.topic}: partition ${String(missing.partition)} is missing in the acknowledgement`);
    }
  }

  /** kafkajs sends nothing for a partition that it does not know (yet), and resolves. */
  private onlyKnown({ topic, partitionMetadata, message: { partition } }: Choice): number {
    if (partition !== undefined && partitionMetadata.some(({ partitionId }) => partitionId === partition)) {
      this.placed += 1;
      return partition;
    }
    const message = `${topic} has no partition ${String(partition)} that its producer knows`;
    // kafkajs places all records before it sends any; in a repetition they may have been sent before.
    throw this.placed < this.records ? new PartitionUnknown(message) : new Error(message);
  }
}

interface Choice {
  readonly topic: string;
  readonly partitionMetadata: readonly { readonly partitionId: number }[];
  readonly message: Message;
}
