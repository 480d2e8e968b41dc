import { Kafka, logLevel, type Message, Partitioners, type Producer } from 'kafkajs';
import { type Request } from './oracle';
import { organization } from './scene';

const TOPIC = 'drawdown.usage.v1';

/** A service that reports usage over Kafka with an ordinary client: its own partitioner, its own retries. */
export class UsageProducer {
  private readonly producer: Producer;
  /** Where the records of the present send went. */
  private readonly partitions = new Set<number>();
  /** Records sent so far, repeats included. */
  sent = 0;

  constructor(broker: string) {
    const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 60 };
    const kafka = new Kafka({ clientId: 'service', brokers: [broker], retry, logLevel: logLevel.NOTHING });
    this.producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner: () => this.noting() });
  }

  connect(): Promise<void> {
    return this.producer.connect();
  }

  /** The usual partitioner. */
  private noting(): ReturnType<typeof Partitioners.DefaultPartitioner> {
    const usual = Partitioners.DefaultPartitioner();
    return (choice) => {
      const partition = usual(choice);
      this.partitions.add(partition);
      return partition;
    };
  }

  /**
   * Resolves when all are acknowledged. Again where that fails: some may be there twice then, as with any producer. That
   * each partition is acknowledged must be looked at: this client resolves without those that it does not know.
   */
  async send(source: string, requests: readonly Request[]): Promise<void> {
    const messages = requests.map((request) =>
      request.line % 2 === 0 ? structured(source, request) : binary(source, request),
    );
    for (let tries = 1; ; tries++) {
      try {
        this.partitions.clear();
        this.sent += messages.length;
        const answers = await this.producer.send({ topic: TOPIC, acks: -1, messages });
        const stored = new Set(answers.filter(({ errorCode }) => errorCode === 0).map(({ partition }) => partition));
        const missing = [...this.partitions].filter((partition) => !stored.has(partition));
        if (missing.length === 0) return;
        throw new Error(`partitions ${missing.join(', ')} were not acknowledged`);
      } catch (error) {
        if (tries === 20) throw error;
      }
    }
  }

  disconnect(): Promise<void> {
    return this.producer.disconnect();
  }
}

const attributesOf = (source: string, { line, time, organization: n }: Request) => ({
  ...{ specversion: '1.0', id: `line-${String(line)}`, source, type: 'drawdown.usage.v1', time },
  subject: organization(n),
});

const dataOf = ({ workspace, model, input, output }: Request) => ({
  ...{ workspace_id: workspace, user_id: 'u-1', service_type: 'llm_call', model },
  quantities: { input_tokens: input, output_tokens: output },
});

const structured = (source: string, request: Request): Message => ({
  key: organization(request.organization),
  value: JSON.stringify({ ...attributesOf(source, request), data: dataOf(request) }),
  headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' },
});

const binary = (source: string, request: Request): Message => {
  const attributes = Object.entries(attributesOf(source, request)).map(([name, value]) => [`ce_${name}`, value]);
  return {
    key: organization(request.organization),
    value: JSON.stringify(dataOf(request)),
    headers: { ...(Object.fromEntries(attributes) as Record<string, string>), 'content-type': 'application/json' },
  };
};
