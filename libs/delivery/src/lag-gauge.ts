import { LevelSince, type Log, type Metrics } from '@drawdown/ports';

/** How often lag is measured: EventStoreDB tells a stream's head with the whole of its last event, up to 900 KB. */
const EVERY_MS = 5_000;

/** How far a projector's serving tables are, and the log, by shard. */
export interface Lag {
  readonly projector: string;
  readonly shard: number;
  /** Last revision committed, and last one stored; −1 where there is none. */
  readonly revision: number;
  readonly head: number;
}

/** Reports lag in events, and in seconds since the log ended where the rows do now ({@link LevelSince}). */
export class LagGauge {
  private readonly level = new Map<string, LevelSince>();
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
    for (const { projector, shard, revision, head } of lags) {
      const labels = { projector, shard: String(shard) };
      const key = `${projector} ${labels.shard}`;
      const level = this.level.get(key) ?? new LevelSince();
      this.level.set(key, level);
      this.metrics.gauge('projection_lag_events', Math.max(0, head - revision), labels);
      this.metrics.gauge('projection_lag_seconds', level.behindMs(revision, head, now) / 1000, labels);
    }
  }
}
