import { Cursor, type Member, Partition } from './in-process-partition';
import { type Log, NO_LOG } from './log';
import { type Consumption, type RecordBatch, type Stream, type StreamRecord, StreamUnavailable } from './stream';

/**
 * The stream of a process that plays all roles, and the reference for the others. Nothing is durable: what must not be
 * lost is in the event store. Records are gone with the process, and so is what groups have consumed.
 */
export const inProcessStream = (log: Log = NO_LOG): Stream => new InProcessStream(log);

type Handle = (batch: RecordBatch) => Promise<void>;

class InProcessStream implements Stream {
  private readonly topics = new Map<string, Topic>();
  private closed = false;

  constructor(private readonly log: Log) {}

  async ensureTopic(name: string, partitions: number): Promise<void> {
    this.refuseClosed();
    if (!Number.isInteger(partitions) || partitions < 1)
      throw new RangeError(`${name}: ${String(partitions)} partitions`);
    if (!this.topics.has(name)) this.topics.set(name, new Topic(name, partitions, this.log));
  }

  async partitionsOf(topic: string): Promise<number> {
    return this.topic(topic).partitions.length;
  }

  async send(topic: string, partition: number, records: readonly StreamRecord[]): Promise<void> {
    this.topic(topic).append(partition, records);
  }

  async consume(topic: string, group: string, handle: Handle): Promise<Consumption> {
    return this.topic(topic).join(group, handle);
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.topics.values()].map((topic) => topic.stopAll()));
  }

  private topic(name: string): Topic {
    this.refuseClosed();
    const topic = this.topics.get(name);
    if (topic === undefined) throw new Error(`there is no topic ${name}`);
    return topic;
  }

  private refuseClosed(): void {
    if (this.closed) throw new StreamUnavailable('the stream is closed');
  }
}

class Topic {
  readonly partitions: readonly Partition[];
  private readonly groups = new Map<string, Group>();

  constructor(
    private readonly name: string,
    partitions: number,
    private readonly log: Log,
  ) {
    this.partitions = Array.from({ length: partitions }, (_, number) => new Partition(name, number));
  }

  append(number: number, records: readonly StreamRecord[]): void {
    const partition = this.partitions[number];
    if (partition === undefined) throw new Error(`${this.name} has no partition ${String(number)}`);
    partition.append(records);
    for (const group of this.groups.values()) group.wake();
  }

  join(name: string, handle: Handle): Consumption {
    let group = this.groups.get(name);
    if (group === undefined) {
      group = new Group(this.partitions, { topic: this.name, group: name }, this.log);
      this.groups.set(name, group);
    }
    return group.join(handle);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.groups.values()].map((group) => group.stopAll()));
  }
}

class Group {
  private readonly members: Member[] = [];
  private readonly cursors: readonly Cursor[];

  constructor(
    partitions: readonly Partition[],
    private readonly names: { readonly topic: string; readonly group: string },
    private readonly log: Log,
  ) {
    // Partitions are dealt out in turn; with each member that comes or goes they are dealt out anew.
    this.cursors = partitions.map(
      (partition) =>
        new Cursor(
          partition,
          () => this.members[partition.number % this.members.length],
          (error) => this.rejected(error),
        ),
    );
  }

  join(handle: Handle): Consumption {
    const member: Member = { handle, inHand: new Set() };
    this.members.push(member);
    this.wake();
    return { stop: () => this.leave(member) };
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.members].map((member) => this.leave(member)));
  }

  wake(): void {
    for (const cursor of this.cursors) cursor.wake();
  }

  private async leave(member: Member): Promise<void> {
    const place = this.members.indexOf(member);
    if (place !== -1) this.members.splice(place, 1);
    this.wake();
    await Promise.all(member.inHand);
  }

  private rejected(error: unknown): void {
    this.log.warn({ ...this.names, error: String(error) }, 'a consumer rejected a batch; it is given again');
  }
}
