/** Sends the records of one topic. */
import { RECORD_BYTES_MAX, StreamUnavailable } from '@drawdown/ports';
import type { Message } from 'kafkajs';
import { inTime } from './in-time';
import type { Health, KafkaOptions } from './kafka-client';
import type { Outgoing } from './kafka-records';
import { PartitionUnknown, ProducerConnection } from './producer-connection';
import { reasonOf } from './refusal';

/** From here on an answer is useless to a caller who waits for it; a broker that is restarted is back within 3 s. */
const SEND_MAX_MS = 10_000;
/** In one request: kafkajs copies what it has of a partition for each record that it adds. */
const REQUEST_RECORDS = 1_000;
/** In one request, to all partitions; per partition it is the size of the largest record. */
const REQUEST_BYTES = 8 * 1024 * 1024;
/** How long a close waits for what is being sent: the process that asks for it has 10 s in all. */
const CLOSE_MAX_MS = 2_000;

/** Of records that wait while Kafka is away; what comes on top is refused. */
const QUEUED_BYTES_MAX = 64 * 1024 * 1024;

/** What one caller sends. Its parts go one after the other; what follows a part that failed is not sent. */
interface Sending {
  readonly since: number;
  readonly partition: number;
  outcome: Error | undefined;
}

/** Some of it, small enough for one request. */
interface Part {
  readonly sending: Sending;
  readonly messages: readonly Message[];
  readonly bytes: number;
  readonly done: () => void;
}

/**
 * While one request is out, what is to be sent next collects, and goes as one request when the answer is there: never two
 * requests at a time, so that order and exactly-once within a producer's life hold (see {@link ProducerConnection}). A
 * topic has a producer of its own: after one of its topics was deleted, a producer fails on all.
 */
export class TopicProducer {
  private queue: Part[] = [];
  private queuedBytes = 0;
  private connection: ProducerConnection | undefined;
  private sending: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly topic: string,
    private readonly options: KafkaOptions,
    private readonly health: Health,
  ) {}

  /** Rejects with {@link StreamUnavailable}. */
  async send(partition: number, records: readonly Outgoing[]): Promise<void> {
    const sending: Sending = { since: performance.now(), partition, outcome: undefined };
    const parts = partsOf(records);
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    if (this.closed) throw new StreamUnavailable('the stream is closed');
    if (this.queuedBytes + bytes > QUEUED_BYTES_MAX)
      throw new StreamUnavailable(`${this.topic}: too much waits for Kafka`);
    await Promise.all(parts.map((part) => this.enqueue(sending, part)));
    if (sending.outcome !== undefined) throw sending.outcome;
  }

  /** What waits is still sent, as long as Kafka answers within a moment; what is not is told so in its own time. */
  async close(): Promise<void> {
    this.closed = true;
    const sent = this.sending ?? Promise.resolve();
    await inTime(sent, CLOSE_MAX_MS, () => tooLate(this.topic)).catch(() => undefined); // told to who sent it
    this.connection?.destroy();
  }

  private enqueue(sending: Sending, { messages, bytes }: Slice): Promise<void> {
    return new Promise((done) => {
      this.queue.push({ sending, messages, bytes, done });
      this.queuedBytes += bytes;
      this.sending ??= this.sendAll();
    });
  }

  private async sendAll(): Promise<void> {
    // After the present turn of the event loop: what is sent in one turn makes one request.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const parts = this.take();
      if (parts.length === 0) continue;
      const failure = await this.request(parts.flatMap(({ messages }) => messages));
      if (failure === undefined) this.health.up();
      else this.health.down(failure);
      for (const part of parts) this.finish(part, failure);
    }
    this.sending = undefined;
  }

  /** The next request: from the front of the queue, in order within each partition. */
  private take(): Part[] {
    const taken: Part[] = [];
    const left: Part[] = [];
    const room = new Room();
    const late = performance.now() - SEND_MAX_MS;
    for (const part of this.queue) {
      const { sending } = part;
      if (sending.outcome !== undefined || sending.since < late) this.finish(part, tooLate(this.topic));
      else if (room.take(part)) taken.push(part);
      else left.push(part);
    }
    this.queue = left;
    return taken;
  }

  private finish({ sending, bytes, done }: Part, failure: Error | undefined): void {
    sending.outcome ??= failure;
    this.queuedBytes -= bytes;
    done();
  }

  /** Why it failed, if so. After any failure the producer is another one: what became of the request is not known. */
  private async request(messages: Message[], again = true): Promise<Error | undefined> {
    const connection = (this.connection ??= new ProducerConnection(this.options));
    try {
      await inTime(connection.send(this.topic, messages), SEND_MAX_MS, () => tooLate(this.topic));
      return undefined;
    } catch (error) {
      connection.destroy();
      this.connection = undefined;
      // Nothing was sent: the partition may be younger than what the producer knew, and the next one asks anew.
      if (again && error instanceof PartitionUnknown) return this.request(messages, false);
      if (error instanceof StreamUnavailable) return error;
      return new StreamUnavailable(`${this.topic}: ${reasonOf(error)}`, { cause: error });
    }
  }
}

interface Slice {
  readonly messages: Message[];
  bytes: number;
}

const partsOf = (records: readonly Outgoing[]): readonly Slice[] => {
  const parts: Slice[] = [];
  for (const { message, bytes } of records) {
    const last = parts.at(-1);
    if (last === undefined || last.messages.length >= REQUEST_RECORDS || last.bytes + bytes > RECORD_BYTES_MAX) {
      parts.push({ messages: [message], bytes });
    } else {
      last.messages.push(message);
      last.bytes += bytes;
    }
  }
  return parts;
};

/** What one request holds so far. */
class Room {
  private records = 0;
  private bytes = 0;
  private readonly ofPartition = new Map<number, number>();

  /** False where it does not fit; then nothing later of its partition does, or it would overtake. */
  take({ sending: { partition }, messages, bytes }: Part): boolean {
    const before = this.ofPartition.get(partition) ?? 0;
    const fits =
      before + bytes <= RECORD_BYTES_MAX &&
      this.bytes + bytes <= REQUEST_BYTES &&
      (this.records === 0 || this.records + messages.length <= REQUEST_RECORDS);
    this.ofPartition.set(partition, fits ? before + bytes : Infinity);
    if (!fits) return false;
    this.records += messages.length;
    this.bytes += bytes;
    return true;
  }
}

const tooLate = (topic: string): StreamUnavailable => new StreamUnavailable(`${topic}: Kafka has not answered in time`);
