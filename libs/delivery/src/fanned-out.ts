import type { EventStore, Log, Metrics, StoredEvent, Stream } from '@drawdown/ports';
import { LEDGER_TOPIC } from './event-record';
import { LedgerTail } from './ledger-tail';

export interface FanOutOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Partition of a stream's events; undefined for streams that are not published. */
  readonly partitionOf: (stream: string) => number | undefined;
  readonly topic?: string;
  /** Instead of the usual time after which a silent tail is not relied on. */
  readonly silenceMs?: number;
}

/** How long nothing may come before the store is asked whether there is something: relay and broker may be away. */
const SILENCE_MS = 3_000;

/**
 * The store, its streams followed by what the relay publishes: any number of readers cost the store nothing while they
 * are level with it. Reads go to the store, and so does all that the topic cannot give (INV-DEL-2).
 */
export const fannedOut = (
  store: EventStore,
  stream: Stream,
  { partitionOf, topic = LEDGER_TOPIC, silenceMs = SILENCE_MS, log, metrics }: FanOutOptions,
): EventStore => ({
  append: (...call) => store.append(...call),
  read: (...call) => store.read(...call),
  readAll: (...call) => store.readAll(...call),
  head: (...call) => store.head(...call),
  followAll: (...call) => store.followAll(...call),
  close: () => store.close(),
  follow(name: string, from: number, signal: AbortSignal): AsyncIterable<readonly StoredEvent[]> {
    const partition = partitionOf(name);
    if (partition === undefined) return store.follow(name, from, signal);
    return new LedgerTail({ store, stream, topic, silenceMs, log, metrics }, name, partition, from).pages(signal);
  },
});
