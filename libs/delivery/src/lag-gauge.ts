import type { Log, Metrics } from '@drawdown/ports';

/** How often lag is measured. */
const EVERY_MS = 1_000;

/** How many events a projector's serving tables are behind the log, by shard. */
export interface Lag {
  readonly projector: string;
  readonly shard: number;
  readonly events: number;
}

/** Reports lag in events, and in seconds since a shard was last level with the log. */
export class LagGauge {
  private readonly levelAt = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private measuring = false;

  constructor(
    private readonly lag: () => Promise<readonly Lag[]>,
    private readonly metrics: Metrics,
    private readonly log: Log,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => this.measure(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private measure(): void {
    if (this.measuring) return;
    this.measuring = true;
    this.lag().then(
      (lags) => {
        this.measuring = false;
        this.report(lags);
      },
      (error: unknown) => {
        this.measuring = false;
        this.log.warn({ error: String(error) }, 'the lag of the read models could not be measured');
      },
    );
  }

  private report(lags: readonly Lag[]): void {
    const now = performance.now();
    for (const { projector, shard, events } of lags) {
      const labels = { projector, shard: String(shard) };
      const key = `${projector} ${String(shard)}`;
      const levelAt = events <= 0 ? now : (this.levelAt.get(key) ?? now);
      this.levelAt.set(key, levelAt);
      this.metrics.gauge('projection_lag_events', Math.max(0, events), labels);
      this.metrics.gauge('projection_lag_seconds', (now - levelAt) / 1000, labels);
    }
  }
}
