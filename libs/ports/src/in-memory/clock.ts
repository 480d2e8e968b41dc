import { type Instant, shift } from '@drawdown/kernel';
import type { Clock } from '../clock';

export interface ManualClock extends Clock {
  /** Sets the time, earlier times included: a machine's clock can be set back, too. */
  moveTo(instant: Instant): void;
  /** Moves on by so many microseconds (or back). */
  advance(micros: bigint): void;
}

/** A clock for tests, which stands still until it is moved. */
export const manualClock = (start: Instant): ManualClock => {
  let time = start;
  return {
    now: () => time,
    moveTo: (instant) => {
      time = instant;
    },
    advance: (micros) => {
      time = shift(time, micros);
    },
  };
};
