import type { BatchLimits } from './batch';

/**
 * How much of a batch is taken after one that could not be saved: a single event, so that what can be saved is, and the
 * reason names the event; then twice as much with each commit. Whole again at once, what a slow database cannot save in
 * time would fail again after each event.
 */
export class Portion {
  private most = Infinity;

  constructor(private readonly whole: BatchLimits) {}

  get isWhole(): boolean {
    return this.most === Infinity;
  }

  get limits(): BatchLimits {
    const { events, weight } = this.whole;
    return { events: Math.min(events, this.most), weight: Math.min(weight, this.most) };
  }

  failed(): void {
    this.most = 1;
  }

  saved(): void {
    const { events, weight } = this.whole;
    this.most = 2 * this.most < Math.max(events, weight) ? 2 * this.most : Infinity;
  }
}
