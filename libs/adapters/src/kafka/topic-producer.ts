/** Sends the records of one topic. */
import { NO_LOG, RECORD_BYTES_MAX, RecordTooLarge, StreamUnavailable } from '@drawdown/ports';
import { inTime } from './in-time';
import type { Health, KafkaOptions } from './kafka-client';
import { BATCH_BYTES, type Outgoing } from './kafka-records';
import { PartitionUnknown, ProducerConnection } from './producer-connection';
import { reasonOf } from './refusal';
import { BYTES_NEEDED, type TopicSettings, typeOf } from './topic-settings';

/** From here on an answer is useless to a caller who waits for it; a broker that is restarted is back within 3 s. */
const SEND_MAX_MS = 10_000;
/** In one request: kafkajs copies what it has of a partition for each record that it adds. */
const REQUEST_RECORDS = 1_000;
/** In one request, to all partitions; per partition it is the size of the largest record. */
const REQUEST_BYTES = 8 * 1024 * 1024;
/** How long a close waits for what is being sent: the process that asks for it has 10 s in all. */
const CLOSE_MAX_MS = 2_000;

/** How long what was refused waits to hear what the topic takes. */
const LOOK_MAX_MS = 2_000;
/** A refusal that stays is said so often. */
const SAY_AGAIN_MS = 30_000;

/** Of records that wait while Kafka is away; what comes on top is refused. */
const QUEUED_BYTES_MAX = 64 * 1024 * 1024;

/** What one caller sends. Its parts go one after the other; what follows a part that failed is not sent. */
interface Sending {
  readonly since: number;
  readonly partition: number;
  outcome: Error | undefined;
}

/** Some of it, small enough for one request. */
interface Part extends Slice {
  readonly sending: Sending;
  readonly done: () => void;
}

/**
 * While one request is out, what is to be sent next collects, and goes as one request when the answer is there: never two
 * requests at a time, so that order and exactly-once within a producer's life hold (see {@link ProducerConnection}). A
 * topic has a producer of its own: after one of its topics was deleted, a producer fails on all.
 *
 * What the topic takes may be less than we send (`max.message.bytes`). Batches are cut to that, as soon as it is known or
 * something was refused; a single record that is larger goes alone, so that its refusal concerns nobody else.
 */
export class TopicProducer {
  private queue: Part[] = [];
  private queuedBytes = 0;
  private connection: ProducerConnection | undefined;
  private sending: Promise<void> | undefined;
  private closed = false;
  /** The largest batch that the topic takes, as far as is known. */
  private limit = Infinity;
  private saidAt = -Infinity;

  constructor(
    private readonly topic: string,
    private readonly options: KafkaOptions,
    private readonly health: Health,
    private readonly settings: () => Promise<TopicSettings | null>,
  ) {
    this.learn().catch((error: unknown) =>
      options.log?.warn({ topic, error: String(error) }, 'a topic is not looked at'),
    );
  }

