import type { Instant } from '@drawdown/kernel';

/** The machine's time. The only place where the product asks for it. */
export interface Clock {
  now(): Instant;
}
export const Clock = Symbol('Clock');
