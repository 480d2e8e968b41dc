import { randomInt } from 'node:crypto';

const SEED_MAX = 2 ** 31;

/** Numbers that can be had again: a failing run prints its seed, and SEED=<seed> repeats it. */
export class Seeded {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** From the environment's SEED, or new. */
  static fresh(): Seeded {
    const given = process.env['SEED'];
    return new Seeded(given === undefined ? randomInt(SEED_MAX) : Number(given));
  }

  /** A whole number below `limit`. Mulberry32. */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % limit;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}
