import { setTimeout as pause } from 'node:timers/promises';
import { type Instant, microsBetween, parseInstant } from '@drawdown/kernel';
import type { Clock } from './clock';

const MANY = 1_000;
/** How far a clock that goes by the machine's milliseconds may be apart from the steady one. */
const APART_MAX_MICROS = 5_000n;

/** What every clock must do. `open` gives one that nobody sets meanwhile. */
export const clockConformance = (open: () => Clock): void => {
  describe('as a clock', () => {
    /** Asked for some milliseconds, over many turns of the event loop and several times in each. */
    const readings = async (clock: Clock): Promise<readonly Instant[]> => {
      const read: Instant[] = [];
      for (let turn = 0; turn < 10; turn++) {
        for (let i = 0; i < MANY / 10; i++) read.push(clock.now());
        await pause(1);
      }
      return read;
    };

    test('gives instants as they are stored: UTC, to the microsecond', async () => {
      const read = await readings(open());
      expect(read.map((instant) => parseInstant(instant))).toEqual(read);
    });

    test('does not go back by itself', async () => {
      const read = await readings(open());
      expect(read).toEqual([...read].sort());
    });

    test('is not moved by being asked: it does not go faster than time does', async () => {
      const [clock, passed] = [open(), stopwatch()];
      const first = clock.now();
      const last = (await readings(clock)).at(-1) ?? first;
      expect(microsBetween(first, last)).toBeLessThanOrEqual(passed() + APART_MAX_MICROS);
    });

    test('agrees with another one that was made alike, whoever is asked first', () => {
      const [one, other] = [open(), open()];
      for (const [first, second] of [
        [one, other],
        [other, one],
      ] as const) {
        const passed = stopwatch();
        const apart = microsBetween(first.now(), second.now());
        expect(apart).toBeGreaterThanOrEqual(-APART_MAX_MICROS);
        expect(apart).toBeLessThanOrEqual(passed() + APART_MAX_MICROS);
      }
    });
  });
};

/** Microseconds since now. */
const stopwatch = (): (() => bigint) => {
  const began = performance.now();
  return () => BigInt(Math.ceil((performance.now() - began) * 1_000));
};
