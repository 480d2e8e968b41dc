import { HOUR_MICROS, type Instant } from '@drawdown/kernel';
import { clockConformance } from '../clock.conformance';
import { manualClock } from './clock';

clockConformance(() => manualClock('2026-02-28T23:30:00.000000Z' as Instant));

test('the manual clock stands still until it is moved', () => {
  const clock = manualClock('2026-02-28T23:30:00.000000Z' as Instant);
  expect([clock.now(), clock.now()]).toEqual(['2026-02-28T23:30:00.000000Z', '2026-02-28T23:30:00.000000Z']);
  clock.advance(HOUR_MICROS);
  expect(clock.now()).toBe('2026-03-01T00:30:00.000000Z');
  clock.moveTo('2025-01-01T00:00:00.000001Z' as Instant);
  expect(clock.now()).toBe('2025-01-01T00:00:00.000001Z');
});
