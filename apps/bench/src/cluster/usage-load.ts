import { shardOf, USAGE_TOPIC } from '@drawdown/ledger';
import { CompressionTypes, Kafka, logLevel, type Producer } from 'kafkajs';
import { ORGANIZATIONS, organizationName, usageJson } from '../usage-sample';
import type { ClusterWorld } from './cluster-world';
import type { Records } from './consume-rate';

/** Records in one produced batch. */
export const RECORDS_PER_SEND = 1_000;
const ACKS_ALL = -1;

/** Whose usage the n-th event is. */
export type Spread = (n: number) => number;

export const uniform: Spread = (n) => (n * 7919) % ORGANIZATIONS;
export const oneOrganization: Spread = () => 1;

/** Zipf with exponent 1.0: the k-th organization has 1/k of the usage of the first. */
export const zipf = (): Spread => {
  const sums: number[] = [];
  for (let k = 1; k <= ORGANIZATIONS; k++) sums.push((sums.at(-1) ?? 0) + 1 / k);
  const total = sums.at(-1) ?? 1;
  return (n) => {
    const wanted = (((n * 0.618_033_988_749_894_9) % 1) + 1e-12) * total;
    let [low, high] = [0, ORGANIZATIONS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
};

/** Puts usage on the topic as an ordinary service does: structured CloudEvents in batches. Every event is another one. */
export class UsageLoad {
  private readonly producer: Producer;
  private readonly partitions: readonly number[];
  /** Number of the next event. */
  next = 0;

  constructor(private readonly world: ClusterWorld) {
    const brokers = [world.cluster.addresses.KAFKA_BROKERS];
    this.producer = new Kafka({ clientId: 'bench-usage', brokers, logLevel: logLevel.NOTHING }).producer();
    this.partitions = Array.from({ length: ORGANIZATIONS }, (_, n) => shardOf(organizationName(n), world.shards));
  }

  async start(): Promise<void> {
    await this.producer.connect();
  }

  async stop(): Promise<void> {
    await this.producer.disconnect();
  }

  /** Sends so many; resolves when all are acknowledged, with where they lie. */
  async send(count: number, spread: Spread): Promise<Records> {
    const from = (await this.world.stream.boundsOf(USAGE_TOPIC)).map(({ end }) => end);
    for (let left = count; left > 0; left -= RECORDS_PER_SEND)
      await this.sendOnce(Math.min(left, RECORDS_PER_SEND), spread);
    return { topic: USAGE_TOPIC, from, count };
  }

  /** Sends one batch; answers the last offset of it in each partition, -1 where it has none there. */
  async sendOnce(count: number, spread: Spread): Promise<number[]> {
    const time = new Date().toISOString();
    const messages = Array.from({ length: count }, () => {
      const n = this.next++;
      const organization = spread(n);
      const key = organizationName(organization);
      const headers = { 'content-type': 'application/cloudevents+json' };
      return { partition: this.partitions[organization] ?? 0, key, value: usageJson(n, key, time), headers };
    });
    const answers = await this.producer.send({
      topic: USAGE_TOPIC,
      acks: ACKS_ALL,
      compression: CompressionTypes.None,
      messages,
    });
    const last = Array.from({ length: this.world.shards }, () => -1);
    for (const { partition } of messages) last[partition] = (last[partition] ?? -1) + 1;
    for (const { partition, baseOffset } of answers)
      last[partition] = (last[partition] ?? -1) + Number(baseOffset ?? 0);
    return last;
  }
}
