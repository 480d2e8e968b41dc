import { fromMicros, type Instant } from '@drawdown/kernel';
import type { Clock } from '@drawdown/ports';

/**
 * How far the microseconds, counted by a steady clock, may be from the machine's time, which has milliseconds. Further
 * apart, the machine's time was set or the machine slept, and counting starts anew from it.
 */
const APART_MAX_MS = 2;

/** What follows the second in an instant. */
const FRACTION = '000000Z';

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
  let last = 0;
  // Nearly all calls fall into the second of the call before: its text is kept.
  let second = Number.NaN;
  let untilSecond = '';
  const now = (): Instant => {
    const [wall, steady] = [wallMs(), steadyMs()];
    let time = anchorMs + (steady - anchorSteadyMs);
    if (Math.abs(time - wall) > APART_MAX_MS) {
      [anchorMs, anchorSteadyMs] = [wall, steady];
      time = wall;
    }
    last = Math.max(last, Math.floor(time * 1000));
    const inSecond = last % 1_000_000;
    if (last - inSecond !== second) {
      const instant = fromMicros(BigInt(last));
      if (instant === undefined)
        throw new RangeError(`the machine's clock is out of range: ${String(time)} ms since 1970`);
      [second, untilSecond] = [last - inSecond, instant.slice(0, -FRACTION.length)];
    }
    return `${untilSecond}${String(inSecond).padStart(6, '0')}Z` as Instant;
  };
  return { now };
};
