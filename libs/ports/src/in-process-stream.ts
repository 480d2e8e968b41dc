import { randomUUID } from 'node:crypto';
import { Group } from './in-process-group';
import { Partition } from './in-process-partition';
import { type Log, NO_LOG } from './log';
import {
  checkRecords,
  type Consumer,
  type Consumption,
  type PartitionBounds,
  type RecordBatch,
  type Stream,
  type StreamRecord,
  StreamUnavailable,
} from './stream';

/**
 * The stream of a process that plays all roles, and the reference for the others. Nothing is durable: what must not be
 * lost is in the event store. Records are gone with the process, and so is what groups have consumed.
 */
export const inProcessStream = (log: Log = NO_LOG): Stream => new InProcessStream(log);

class InProcessStream implements Stream {
  private readonly topics = new Map<string, readonly Partition[]>();
  private readonly identities = new Map<string, string>();
  /** By name and topics: all consumers of a group name the same topics. */
  private readonly groups = new Map<string, Group>();
  private readonly groupsOf = new Map<string, Group[]>();
  private closed = false;

  constructor(private readonly log: Log) {}

  async ensureTopic(name: string, partitions: number): Promise<void> {
    this.refuseClosed();
    if (!Number.isInteger(partitions) || partitions < 1)
      throw new RangeError(`${name}: ${String(partitions)} partitions`);
    if (this.topics.has(name)) return;
    const made = Array.from({ length: partitions }, (_, number) => new Partition(name, number));
    this.topics.set(name, made);
    this.identities.set(name, randomUUID());
  }

  async partitionsOf(topic: string): Promise<number> {
    return this.topic(topic).length;
  }

  async identityOf(topic: string): Promise<string | null> {
    this.topic(topic); // throws where there is none
    return this.identities.get(topic) ?? null;
  }

  async boundsOf(topic: string): Promise<readonly PartitionBounds[]> {
    return this.topic(topic).map(({ bounds }) => bounds);
  }

  async send(topic: string, partition: number, records: readonly StreamRecord[]): Promise<void> {
    const to = this.partition(topic, partition);
    checkRecords(topic, records);
    to.append(records);
    for (const group of this.groupsOf.get(topic) ?? []) group.wake();
  }

  async consume(topics: readonly string[], name: string, consumer: Consumer): Promise<Consumption> {
    this.refuseClosed();
    const key = JSON.stringify([name, ...[...topics].sort()]);
    const group = this.groups.get(key) ?? this.makeGroup(key, topics, name);
    return group.join(consumer);
  }

  async *follow(topic: string, partition: number, from: number, signal: AbortSignal): AsyncGenerator<RecordBatch> {
    yield* this.partition(topic, partition).follow(from, signal);
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const partition of [...this.topics.values()].flat()) partition.close();
    await Promise.all([...this.groups.values()].map((group) => group.stop()));
  }

  private makeGroup(key: string, topics: readonly string[], name: string): Group {
    const partitions = topics.map((topic) => this.topic(topic));
    const columns = Array.from({ length: Math.max(...partitions.map(({ length }) => length)) }, (_, number) =>
      partitions.flatMap((ofTopic) => ofTopic[number] ?? []),
    );
    const group = new Group(columns, { topics: topics.join(', '), group: name }, this.log);
    this.groups.set(key, group);
    for (const topic of topics) this.groupsOf.set(topic, [...(this.groupsOf.get(topic) ?? []), group]);
    return group;
  }

  private partition(topic: string, number: number): Partition {
    const partition = this.topic(topic)[number];
    if (partition === undefined) throw new RangeError(`${topic} has no partition ${String(number)}`);
    return partition;
  }

  private topic(name: string): readonly Partition[] {
    this.refuseClosed();
    const topic = this.topics.get(name);
    if (topic === undefined) throw new Error(`there is no topic ${name}`);
    return topic;
  }

  private refuseClosed(): void {
    if (this.closed) throw new StreamUnavailable('the stream is closed');
  }
}
