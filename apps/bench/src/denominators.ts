import { rateOf, spreadOf } from './rounds';
import { usageBuffers } from './usage-sample';

/** Largest change of a denominator between before and after that leaves a run worth anything. */
export const DRIFT_MAX = 0.25;

const EVENTS = 20_000;
const ROUNDS = 7;

/** J: `JSON.parse` of the usage event from a Buffer, per second, one thread: the median of so many rounds. */
export const measureJ = (count = ROUNDS): number => {
  const buffers = usageBuffers(EVENTS, '2026-05-01T00:00:00Z');
  const rounds = Array.from({ length: count }, () =>
    rateOf(EVENTS, () => {
      for (const buffer of buffers) JSON.parse(buffer.toString());
    }),
  );
  return spreadOf(rounds).median;
};

/** A denominator measured before and after what it divides. */
export interface Denominator {
  readonly name: string;
  readonly unit: string;
  readonly before: number;
  readonly after: number;
}

export const driftOf = ({ before, after }: Denominator): number => Math.abs(after - before) / Math.max(before, after);

/** What divides: the mean of before and after. */
export const valueOf = ({ before, after }: Denominator): number => (before + after) / 2;
