import { orAborted } from './back-off';
import { LEDGER_TOPIC } from './event-record';
import { ShardRelay, type ShardRelayOptions } from './shard-relay';

/**
 * How often lag is measured, and whether the topic is still the one that was published to. EventStoreDB tells a stream's
 * head with the whole of its last event, up to 900 KB.
 */
const MEASURE_MS = 5_000;

export type RelayOptions = Omit<ShardRelayOptions, 'topic'> & { readonly topic?: string; readonly measureMs?: number };

/**
 * Publishes every shard's events to its partition of `drawdown.ledger.v1`: in order, none before all earlier ones are
 * acknowledged (INV-DEL-1). Readers see repeats, never a gap. Several relays at once are safe and publish repeats only.
 */
export class Relay {
  private readonly stopping = new AbortController();
  private readonly shards: readonly ShardRelay[];
  private running: Promise<unknown> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private measuring: Promise<void> | undefined;

  constructor(private readonly options: RelayOptions) {
    const { topic = LEDGER_TOPIC } = options;
    this.shards = Array.from(
      { length: options.shards },
      (_, shard) => new ShardRelay({ ...options, topic }, shard, this.stopping.signal),
    );
  }

  /** Begins; makes the topic where it is missing. What is away is waited for. */
  start(): void {
    this.running ??= Promise.all(this.shards.map((shard) => shard.run()));
    this.timer ??= setInterval(() => {
      this.measuring ??= this.measure();
    }, this.options.measureMs ?? MEASURE_MS).unref();
  }

  /** Why something is not published at the moment; null where all is well. */
  get trouble(): string | null {
    return this.shards.map(({ trouble }) => trouble).find((trouble) => trouble !== null) ?? null;
  }

  /** Waits for the records in flight; what was stored meanwhile is published by the next start. */
  async stop(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.timer);
    await Promise.all([this.running, this.measuring]);
  }

  private async measure(): Promise<void> {
    try {
      const { stream, topic = LEDGER_TOPIC } = this.options;
      const { signal } = this.stopping;
      await orAborted(Promise.all(this.shards.map((shard) => shard.measure())), signal);
      const bounds = await orAborted(stream.boundsOf(topic), signal);
      this.shards.forEach((shard, number) => shard.endsAt(bounds[number]?.end ?? 0));
    } catch (error) {
      // What is away is reported by whoever needs it; without the store the lag is as old as that.
      if (this.stopping.signal.aborted) return;
      this.options.metrics.count('relay_measure_errors_total');
      this.options.log.warn({ error: String(error) }, 'the relay could not look at its lag and its topic');
    } finally {
      this.measuring = undefined;
    }
  }
}
