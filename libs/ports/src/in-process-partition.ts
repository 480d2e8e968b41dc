/** One partition of the in-process stream. */
import {
  checkWithin,
  type ConsumedRecord,
  type PartitionBounds,
  type RecordBatch,
  type StreamRecord,
  StreamUnavailable,
} from './stream';

/** Records handed over at once: enough to pay for a transaction, few enough to be stopped soon. */
const BATCH_RECORDS_MAX = 2_000;
/** Consumed records kept per partition, for groups that come later and for followers. */
const KEPT_RECORDS = 10_000;
/** Records per partition that a group may lag behind; beyond, senders are refused instead of memory filled. */
const LAG_RECORDS_MAX = 100_000;

/** The records of a partition, as far as somebody may still want them. */
export class Partition {
  private records: ConsumedRecord[] = [];
  private first = 0;
  private closed = false;
  /** How far the groups are. */
  readonly cursors: { readonly next: number }[] = [];
  private readonly waiting = new Set<() => void>();

  constructor(
    readonly topic: string,
    readonly number: number,
  ) {}

  get bounds(): PartitionBounds {
    return { oldest: this.first, end: this.first + this.records.length };
  }

  append(records: readonly StreamRecord[]): void {
    const next = this.bounds.end;
    if (next - this.consumed() + records.length > LAG_RECORDS_MAX) {
      throw new StreamUnavailable(`${this.topic}, partition ${String(this.number)}: its consumers are too far behind`);
    }
    for (const [i, { key, value, headers }] of records.entries()) {
      // Copied: what the sender does with its buffer afterwards is its own affair.
      this.records.push({ offset: next + i, key, value: value && Buffer.from(value), headers: { ...headers } });
    }
    this.drop();
    this.wake();
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

  /** Followers hold nothing back: one that is too slow meets a gap. */
  async *follow(from: number, signal: AbortSignal): AsyncGenerator<RecordBatch, void, undefined> {
    for (let next = from; !isAborted(signal);) {
      if (this.closed) throw new StreamUnavailable('the stream is closed');
      checkWithin(this.topic, this.number, next, this.bounds);
      const records = this.from(next);
      if (records.length === 0) await this.untilNews(signal);
      else yield { topic: this.topic, partition: this.number, records };
      next += records.length;
    }
  }

  close(): void {
    this.closed = true;
    this.wake();
  }

  private wake(): void {
    for (const wake of this.waiting) wake();
  }

  private async untilNews(signal: AbortSignal): Promise<void> {
    let wake = (): void => undefined;
    const news = new Promise<void>((resolve) => (wake = resolve));
    this.waiting.add(wake);
    signal.addEventListener('abort', wake);
    await news;
    this.waiting.delete(wake);
    signal.removeEventListener('abort', wake);
  }

  private consumed(): number {
    return this.cursors.reduce((least, { next }) => Math.min(least, next), this.bounds.end);
  }
}

/** The type checker believes that a signal, once seen unaborted, stays so. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;
