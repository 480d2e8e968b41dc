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

export interface Consumption {
  /** Stops fetching, waits for the batch in hand, leaves the group. */
  stop(): Promise<void>;
}

export interface Stream {
  /** Makes the topic where it does not exist. */
  ensureTopic(topic: string, partitions: number): Promise<void>;
  partitionsOf(topic: string): Promise<number>;
  /**
   * Appends the records of one partition in order and resolves once they are acknowledged. Rejects with
   * {@link StreamUnavailable} where they may or may not be there: sending them again is the caller's decision.
   */
  send(topic: string, partition: number, records: readonly StreamRecord[]): Promise<void>;
  /**
   * Gives `handle` the records of each partition in order, one batch at a time per partition, each at least once.
   * A batch counts as consumed when `handle` resolves; a rejection has it delivered again, after a pause, and what
   * follows it in its partition waits. A new group begins with the oldest record that is kept, a known one goes on
   * after what it has consumed; consumers of one group share the partitions.
   */
  consume(topic: string, group: string, handle: (batch: RecordBatch) => Promise<void>): Promise<Consumption>;
  /** Stops all consumers, as each one's `stop` does; everything later rejects with {@link StreamUnavailable}. */
  close(): Promise<void>;
}
export const Stream = Symbol('Stream');

/** The stream cannot be reached; records in flight may or may not have been stored. */
export class StreamUnavailable extends Error {
  readonly code = 'stream_unavailable';
}
