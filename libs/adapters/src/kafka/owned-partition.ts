/** A partition number that a consumer owns: taken up, consumed in all topics, let go of. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConsumedRecord,
  type Consumer,
  type Log,
  type Metrics,
  type Offsets,
  type PartitionBounds,
  type Place,
  StreamGap,
} from '@drawdown/ports';
import { GrowingPause } from './growing-pause';
import { TopicMadeAnew, type TopicReader } from './topic-reader';

/** Pause before what was rejected is tried again. */
const AGAIN_FIRST_MS = 50;
const AGAIN_LONGEST_MS = 5_000;
/** While a rebalance is under way: how often it is looked whether it is over. */
const GATE_MS = 10;

/** What a partition needs of its group. */
export interface Group {
  readonly topics: readonly string[];
  readonly consumer: Consumer;
  readonly log: Log;
  readonly metrics: Metrics;
  /** False while nothing may be handed out. */
  mayHand(): boolean;
  /** Undefined where the topic has no such partition. */
  boundsOf(topic: string, partition: number): Promise<PartitionBounds | undefined>;
  consumedOf(topic: string, partition: number): Promise<number | undefined>;
  reader(topic: string, partition: number): TopicReader;
  consumed(topic: string, partition: number, next: number): void;
}

export class OwnedPartition {
  private readonly ending = new AbortController();
  /** It belongs to somebody else already, who is given what is in hand here. */
  private lost = false;
  private readonly inHand = new Set<Promise<void>>();
  /** How far it is, by topic. */
  private readonly next = new Map<string, () => number>();
  /** Past records that were deleted, by topic. */
  private readonly skippedTo = new Map<string, number>();
  private readonly again = new GrowingPause(AGAIN_FIRST_MS, AGAIN_LONGEST_MS);
  private readonly ended: Promise<void>;

  /** @param before the end of an earlier ownership of the same partition */
  constructor(
    readonly number: number,
    private readonly group: Group,
    before: Promise<void>,
  ) {
    this.ended = before.then(() => this.own());
  }

  get busy(): boolean {
    return this.inHand.size > 0;
  }

  get places(): readonly Place[] {
    return [...this.next].map(([topic, next]) => ({ topic, partition: this.number, next: next() }));
  }

  /** Gives it up after the batches in hand. */
  async release(): Promise<void> {
    this.ending.abort();
    await this.ended;
  }

  /** It is lost: resolves when the consumer has let go of it and nothing is in hand. */
  async lose(): Promise<void> {
    this.lost = true;
    await this.release();
  }

  private async own(): Promise<void> {
    while (!this.ending.signal.aborted) {
      let held = false;
      try {
        const starts = (await this.group.consumer.assigned?.(this.number)) ?? {};
        held = true;
        await this.consume(starts);
      } catch (error) {
        this.say(error, 'a partition cannot be consumed; it is taken up again');
      }
      if (held) await this.letGo();
      if (!this.ending.signal.aborted) await this.again.pause(this.ending.signal);
    }
  }

  /** Until it ends, or one of the topics cannot be consumed. */
  private async consume(starts: Offsets): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([this.ending.signal, failed.signal]);
    const ofTopic = async (topic: string): Promise<void> => {
      try {
        let start: number | undefined;
        // A topic with fewer partitions than the others may be given more at any time.
        while ((start = await untilAborted(this.startOf(topic, starts[topic]), signal)) === undefined) {
          if (signal.aborted) return;
          await sleep(AGAIN_LONGEST_MS, undefined, { signal }).catch(() => undefined); // rejects only because of the abort
        }
        await this.consumeTopic(topic, start, signal);
      } finally {
        failed.abort();
      }
    };
    const results = await Promise.allSettled(this.group.topics.map(ofTopic));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Undefined where the topic has no such partition. Throws {@link StreamGap} where the start is past the end. */
  private async startOf(topic: string, said: number | undefined): Promise<number | undefined> {
    const bounds = await this.group.boundsOf(topic, this.number);
    if (bounds === undefined) return undefined;
    const start = said ?? (await this.group.consumedOf(topic, this.number)) ?? bounds.oldest;
    if (start > bounds.end) throw new StreamGap(topic, this.number, start, bounds);
    if (start >= bounds.oldest) return start;
    // A consumer may keep nothing of what it last consumed, and say less than the group knows.
    const consumed = await this.group.consumedOf(topic, this.number);
    return this.skip(new StreamGap(topic, this.number, start, bounds), Math.max(start, consumed ?? start));
  }

