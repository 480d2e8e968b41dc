import { type IHeaders, Kafka, logLevel, type Message, Partitioners } from 'kafkajs';
import { until } from '../until';

/** A broker that was killed needs seconds, and so does a group that forms; on a machine that others use several times that. */
const READ_MAX_MS = 90_000;

export interface ReadRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  /** Null where the record has no value. */
  readonly bytes: Buffer | null;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A service that speaks to Kafka with an ordinary client, and knows of Drawdown what its topics are called. */
export class KafkaService {
  private readonly kafka: Kafka;

  constructor(broker: string) {
    const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 30 };
    this.kafka = new Kafka({ clientId: 'service', brokers: [broker], retry, logLevel: logLevel.NOTHING });
  }

  /** Resolves when all are acknowledged, by each partition: this client resolves without those that it does not know. */
  async send(topic: string, messages: Message[]): Promise<void> {
    const partitions = new Set<number>();
    const noting = () => {
      const usual = Partitioners.DefaultPartitioner();
      return (choice: Parameters<typeof usual>[0]): number => {
        const partition = usual(choice);
        partitions.add(partition);
        return partition;
      };
    };
    const producer = this.kafka.producer({ allowAutoTopicCreation: false, createPartitioner: noting });
    await producer.connect();
    try {
      const answers = await producer.send({ topic, acks: -1, messages });
      const stored = answers.filter(({ errorCode }) => errorCode === 0).map(({ partition }) => partition);
      if (stored.length !== answers.length || new Set(stored).size < partitions.size)
        throw new Error(`of partitions ${[...partitions].join(', ')}: ${JSON.stringify(answers)}`);
    } finally {
      await producer.disconnect();
    }
  }

  /** All that a topic holds, from its beginning, once that is enough. */
  async read(topic: string, isEnough: (records: readonly ReadRecord[]) => boolean): Promise<readonly ReadRecord[]> {
    const records: ReadRecord[] = [];
    const consumer = this.kafka.consumer({ groupId: `reader-${String(process.pid)}-${String(Math.random())}` });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachMessage: async ({ partition, message: { offset, key, value: bytes, headers = {} } }) => {
          const place = { partition, offset: Number(offset), key: key?.toString() ?? null };
          records.push({ ...place, bytes, value: bytes?.toString() ?? '', headers: textsOf(headers) });
        },
      });
      await until(`${topic} holds enough`, READ_MAX_MS, () => isEnough(records));
    } finally {
      await consumer.disconnect();
    }
    return records;
  }
}

const textsOf = (headers: IHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

/** Ids of the usage that a record of the ledger's fan-out charges. */
export const chargedIn = ({ value, headers }: ReadRecord): readonly string[] => {
  if (headers['ce_type'] !== 'UsageCharged') return [];
  return (JSON.parse(value) as { readonly charges: { readonly id: readonly string[] } }).charges.id;
};

/** As a structured CloudEvent under its organization's key. */
export const messageOf = (usage: Record<string, unknown>): Message => ({
  key: String(usage['subject']),
  value: JSON.stringify(usage),
  headers: { 'content-type': 'application/cloudevents+json' },
});
