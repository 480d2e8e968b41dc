import {
  checkRecords,
  type Consumer,
  type Consumption,
  NO_LOG,
  type PartitionBounds,
  type RecordBatch,
  type Stream,
  type StreamRecord,
  StreamUnavailable,
} from '@drawdown/ports';
import { inTime } from './in-time';
import { Health, type KafkaOptions } from './kafka-client';
import { KafkaConsumption } from './kafka-consumption';
import { KafkaDesk } from './kafka-desk';
import { outgoingRecord } from './kafka-records';
import { complaintsAbout, type TopicSettings } from './topic-settings';
import { TopicProducer } from './topic-producer';
import type { TopicReader } from './topic-reader';
import { TopicSource } from './topic-source';

/**
 * How long a close waits for its consumptions. Who has batches in hand that may take longer stops them first; what still
 * runs then waits for a Kafka that is away, and ends by itself once nobody answers it any more.
 */
const CONSUMPTIONS_MAX_MS = 1_000;

/** Apache Kafka (2.1 or later). Connects when first used, so that a start does not depend on it. */
export const openKafkaStream = (options: KafkaOptions): Stream => {
  // Some networks are encrypted below; whoever forgot it must hear of it.
  const { sasl, ssl, log } = options;
  if (sasl?.mechanism === 'plain' && ssl === undefined) {
    log?.warn({ mechanism: 'plain' }, 'user and password go to Kafka in clear text: set KAFKA_TLS=1, or use scram');
  }
  if (sasl?.mechanism === 'oauthbearer' && ssl === undefined) {
    log?.warn({ mechanism: 'oauthbearer' }, 'tokens go to Kafka in clear text: set KAFKA_TLS=1');
  }
  return new KafkaStream(options);
};

class KafkaStream implements Stream {
  private readonly desk: KafkaDesk;
  private readonly health: Health;
  private readonly producers = new Map<string, TopicProducer>();
  private readonly sources = new Map<string, TopicSource>();
  private readonly partitions = new Map<string, number>();
  /** Topics whose settings were looked at. */
  private readonly looked = new Set<string>();
  private readonly consumptions = new Set<KafkaConsumption>();
  private closing: Promise<void> | undefined;

  constructor(private readonly options: KafkaOptions) {
    this.health = new Health(options);
    this.desk = new KafkaDesk(options, this.health);
  }

  async ensureTopic(topic: string, partitions: number, kept: 'as usual' | 'for ever' = 'as usual'): Promise<void> {
    if (!Number.isInteger(partitions) || partitions < 1)
      throw new RangeError(`${topic}: ${String(partitions)} partitions`);
    await this.desk.ensureTopic(topic, partitions, kept === 'for ever');
    if (!this.looked.has(topic)) await this.settingsOf(topic);
  }

  async partitionsOf(topic: string): Promise<number> {
    const partitions = await this.desk.partitionsOf(topic);
    this.partitions.set(topic, partitions);
    return partitions;
  }

  identityOf(topic: string): Promise<string | null> {
    return this.desk.identityOf(topic);
  }

  boundsOf(topic: string): Promise<readonly PartitionBounds[]> {
    return this.desk.boundsOf(topic);
  }

  async send(topic: string, partition: number, records: readonly StreamRecord[]): Promise<void> {
    this.refuseClosed();
    checkRecords(topic, records);
    const outgoing = records.map((record) => outgoingRecord(partition, record)); // copied before anything is waited for
    await this.checkPartition(topic, partition);
    let producer = this.producers.get(topic);
    if (producer === undefined) {
      producer = new TopicProducer(topic, this.options, this.health, () => this.settingsOf(topic));
      this.producers.set(topic, producer);
    }
    await producer.send(partition, outgoing);
  }

  async consume(topics: readonly string[], group: string, consumer: Consumer): Promise<Consumption> {
    this.refuseClosed();
    const { options, desk } = this;
    const reader = (topic: string, partition: number): TopicReader => this.source(topic).reader(partition);
    const consumption = new KafkaConsumption(topics, group, consumer, { options, desk, reader });
    this.consumptions.add(consumption);
    const stop = async (): Promise<void> => {
      await consumption.stop();
      this.consumptions.delete(consumption);
    };
    return { partitions: () => consumption.partitions(), places: () => consumption.places(), stop };
  }

  async *follow(topic: string, partition: number, from: number, signal: AbortSignal): AsyncGenerator<RecordBatch> {
    this.refuseClosed();
    const reader = this.source(topic).reader(partition);
    try {
      for (let next = from; !signal.aborted;) {
        const records = await reader.next(next, signal);
        const last = records.at(-1);
        if (last === undefined) return;
        yield { topic, partition, records };
        next = last.offset + 1;
      }
    } finally {
      reader.close();
    }
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const late = new Error(`not within ${String(CONSUMPTIONS_MAX_MS)} ms`);
    try {
      const stopped = Promise.all([...this.consumptions].map((consumption) => consumption.stop()));
      await inTime(stopped, CONSUMPTIONS_MAX_MS, () => late);
    } catch (error) {
      if (error !== late) throw error;
      this.options.log?.warn({ error: late.message }, 'the stream is closed while a consumer is still stopping');
    }
    await Promise.all([...this.producers.values()].map((producer) => producer.close()));
    for (const source of this.sources.values()) source.close();
    this.desk.close();
  }

  /** The number of partitions only grows. */
  private async checkPartition(topic: string, partition: number): Promise<void> {
    if (Number.isInteger(partition) && partition >= 0) {
      if (partition < (this.partitions.get(topic) ?? 0)) return;
      if (partition < (await this.partitionsOf(topic))) return;
    }
    throw new RangeError(`${topic} has no partition ${String(partition)}`);
  }

  /** Null where nobody says; what does not fit is warned of once. */
  private async settingsOf(topic: string): Promise<TopicSettings | null> {
    const { log = NO_LOG } = this.options;
    try {
      const settings = await this.desk.settingsOf(topic);
      const isNews = !this.looked.has(topic);
      this.looked.add(topic);
      for (const complaint of isNews ? complaintsAbout(settings) : []) {
        log.warn({ topic, complaint }, 'a topic is not set as it should be (deploy/README.md)');
      }
      return settings;
    } catch (error) {
      log.info({ topic, error: String(error) }, 'the settings of a topic could not be looked at');
      return null;
    }
  }

  private source(topic: string): TopicSource {
    let source = this.sources.get(topic);
    if (source === undefined) {
      source = new TopicSource(topic, this.options, this.health);
      this.sources.set(topic, source);
    }
    return source;
  }

  private refuseClosed(): void {
    if (this.closing !== undefined) throw new StreamUnavailable('the stream is closed');
  }
}
