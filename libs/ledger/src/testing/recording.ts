import { ledgerStream, type LedgerEvent, readRecorded, type Recorded } from '@drawdown/domain';
import type { JsonObject } from '@drawdown/kernel';
import { appendBytes, type EventStore, type Metrics, type NewEvent, pagesToEnd } from '@drawdown/ports';

/** Counts, gauges and what was observed, by name and labels: `append_total{outcome=stored}`. */
export class CountedMetrics implements Metrics {
  private readonly counts = new Map<string, number>();
  private readonly observations = new Map<string, number[]>();
  count(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    const key = keyOf(name, labels);
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
  }
  observe(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    const key = keyOf(name, labels);
    const values = this.observations.get(key);
    if (values === undefined) this.observations.set(key, [value]);
    else values.push(value);
  }
  gauge(name: string, value: number | null, labels: Readonly<Record<string, string>> = {}): void {
    const key = keyOf(name, labels);
    if (value === null) this.counts.delete(key);
    else this.counts.set(key, value);
  }
  observed(key: string): readonly number[] {
    return this.observations.get(key) ?? [];
  }
  /** Keys that begin so: the series of a metric. */
  keysOf(name: string): readonly string[] {
    return [...this.counts.keys()].filter((key) => key.startsWith(name)).sort();
  }
  of(key: string): number {
    return this.counts.get(key) ?? 0;
  }
}

const keyOf = (name: string, labels: Readonly<Record<string, string>>): string => {
  const text = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return text.length === 0 ? name : `${name}{${text.join()}}`;
};

export interface Append {
  readonly stream: string;
  readonly expected: number;
  readonly bytes: number;
  /** Everything that was sent, as text: two appends are identical exactly if these are. */
  readonly content: string;
}

const contentOf = (events: readonly NewEvent[]): string =>
  JSON.stringify(events.map((event) => ({ ...event, data: Buffer.from(event.data).toString('utf8') })));

/** A store that notes every append sent to it, before `inner` does with it what it does. */
export const recordingStore = (inner: EventStore): EventStore & { readonly appends: Append[] } => {
  const appends: Append[] = [];
  return {
    ...delegating(inner),
    appends,
    append: (stream, expected, events) => {
      appends.push({ stream, expected, bytes: appendBytes(events), content: contentOf(events) });
      return inner.append(stream, expected, events);
    },
  };
};

/** All methods of a store, each as a property: to be spread and overridden. */
export const delegating = (inner: EventStore): EventStore => ({
  append: (stream, expected, events) => inner.append(stream, expected, events),
  read: (stream, from, limit) => inner.read(stream, from, limit),
  readAll: (after, limit, prefixes) => inner.readAll(after, limit, prefixes),
  head: (stream) => inner.head(stream),
  follow: (stream, from, signal) => inner.follow(stream, from, signal),
  followAll: (after, prefixes, signal) => inner.followAll(after, prefixes, signal),
  close: () => inner.close(),
});

/** The same without the events of these revisions, as if they had been lost. */
export const leavingOut = (inner: EventStore, isGone: (revision: number) => boolean): EventStore => ({
  ...delegating(inner),
  read: async (...call) => (await inner.read(...call)).filter(({ revision }) => !isGone(revision)),
});

/** Everything that stands in a shard's stream, decoded. */
export const recorded = async (store: EventStore, shard = 0): Promise<Recorded<LedgerEvent>[]> => {
  const all: Recorded<LedgerEvent>[] = [];
  for await (const page of pagesToEnd(store, ledgerStream(shard), 0))
    all.push(...page.map((stored) => readRecorded(shard, stored)));
  return all;
};

/** The facts of a log whatever appends and events they came in: each charge for itself, without revisions. */
export const factsOf = (log: readonly Recorded<LedgerEvent>[]): JsonObject[] =>
  log.flatMap(({ event, bookedAt, organizationId, actor }): JsonObject[] => {
    if (event.type !== 'UsageCharged')
      return [plain({ type: event.type, data: event.data, bookedAt, organizationId, actor })];
    return event.data.charges.map((charge) =>
      plain({ type: 'charge', ...charge, redriven: charge.redriven !== null, bookedAt }),
    );
  });

const plain = (value: unknown): JsonObject =>
  JSON.parse(
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part)),
  ) as JsonObject;
