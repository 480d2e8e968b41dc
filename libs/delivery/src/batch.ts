import type { EventReader, Log, Metrics, StoredEvent } from '@drawdown/ports';

export interface FeedSource<E> {
  readonly store: EventReader;
  readonly stream: string;
  /** Throws where the event cannot be read. */
  readonly decode: (stored: StoredEvent) => E;
  /** How many charges an event holds: what a batch is measured by. At least 1. */
  readonly weigh: (event: E) => number;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Consecutive events, decoded. */
export interface Batch<E> {
  readonly events: readonly E[];
  /** What the store calls each of them. */
  readonly ids: readonly string[];
  /** Revision of the last. */
  readonly last: number;
  readonly weight: number;
}

export interface BatchLimits {
  readonly events: number;
  /** Σ weight; a single event may be over it. */
  readonly weight: number;
}

/** An event that cannot be decoded, where it stands, and why. */
export class UnreadableAt extends Error {
  readonly code = 'unreadable_event';
  constructor(
    readonly stream: string,
    readonly revision: number,
    readonly type: string,
    cause: unknown,
  ) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`${stream} revision ${String(revision)} (${type}) cannot be read: ${why}`, { cause });
  }
}

/** A stored event, decoded when first asked for and then only kept decoded. */
export class Entry<E> {
  readonly bytes: number;
  readonly id: string;
  private state: { stored: StoredEvent } | { event: E; weight: number } | { error: UnreadableAt };

  constructor(stored: StoredEvent) {
    this.bytes = stored.data.byteLength;
    this.id = stored.id;
    this.state = { stored };
  }

  /** Its weight, or `otherwise` where it cannot be read. */
  weightOr(otherwise: number, source: FeedSource<E>): number {
    try {
      return this.read(source).weight;
    } catch (error) {
      if (error instanceof UnreadableAt) return otherwise;
      throw error;
    }
  }

  /** Throws {@link UnreadableAt}. */
  read({ decode, weigh }: FeedSource<E>): { readonly event: E; readonly weight: number } {
    if ('stored' in this.state) {
      const { stored } = this.state;
      try {
        const event = decode(stored);
        this.state = { event, weight: weigh(event) };
      } catch (error) {
        this.state = { error: new UnreadableAt(stored.stream, stored.revision, stored.type, error) };
      }
    }
    if ('error' in this.state) throw this.state.error;
    return this.state;
  }
}

/** Throws {@link UnreadableAt} where the first cannot be read; an unreadable one further on ends the batch before it. */
export const batchOf = <E>(
  entries: readonly Entry<E>[],
  from: number,
  limits: BatchLimits,
  source: FeedSource<E>,
): Batch<E> | undefined => {
  const events: E[] = [];
  const ids: string[] = [];
  let weight = 0;
  for (const entry of entries) {
    try {
      const read = entry.read(source);
      if (events.length > 0 && weight + read.weight > limits.weight) break;
      events.push(read.event);
      ids.push(entry.id);
      weight += read.weight;
    } catch (error) {
      if (events.length === 0) throw error;
      break;
    }
  }
  return events.length === 0 ? undefined : { events, ids, last: from + events.length - 1, weight };
};
