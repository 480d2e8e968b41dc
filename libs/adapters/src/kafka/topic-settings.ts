/** What the brokers say of a topic, as far as they let this user look, and what of it does not fit what we do. */
import { RECORD_BYTES_MAX } from '@drawdown/ports';
import { type Admin, ConfigResourceTypes } from 'kafkajs';

/** What is not told is null. */
export interface TopicSettings {
  /** The largest batch of records that is taken, in bytes. */
  readonly maxBytes: number | null;
  readonly cleanupPolicy: string | null;
  /** How many replicas have to have a record before it is acknowledged. */
  readonly minInsync: number | null;
  /** Of the partition that has the fewest. */
  readonly replicas: number;
  /** That are up. */
  readonly brokers: number | null;
}

/** The record with room for what Kafka puts around it. */
export const BYTES_NEEDED = RECORD_BYTES_MAX + 10_000;

const MAX_BYTES = ['max.message.bytes', 'segment.bytes'];

/**
 * Kafka's answers to who may not look, or asks an older broker, and what kafkajs makes of a topic of others that nobody
 * leads: there is nothing to be known. Whatever else fails is tried again.
 */
const UNTOLD = /AUTHORIZATION_FAILED|UNSUPPORTED|INVALID_REQUEST|POLICY_VIOLATION|LEADER_NOT_AVAILABLE/;

export const settingsOf = async (admin: Admin, topic: string): Promise<TopicSettings> => {
  const names = [...MAX_BYTES, 'cleanup.policy', 'min.insync.replicas'];
  const configs = await configsOf(admin, ConfigResourceTypes.TOPIC, topic, names);
  const limits = MAX_BYTES.flatMap((name) => numberIn(configs.get(name)) ?? []);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const replicas = topics.flatMap(({ partitions }) => partitions.map((partition) => partition.replicas.length));
  return {
    maxBytes: limits.length === 0 ? null : Math.min(...limits),
    cleanupPolicy: configs.get('cleanup.policy') ?? null,
    minInsync: numberIn(configs.get('min.insync.replicas')),
    replicas: Math.min(...replicas),
    brokers: (await ifTold(admin.describeCluster()))?.brokers.length ?? null,
  };
};

/** How many replicas a topic gets where nobody says how many; null where the brokers do not tell. */
export const usualReplicas = async (admin: Admin, brokerId: number): Promise<number | null> => {
  const name = 'default.replication.factor';
  return numberIn((await configsOf(admin, ConfigResourceTypes.BROKER, String(brokerId), [name])).get(name));
};

const configsOf = async (
  admin: Admin,
  type: ConfigResourceTypes,
  name: string,
  configNames: string[],
): Promise<ReadonlyMap<string, string>> => {
  const resources = [{ type, name, configNames }];
  const answer = await ifTold(admin.describeConfigs({ resources, includeSynonyms: false }));
  const entries = (answer?.resources ?? []).flatMap(({ configEntries }) => configEntries);
  return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
};

const ifTold = async <T>(answer: Promise<T>): Promise<T | null> => {
  try {
    return await answer;
  } catch (error) {
    if (!UNTOLD.test(typeOf(error))) throw error;
    return null;
  }
};

/** Kafka's name of an error; empty where it is none of Kafka's. */
export const typeOf = (error: unknown): string => {
  const { type, cause } = Object(error) as { readonly type?: unknown; readonly cause?: unknown };
  if (typeof type === 'string') return type;
  return cause === undefined ? '' : typeOf(cause);
};

const numberIn = (text: string | undefined): number | null => {
  const number = Number(text || Number.NaN);
  return Number.isSafeInteger(number) ? number : null;
};

/** What an operator should know before it hurts. */
export const complaintsAbout = (settings: TopicSettings): readonly string[] => {
  const { maxBytes, cleanupPolicy, minInsync, replicas, brokers } = settings;
  const complaints: string[] = [];
  if (maxBytes !== null && maxBytes < BYTES_NEEDED) {
    complaints.push(
      `it takes ${String(maxBytes)} bytes (max.message.bytes, segment.bytes), and what is sent to it may be larger: ` +
        `raise max.message.bytes to at least ${String(BYTES_NEEDED)}`,
    );
  }
  if (cleanupPolicy?.includes('compact') === true) {
    complaints.push('it is compacted: records that were not read yet vanish; set cleanup.policy=delete');
  }
  if (replicas === 1 && brokers !== null && brokers > 1) {
    complaints.push(
      `it has one replica on ${String(brokers)} brokers: with the one that has it everything stands, and what that loses is ` +
        'lost; give it three (kafka-reassign-partitions.sh)',
    );
  }
  if (replicas > 1 && minInsync === 1) {
    complaints.push(
      `of ${String(replicas)} replicas one may acknowledge alone (min.insync.replicas=1), and what was acknowledged is lost ` +
        'with it: set min.insync.replicas=2, with three replicas',
    );
  }
  if (replicas > 1 && minInsync !== null && minInsync >= replicas) {
    const when = minInsync > replicas ? 'nothing can be written' : 'with one broker down nothing can be written';
    complaints.push(
      `min.insync.replicas=${String(minInsync)} of ${String(replicas)} replicas: ${when}; have more replicas than that`,
    );
  }
  return complaints;
};
