import type { Instant } from '@drawdown/kernel';

/** The machine's time. The only place where the product asks for it. */
export interface Clock {
  /**
   * The time now, in UTC, to the microsecond: instants compare as text. Two calls may get the same one, and a later call
   * never gets an earlier one, unless a test has set the clock. Asking does not move it.
   */
  now(): Instant;
}
export const Clock = Symbol('Clock');
