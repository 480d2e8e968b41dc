import { splitMix64 } from '../import/spread';

/** A sequence that is the same for the same seed; whole numbers only. */
export class Random {
  private count = 0n;

  constructor(private readonly seed: bigint) {}

  /** Below `limit`, from 0. */
  below(limit: number): number {
    return Number(splitMix64(this.seed, ++this.count) % BigInt(limit));
  }

  /** True in so many of a thousand cases. */
  chance(perMille: number): boolean {
    return this.below(1000) < perMille;
  }

  /** One of the items, as often as its weight says. */
  weighted<T extends { readonly weight: number }>(items: readonly T[]): T {
    let at = this.below(items.reduce((sum, { weight }) => sum + weight, 0));
    for (const item of items) {
      if (at < item.weight) return item;
      at -= item.weight;
    }
    throw new Error('nothing to choose from');
  }

  /** From a distribution given by its values at percentiles, straight lines in between. */
  percentile(points: readonly (readonly [permille: number, value: number])[]): number {
    const at = this.below(1000);
    const next = Math.max(
      1,
      points.findIndex(([permille]) => permille > at),
    );
    const [[low, from] = [0, 0], [high, to] = [1000, 0]] = [points[next - 1], points[next]];
    return from + Math.floor(((to - from) * (at - low)) / (high - low));
  }
}