  private async consumeTopic(topic: string, start: number, signal: AbortSignal): Promise<void> {
    const reader = this.group.reader(topic, this.number);
    let next = start;
    this.next.set(topic, () => reader.waitsFrom ?? next);
    try {
      while (!signal.aborted) {
        const records = await reader.next(next, signal).catch((error: unknown) => this.overGap(error));
        if (typeof records === 'number') next = records;
        else if (await this.handled(topic, records, signal)) next = (records.at(-1)?.offset ?? next) + 1;
      }
    } finally {
      this.next.delete(topic);
      reader.close();
    }
  }

  /** Past records that are gone, to the oldest there is. */
  private overGap(error: unknown): number {
    const isAnother = error instanceof TopicMadeAnew;
    if (error instanceof StreamGap && !isAnother && error.from < error.bounds.oldest) return this.skip(error);
    throw error;
  }

  private skip(gap: StreamGap, consumed = gap.from): number {
    const { topic, bounds } = gap;
    const lost = bounds.oldest - Math.max(consumed, this.skippedTo.get(topic) ?? 0);
    // Known to the group, they are not counted again by whoever takes the partition up next.
    this.skippedTo.set(topic, bounds.oldest);
    if (!this.lost) this.group.consumed(topic, this.number, Math.max(consumed, bounds.oldest));
    if (lost > 0) {
      this.group.metrics.count('records_lost_total', { topic }, lost);
      this.say(gap, 'records were deleted before they were consumed');
    } else {
      const fields = { topic, partition: this.number, from: gap.from, consumed, ...bounds };
      this.group.log.warn(fields, 'records that the group has consumed are deleted; it begins after them');
    }
    return bounds.oldest;
  }

  /** True once they are; false where it ends before. */
  private async handled(topic: string, records: readonly ConsumedRecord[], signal: AbortSignal): Promise<boolean> {
    const again = new GrowingPause(AGAIN_FIRST_MS, AGAIN_LONGEST_MS);
    let said = '';
    while (records.length > 0) {
      while (!this.group.mayHand() && !signal.aborted) await sleep(GATE_MS);
      if (signal.aborted) return false;
      const handing = this.hand(topic, records);
      this.inHand.add(handing);
      try {
        await untilAborted(handing, signal);
        return true;
      } catch (error) {
        // A reason that stays is said once.
        if (said !== String(error)) this.say(error, 'a consumer rejected a batch; it is given again');
        said = String(error);
      } finally {
        handing.finally(() => this.inHand.delete(handing)).catch(() => undefined); // reported above
      }
      await again.pause(signal);
    }
    return false;
  }

  private async hand(topic: string, records: readonly ConsumedRecord[]): Promise<void> {
    await this.group.consumer.handle({ topic, partition: this.number, records });
    this.again.reset();
    if (!this.lost) this.group.consumed(topic, this.number, (records.at(-1)?.offset ?? 0) + 1);
  }

  private async letGo(): Promise<void> {
    // A partition that is lost is let go of at once: that may be what ends the batches in hand.
    if (!this.lost) await Promise.allSettled(this.inHand);
    try {
      await this.group.consumer.revoked?.(this.number);
    } catch (error) {
      this.say(error, 'a consumer failed to let go of a partition');
    }
    await Promise.allSettled(this.inHand);
  }

  private say(error: unknown, what: string): void {
    this.group.log.error({ topics: this.group.topics.join(', '), partition: this.number, error: String(error) }, what);
  }
}

/** Does not wait longer than until the signal aborts: undefined then. */
const untilAborted = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> => {
  let abort = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => (abort = () => resolve(undefined)));
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};
