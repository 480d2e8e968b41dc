/** Topics as we make them, on brokers that may not let everybody set everything. */
import { type Log, StreamUnavailable } from '@drawdown/ports';
import type { Admin, IResourceConfigEntry } from 'kafkajs';
import { typeOf, usualReplicas } from './topic-settings';

/** Where there are so many brokers: one may be down while another one fails. */
const REPLICAS = 3;

/** Where brokers compact by default, records without a key are refused, and of those with one all but the last vanish. */
const NEEDED = [{ name: 'cleanup.policy', value: 'delete' }];
const FOR_EVER = [
  { name: 'retention.ms', value: '-1' },
  { name: 'retention.bytes', value: '-1' },
];
/**
 * What others send compressed in a way that this client does not know would stop its readers: the broker then keeps it
 * plain. It costs nothing with our own records, which are not compressed.
 */
const WISHED: readonly IResourceConfigEntry[] = [{ name: 'compression.type', value: 'uncompressed' }];

interface Configs {
  readonly needed?: readonly IResourceConfigEntry[];
  readonly wished?: readonly IResourceConfigEntry[];
}

/** Kafka's answers to settings that it does not let this user choose. */
const REFUSALS: readonly string[] = ['INVALID_CONFIG', 'POLICY_VIOLATION'];

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly forEver: boolean;
  /** Null: as many as is sensible. */
  readonly replicas: number | null;
}

/** The brokers do not let this user make the topic as it has to be: somebody has to. */
export class TopicNotMade extends StreamUnavailable {}

/**
 * Makes it, without what is only wished for where the brokers refuse that. Rejects with {@link TopicNotMade}, which says
 * what to type.
 */
export const makeTopic = async (
  admin: Admin,
  made: NewTopic,
  log: Log,
  { needed: always = NEEDED, wished = WISHED }: Configs = {},
): Promise<void> => {
  const { topic, partitions: numPartitions } = made;
  const needed = [...always, ...(made.forEver ? FOR_EVER : [])];
  const replicas = made.replicas ?? (await sensibleReplicas(admin));
  const all = [...needed, ...wished, ...insync(replicas)];
  const create = (replicationFactor: number, configEntries: IResourceConfigEntry[]): Promise<string | null> =>
    refusalOf(admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor, configEntries }] }));
  const refused = await create(replicas, all);
  if (refused === null) return;
  const without = [...wished, ...insync(replicas)].map(({ name }) => name).join(', ');
  // Where nobody said how many, the brokers may insist on a number of their own.
  const again = await create(made.replicas ?? -1, needed);
  if (again !== null) throw new TopicNotMade(byHand(made, replicas, all, again));
  log.warn({ topic, refused, without }, 'the brokers refused to make a topic as it should be; it was made without');
};

/** Null where the topic is made; the brokers' word where they refuse its settings. */
const refusalOf = async (making: Promise<boolean>): Promise<string | null> => {
  try {
    await making;
    return null;
  } catch (error) {
    const { errors = [] } = Object(error) as { readonly errors?: readonly unknown[] };
    const refusal = [error, ...errors].map(typeOf).find((type) => REFUSALS.includes(type));
    if (refusal === undefined) throw error;
    return refusal;
  }
};

/** Not fewer than the brokers would give it: some of them may not be up yet. */
const sensibleReplicas = async (admin: Admin): Promise<number> => {
  const { brokers } = await admin.describeCluster();
  const [first] = brokers;
  const usual = first === undefined ? null : await usualReplicas(admin, first.nodeId);
  return Math.max(Math.min(REPLICAS, brokers.length), usual ?? 1);
};

/** Most of them, so that one may be down. Of two replicas that would be both: whoever has two says it for the brokers. */
const insync = (replicas: number): readonly IResourceConfigEntry[] =>
  replicas < REPLICAS ? [] : [{ name: 'min.insync.replicas', value: String(Math.floor(replicas / 2) + 1) }];

const byHand = (
  { topic, partitions }: NewTopic,
  replicas: number,
  configs: readonly IResourceConfigEntry[],
  refusal: string,
): string =>
  [
    `${topic}: the brokers refuse to make it (${refusal}). Make it yourself, as like this as they let you:`,
    `kafka-topics.sh --bootstrap-server HOST:PORT --create --topic ${topic} --partitions ${String(partitions)}`,
    `--replication-factor ${String(replicas)}`,
    ...configs.map(({ name, value }) => `--config ${name}=${value}`),
  ].join(' ');
