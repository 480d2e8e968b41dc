import fc from 'fast-check';
import { microsBetween, parseInstant } from '@drawdown/kernel';
import { clockConformance } from '@drawdown/ports/testing';
import { systemClock } from './system-clock';

/** 2026-03-01T10:00:00Z */
const START_MS = 1_772_359_200_000;

/** A machine whose two clocks the test moves: the wall clock in milliseconds, the steady one in fractions of them. */
const machine = () => {
  const state = { wall: START_MS, steady: 5_000.25 };
  const clock = systemClock(
    () => Math.floor(state.wall),
    () => state.steady,
  );
  const pass = (ms: number): void => {
    state.wall += ms;
    state.steady += ms;
  };
  return { state, clock, pass };
};

describe('the system clock', () => {
  clockConformance(() => systemClock());

  test('counts microseconds between the milliseconds', () => {
    const { clock, pass } = machine();
    expect(clock.now()).toBe('2026-03-01T10:00:00.000000Z');
    pass(0.25);
    expect(clock.now()).toBe('2026-03-01T10:00:00.000250Z');
    pass(1234.5);
    expect(clock.now()).toBe('2026-03-01T10:00:01.234750Z');
  });

  test('follows the machine where its time is set forward, or where it slept', () => {
    const { state, clock, pass } = machine();
    state.wall += 3_600_000;
    expect(clock.now()).toBe('2026-03-01T11:00:00.000000Z');
    pass(0.5);
    expect(clock.now()).toBe('2026-03-01T11:00:00.000500Z');
  });

  test('stands still where the time is set back, until that has caught up', () => {
    const { state, clock, pass } = machine();
    pass(10_000);
    expect(clock.now()).toBe('2026-03-01T10:00:10.000000Z');
    state.wall -= 60_000;
    expect(clock.now()).toBe('2026-03-01T10:00:10.000000Z');
    pass(59_000);
    expect(clock.now()).toBe('2026-03-01T10:00:10.000000Z');
    pass(2_000);
    expect(clock.now()).toBe('2026-03-01T10:00:11.000000Z');
  });

  test('never goes backwards and is never far from the latest time, whatever the machine does', () => {
    const step = fc.record({
      pass: fc.double({ min: 0, max: 5_000, noNaN: true }),
      set: fc.integer({ min: -10_000, max: 10_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            step,
            step.map(({ pass }) => ({ pass, set: 0 })),
          ),
          { maxLength: 40 },
        ),
        (steps) => {
          const { state, clock, pass } = machine();
          let before = clock.now();
          let latest = START_MS;
          for (const { pass: ms, set } of steps) {
            pass(ms);
            state.wall += set;
            latest = Math.max(latest, state.wall);
            const now = clock.now();
            expect(now >= before).toBe(true);
            const seen = parseInstant(new Date(Math.floor(latest)).toISOString());
            const apart = seen === undefined ? 1n << 60n : microsBetween(seen, now);
            expect(apart <= 3_000n && apart >= -3_000n).toBe(true);
            before = now;
          }
        },
      ),
    );
  });
});
