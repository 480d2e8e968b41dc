/** What the brokers say of a topic, as far as they let this user look, and what of it does not fit what we do. */
import { RECORD_BYTES_MAX } from '@drawdown/ports';
import { type Admin, ConfigResourceTypes } from 'kafkajs';

/** What is not told, or not as a number, is null. */
export interface TopicSettings {
  /** The largest batch of records that is taken, in bytes. */
  readonly maxBytes: number | null;
}

/** The record with room for what Kafka puts around it. */
export const BYTES_NEEDED = RECORD_BYTES_MAX + 10_000;

const MAX_BYTES = ['max.message.bytes', 'segment.bytes'];

/** Kafka's answers to who may not look, or asks an older broker; whatever else fails is tried again. */
const REFUSALS = /AUTHORIZATION_FAILED|UNSUPPORTED|INVALID_REQUEST|POLICY_VIOLATION/;

export const settingsOf = async (admin: Admin, topic: string): Promise<TopicSettings> => {
  const configs = await configsOf(admin, topic);
  const limits = MAX_BYTES.flatMap((name) => numberIn(configs.get(name)) ?? []);
  return { maxBytes: limits.length === 0 ? null : Math.min(...limits) };
};

const configsOf = async (admin: Admin, name: string): Promise<ReadonlyMap<string, string>> => {
  const configNames = MAX_BYTES;
  try {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name, configNames }];
    const answer = await admin.describeConfigs({ resources, includeSynonyms: false });
    const entries = answer.resources.flatMap(({ configEntries }) => configEntries);
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  } catch (error) {
    const { type } = Object(error) as { readonly type?: string };
    if (type === undefined || !REFUSALS.test(type)) throw error;
    return new Map();
  }
};

const numberIn = (text: string | undefined): number | null => {
  const number = Number(text || Number.NaN);
  return Number.isSafeInteger(number) ? number : null;
};

/** What an operator should know before it hurts. */
export const complaintsAbout = ({ maxBytes }: TopicSettings): readonly string[] => [
  ...(maxBytes === null || maxBytes >= BYTES_NEEDED
    ? []
    : [
        `it takes ${String(maxBytes)} bytes (max.message.bytes, segment.bytes), and what is sent to it may be larger: ` +
          `raise max.message.bytes to at least ${String(BYTES_NEEDED)}`,
      ]),
];
