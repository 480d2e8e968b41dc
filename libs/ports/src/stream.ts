/** A record of a partitioned, ordered stream (Kafka's model). */
export interface StreamRecord {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ConsumedRecord extends StreamRecord {
  readonly offset: number;
}

/** Consecutive records of one partition. */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
}

/** Where a partition begins and ends at the moment. */
export interface PartitionBounds {
  /** The oldest record that is kept. */
  readonly oldest: number;
  /** The offset that the next record gets. */
  readonly end: number;
}

/** An offset for each topic named. */
export type Offsets = Readonly<Record<string, number>>;

/** A member of a group. It owns partition numbers: partition p of all the group's topics is one member's at a time. */
export interface Consumer {
  /**
   * The partition is this consumer's now; nothing of it is handled before this resolves. Gives the offset to begin with
   * in each topic where the consumer knows better than the group: there, what the group has consumed is only a hint.
   * A rejection has it called again, after a pause.
   */
  assigned?(partition: number): Promise<Offsets>;
  /**
   * Called with one batch at a time per topic and partition. The batch counts as consumed when it resolves; a rejection
   * has the records given again, after a pause, and what follows them in their partition waits. While it is pending,
   * nothing more of that partition is fetched; others go on.
   */
  handle(batch: RecordBatch): Promise<void>;
  /**
   * The partition is no longer this consumer's; once per `assigned` that resolved, before the partition is assigned to
   * it again. A batch that is still in hand then was too slow: whatever becomes of it, it is given to the next owner.
   */
  revoked?(partition: number): Promise<void>;
}

/** How far a consumer is in a partition. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  /** The offset of the first record that is not consumed, or at which the next one will be found. */
  readonly next: number;
}

export interface Consumption {
  /** The partition numbers that are its own at the moment, also those that its `assigned` has not resolved for. */
  partitions(): readonly number[];
  /** How far it is, in each topic, in the partitions that are its own at the moment and that it has begun to consume. */
  places(): readonly Place[];
  /** Stops fetching, waits for the batches in hand and for `revoked` of all partitions, leaves the group. */
  stop(): Promise<void>;
}

export interface Stream {
  /** Makes the topic where it does not exist; its records are kept for as long as is usual there, or for ever. */
  ensureTopic(topic: string, partitions: number, kept?: 'as usual' | 'for ever'): Promise<void>;
  partitionsOf(topic: string): Promise<number>;
  /**
   * What tells the topic from any other of its name, before or after it: a topic that is made anew has another one. Of
   * letters, digits, - and _. Null where the stream has none to tell (Kafka before 2.8).
   */
  identityOf(topic: string): Promise<string | null>;
  /** Of each partition, by number; for lag, and for whoever begins to follow. */
  boundsOf(topic: string): Promise<readonly PartitionBounds[]>;
  /**
   * Appends the records of one partition in order and resolves once they are acknowledged. Rejects with
   * {@link StreamUnavailable} where they may or may not be there: sending them again is the caller's decision. Rejects
   * with {@link RecordTooLarge}, and a RangeError where the topic has no such partition, having sent nothing; with the
   * former also where the topic is set to take less, after some that stand before that record may have been sent.
   */
  send(topic: string, partition: number, records: readonly StreamRecord[]): Promise<void>;
  /**
   * Joins a group, all of whose consumers name the same topics, and gives the consumer the records of its partitions, in
   * order, each at least once. The group's partitions are shared evenly, and as few as possible change hands when a
   * consumer comes or goes. That two consumers have the same partition for a moment cannot be excluded where one of them
   * was thought dead: what they write needs a fence of its own.
   *
   * A new group begins with the oldest record that is kept, a known one goes on after what it has consumed. Records
   * deleted before they were consumed, as far as group and consumer know, are skipped, and logged as an error. A start
   * past the end says that the topic was made anew: that is logged as an error, and the partition is not consumed as long
   * as it is so.
   */
  consume(topics: readonly string[], group: string, consumer: Consumer): Promise<Consumption>;
  /**
   * The records of a partition from `from` on, then those to come, in order, at the reader's pace, without a group: who
   * follows keeps its own checkpoint. Waits where the stream cannot be reached. Ends when `signal` aborts; rejects with
   * {@link StreamGap} where the record at `from` is gone, or lies past the end, and {@link StreamUnavailable} once closed.
   */
  follow(topic: string, partition: number, from: number, signal: AbortSignal): AsyncIterable<RecordBatch>;
  /** Stops all consumers, as each one's `stop` does; everything later rejects with {@link StreamUnavailable}. */
  close(): Promise<void>;
}
export const Stream = Symbol('Stream');

/** Key, value and headers of one record together: Kafka takes 1 MiB of them at once unless told otherwise. */
export const RECORD_BYTES_MAX = 1_000_000;

/** The stream cannot be reached; records in flight may or may not have been stored. */
export class StreamUnavailable extends Error {
  readonly code = 'stream_unavailable';
}

/** The record is over {@link RECORD_BYTES_MAX}, and can never be sent, or over what its topic is set to take. */
export class RecordTooLarge extends Error {
  readonly code = 'record_too_large';
}

/**
 * The partition does not hold what was to be read next: it was deleted before that, or the topic was made anew. Take what
 * is missing from its source, and go on at an offset within the bounds.
 */
export class StreamGap extends Error {
  readonly code = 'stream_gap';
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly from: number,
    readonly bounds: PartitionBounds,
  ) {
    const kept = `it holds ${String(bounds.oldest)} up to ${String(bounds.end)}, exclusive`;
    super(`${topic}, partition ${String(partition)}: offset ${String(from)} is not there; ${kept}`);
  }
}

/** Throws {@link StreamGap} where an offset is neither within the partition nor its end. */
export const checkWithin = (topic: string, partition: number, from: number, bounds: PartitionBounds): void => {
  if (from < bounds.oldest || from > bounds.end) throw new StreamGap(topic, partition, from, bounds);
};

/** Bytes that count towards {@link RECORD_BYTES_MAX}. */
export const recordBytes = ({ key, value, headers }: StreamRecord): number => {
  let bytes = (value?.byteLength ?? 0) + (key === null ? 0 : Buffer.byteLength(key));
  for (const [name, text] of Object.entries(headers)) bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  return bytes;
};

/** What an adapter checks before it sends. Throws {@link RecordTooLarge}. */
export const checkRecords = (topic: string, records: readonly StreamRecord[]): void => {
  for (const record of records) {
    const bytes = recordBytes(record);
    if (bytes > RECORD_BYTES_MAX) {
      throw new RecordTooLarge(
        `${topic}: a record of ${String(bytes)} bytes; the limit is ${String(RECORD_BYTES_MAX)}`,
      );
    }
  }
};
