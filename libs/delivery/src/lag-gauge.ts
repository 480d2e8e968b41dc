import type { Log, Metrics } from '@drawdown/ports';

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

/** What a projector is waited for to reach, and when the log ended there. */
interface Mark {
  readonly head: number;
  readonly at: number;
}

/**
 * Reports lag in events, and in seconds since the log ended where the rows do now, as far as that was looked at: under a
 * steady load rows are never level with the log, and yet not ever further behind. One interval too much at most, but for
 * the first report after rows stood still.
 */
export class LagGauge {
  private readonly levelAt = new Map<string, number>();
  private readonly marks = new Map<string, Mark>();
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
      const behindMs = this.behindMs(`${projector} ${labels.shard}`, revision, { head, at: now });
      this.metrics.gauge('projection_lag_events', Math.max(0, head - revision), labels);
      this.metrics.gauge('projection_lag_seconds', behindMs / 1000, labels);
    }
  }

  private behindMs(key: string, revision: number, now: Mark): number {
    const mark = this.marks.get(key);
    if (mark === undefined || revision >= mark.head) {
      if (mark !== undefined) this.levelAt.set(key, mark.at);
      this.marks.set(key, now);
    }
    const levelAt = revision >= now.head ? now.at : (this.levelAt.get(key) ?? now.at);
    this.levelAt.set(key, levelAt);
    return now.at - levelAt;
  }
}
