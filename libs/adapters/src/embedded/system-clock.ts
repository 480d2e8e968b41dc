import { fromMicros, type Instant } from '@drawdown/kernel';
import type { Clock } from '@drawdown/ports';

/**
 * How far the microseconds, counted by a steady clock, may be from the machine's time, which has milliseconds. Further
 * apart, the machine's time was set or the machine slept, and counting starts anew from it.
 */
const APART_MAX_MS = 2;

/**
 * The machine's time to the microsecond. It never goes backwards within a process: where the machine's time is set back,
 * it stands still until that has caught up (callers need order more than they need the exact time for that while).
 * Two calls may get the same instant. The arguments are for tests: milliseconds since 1970, and of a steady clock.
 */
export const systemClock = (
  wallMs: () => number = () => Date.now(),
  steadyMs: () => number = () => performance.now(),
): Clock => {
  let anchorMs = wallMs();
  let anchorSteadyMs = steadyMs();
  let last = 0n;
  const now = (): Instant => {
    const [wall, steady] = [wallMs(), steadyMs()];
    let time = anchorMs + (steady - anchorSteadyMs);
    if (Math.abs(time - wall) > APART_MAX_MS) {
      [anchorMs, anchorSteadyMs] = [wall, steady];
      time = wall;
    }
    const micros = BigInt(Math.floor(time * 1000));
    if (micros > last) last = micros;
    const instant = fromMicros(last);
    if (instant === undefined)
      throw new RangeError(`the machine's clock is out of range: ${String(time)} ms since 1970`);
    return instant;
  };
  return { now };
};
