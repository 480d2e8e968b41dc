/** One partition of the in-process stream, and how far each group is in it. */
import { type ConsumedRecord, type RecordBatch, type StreamRecord, StreamUnavailable } from './stream';

/** Records handed over at once: enough to pay for a transaction, few enough to be stopped soon. */
const BATCH_RECORDS_MAX = 2_000;
/** Consumed records kept per partition, for groups that come later. */
const KEPT_RECORDS = 10_000;
/** Records per partition that a group may lag behind; beyond, senders are refused instead of memory filled. */
const LAG_RECORDS_MAX = 100_000;
/** Pause before a batch that was rejected is given again; doubled each time, up to the second. */
const REDELIVER_FIRST_MS = 50;
const REDELIVER_LONGEST_MS = 5_000;

/** The records of a partition, as far as somebody may still want them. */
export class Partition {
  private records: ConsumedRecord[] = [];
  private first = 0;
  readonly cursors: Cursor[] = [];

  constructor(
    readonly topic: string,
    readonly number: number,
  ) {}

  get oldest(): number {
    return this.first;
  }

  /** The offset of the next record. */
  get end(): number {
    return this.first + this.records.length;
  }

  append(records: readonly StreamRecord[]): void {
    const next = this.end;
    if (next - this.consumed() + records.length > LAG_RECORDS_MAX) {
      throw new StreamUnavailable(`${this.topic}, partition ${String(this.number)}: its consumers are too far behind`);
    }
    for (const [i, { key, value, headers }] of records.entries()) {
      // Copied: what the sender does with its buffer afterwards is its own affair.
      this.records.push({ offset: next + i, key, value: value && Buffer.from(value), headers: { ...headers } });
    }
    this.drop();
  }

  from(offset: number): readonly ConsumedRecord[] {
    return this.records.slice(offset - this.first, offset - this.first + BATCH_RECORDS_MAX);
  }

  /** Drops what all groups have consumed, save the newest; many at a time, since it moves the rest. */
  drop(): void {
    const spare = this.consumed() - this.first - KEPT_RECORDS;
    if (spare < KEPT_RECORDS) return;
    this.records = this.records.slice(spare);
    this.first += spare;
  }

  private consumed(): number {
    return this.cursors.reduce((least, { next }) => Math.min(least, next), this.end);
  }
}

/** A consumer of a group. */
export interface Member {
  readonly handle: (batch: RecordBatch) => Promise<void>;
  readonly inHand: Set<Promise<void>>;
}

/** How far a group is in a partition. Gives one batch at a time, to whoever of the group has the partition by then. */
export class Cursor {
  next: number;
  private busy = false;
  private pauseMs = 0;

  constructor(
    private readonly partition: Partition,
    private readonly owner: () => Member | undefined,
    private readonly onRejected: (error: unknown) => void,
  ) {
    this.next = partition.oldest;
    partition.cursors.push(this);
  }

  wake(): void {
    if (this.busy || !this.hasWork()) return;
    this.busy = true;
    // After the present turn of the event loop: what is sent in one turn makes one batch, and nobody is starved.
    if (this.pauseMs === 0) setImmediate(() => this.give());
    else setTimeout(() => this.give(), this.pauseMs).unref();
  }

  private hasWork(): boolean {
    return this.owner() !== undefined && this.next < this.partition.end;
  }

  private give(): void {
    const member = this.owner();
    if (member === undefined) {
      this.busy = false;
      return;
    }
    const given = this.handled(member, this.partition.from(this.next)).finally(() => {
      member.inHand.delete(given);
      this.busy = false;
      this.wake();
    });
    member.inHand.add(given);
  }

  private async handled({ handle }: Member, records: readonly ConsumedRecord[]): Promise<void> {
    try {
      await handle({ topic: this.partition.topic, partition: this.partition.number, records });
      this.next += records.length;
      this.pauseMs = 0;
      this.partition.drop();
    } catch (error) {
      this.pauseMs = Math.min(Math.max(REDELIVER_FIRST_MS, this.pauseMs * 2), REDELIVER_LONGEST_MS);
      this.onRejected(error);
    }
  }
}
