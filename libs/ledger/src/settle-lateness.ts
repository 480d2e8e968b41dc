import { type Instant, microsBetween } from '@drawdown/kernel';
import type { Metrics } from '@drawdown/ports';
import { firstDue, type ShardState } from './fold';

/**
 * How long ago the first thing became due on the machine's clock that is not booked, reported for one shard; 0 where
 * nothing is due. Nobody's balance depends on it: what is due counts as if it were booked (INV-TIM-2).
 */
export class SettleLateness {
  private next: Instant | null = null;
  private late = false;
  private readonly labels: { readonly shard: string };

  constructor(
    shard: number,
    private readonly metrics: Metrics,
  ) {
    this.labels = { shard: String(shard) };
  }

  /** Whether something is late, as far as was reported. */
  get isLate(): boolean {
    return this.late;
  }

  /** `state` as it is stored; where it is not known at the moment, what was to come next is still waited for. */
  report(state: ShardState | null, frozen: ReadonlyMap<string, unknown>, now: Instant): void {
    if (state !== null) this.next = firstDue(state, '', frozen)?.due ?? null;
    this.set(this.next === null || this.next > now ? 0 : Number(microsBetween(this.next, now)) / 1e6);
  }

  /** Whoever owns the shard next reports it. */
  end(): void {
    this.set(0);
  }

  private set(seconds: number): void {
    this.late = seconds > 0;
    this.metrics.gauge('settle_due_oldest_seconds', seconds, this.labels);
  }
}