  /** Rejects with {@link StreamUnavailable}, and with {@link RecordTooLarge} where the brokers take no such record. */
  async send(partition: number, records: readonly Outgoing[]): Promise<void> {
    const sending: Sending = { since: performance.now(), partition, outcome: undefined };
    const parts = partsOf(records, this.limit);
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

  private enqueue(sending: Sending, slice: Slice): Promise<void> {
    return new Promise((done) => {
      this.queue.push({ ...slice, sending, done });
      this.queuedBytes += slice.bytes;
      this.sending ??= this.sendAll();
    });
  }

  private async sendAll(): Promise<void> {
    // After the present turn of the event loop: what is sent in one turn makes one request.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const parts = this.take();
      if (parts.length === 0) continue;
      const failure = await this.request(parts.flatMap(({ records }) => records));
      if (failure instanceof RefusedForSize) {
        await this.refused(parts, failure);
        continue;
      }
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
    const room = new Room(this.limit);
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
  private async request(records: readonly Outgoing[], again = true): Promise<Error | undefined> {
    const connection = (this.connection ??= new ProducerConnection(this.options));
    try {
      const messages = records.map(({ message }) => message);
      await inTime(connection.send(this.topic, messages), SEND_MAX_MS, () => tooLate(this.topic));
      return undefined;
    } catch (error) {
      connection.destroy();
      this.connection = undefined;
      // Nothing was sent: the partition may be younger than what the producer knew, and the next one asks anew.
      if (again && error instanceof PartitionUnknown) return this.request(records, false);
      if (isSizeRefused(error)) return new RefusedForSize(this.topic, largestOf(records));
      if (error instanceof StreamUnavailable) return error;
      return new StreamUnavailable(`${this.topic}: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** Kafka has stored nothing of a partition of which it refuses the batch; of the others nobody knows. */
  private async refused(parts: readonly Part[], failure: RefusedForSize): Promise<void> {
    this.health.up();
    await this.learn();
    const isOne = new Set(parts.map(({ sending }) => sending.partition)).size === 1;
    if (!isOne) this.cutBelow(failure.bytes);
    // In their order, and each for itself: what is refused concerns nobody else.
    for (const part of parts) {
      const { sending, records } = part;
      this.finish(part, sending.outcome ?? (isOne ? await this.inPieces(records, failure) : failure));
    }
  }

  /** Of one partition, and known to be refused as it is, alone or together with others. */
  private async inPieces(records: readonly Outgoing[], failure: RefusedForSize): Promise<Error | undefined> {
    const bytes = sizeOf(records);
    if (bytes >= failure.bytes) {
      const [first] = records;
      if (first !== undefined && records.length === 1) return this.tooLarge(first);
      this.cutBelow(bytes);
    }
    for (const piece of partsOf(records, this.limit)) {
      const again = await this.request(piece.records);
      const outcome = again instanceof RefusedForSize ? await this.inPieces(piece.records, again) : again;
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }

  /** Where nobody says what the topic takes, or says more than it does, it is found out. */
  private cutBelow(bytes: number): void {
    if (this.limit >= bytes) this.limit = Math.floor(bytes / 2);
  }

  private tooLarge({ wireBytes }: Outgoing): RecordTooLarge {
    const { topic, options } = this;
    const size = BATCH_BYTES + wireBytes;
    const taken = this.limit < size ? `takes ${String(this.limit)}` : 'takes less';
    const error = new RecordTooLarge(
      `${topic}: the brokers refuse a record of up to ${String(size)} bytes for its size, the topic ${taken}: raise its ` +
        `max.message.bytes to at least ${String(BYTES_NEEDED)}`,
    );
    options.metrics?.count('records_refused_total', { topic });
    if (performance.now() - this.saidAt > SAY_AGAIN_MS) {
      this.saidAt = performance.now();
      (options.log ?? NO_LOG).error({ topic, error: error.message }, 'a record is refused for its size');
    }
    return error;
  }

  /** How large a batch may be, where the brokers say so in time. */
  private async learn(): Promise<void> {
    // Not in time is as good as not told.
    const told = await inTime(this.settings(), LOOK_MAX_MS, () => new Error('not in time')).catch(() => null);
    if (told !== null && told.maxBytes !== null) this.limit = told.maxBytes;
  }
}

interface Slice {
  readonly records: readonly Outgoing[];
  readonly bytes: number;
  /** Of the batch that it is. */
  readonly wireBytes: number;
}

const partsOf = (records: readonly Outgoing[], limit: number): readonly Slice[] => {
  const parts: { records: Outgoing[]; bytes: number; wireBytes: number }[] = [];
  for (const record of records) {
    const { bytes, wireBytes } = record;
    const last = parts.at(-1);
    if (
      last === undefined ||
      last.records.length >= REQUEST_RECORDS ||
      last.bytes + bytes > RECORD_BYTES_MAX ||
      last.wireBytes + wireBytes > limit
    ) {
      parts.push({ records: [record], bytes, wireBytes: BATCH_BYTES + wireBytes });
    } else {
      last.records.push(record);
      last.bytes += bytes;
      last.wireBytes += wireBytes;
    }
  }
  return parts;
};

/** Kafka's words for a batch that is larger than max.message.bytes, and than segment.bytes. */
const isSizeRefused = (error: unknown): boolean => {
  return ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].includes(typeOf(error));
};

/** A batch was refused for its size. Its partition has none of it; what became of other partitions of the request is unknown. */
class RefusedForSize extends StreamUnavailable {
  constructor(
    topic: string,
    readonly bytes: number,
  ) {
    super(`${topic}: a batch of up to ${String(bytes)} bytes was refused for its size; from now on they are smaller`);
  }
}

/** Of the batches that they make. */
const largestOf = (records: readonly Outgoing[]): number => {
  const sizes = new Map<number | undefined, number>();
  for (const { message, wireBytes } of records) {
    const { partition } = message;
    sizes.set(partition, (sizes.get(partition) ?? BATCH_BYTES) + wireBytes);
  }
  return Math.max(...sizes.values());
};

const sizeOf = (records: readonly Outgoing[]): number =>
  records.reduce((sum, { wireBytes }) => sum + wireBytes, BATCH_BYTES);

/** What one request holds so far. */
class Room {
  private records = 0;
  private bytes = 0;
  private isFull = false;
  private readonly ofPartition = new Map<number, { readonly bytes: number; readonly wireBytes: number }>();

  constructor(private readonly limit: number) {}

  /** False where it does not fit; then nothing later of its partition does, or it would overtake. */
  take({ sending: { partition }, records, bytes, wireBytes }: Part): boolean {
    const before = this.ofPartition.get(partition) ?? { bytes: 0, wireBytes: 0 };
    const after = { bytes: before.bytes + bytes, wireBytes: before.wireBytes + wireBytes };
    const isRefused = wireBytes > this.limit;
    const fits =
      !this.isFull &&
      after.bytes <= RECORD_BYTES_MAX &&
      this.bytes + bytes <= REQUEST_BYTES &&
      (this.records === 0 ||
        (this.records + records.length <= REQUEST_RECORDS && after.wireBytes <= this.limit && !isRefused));
    this.ofPartition.set(partition, fits ? after : { bytes: Infinity, wireBytes: Infinity });
    if (!fits) return false;
    // It will hardly be taken: others must not fail with it.
    this.isFull = isRefused;
    this.records += records.length;
    this.bytes += bytes;
    return true;
  }
}

const tooLate = (topic: string): StreamUnavailable => new StreamUnavailable(`${topic}: Kafka has not answered in time`);
