import type { Denominator } from './denominators';
import type { Spread } from './rounds';

/** How a row's value relates to a bound: at least it, or at most. */
export interface Bound {
  readonly at: 'least' | 'most';
  readonly value: number;
}

/** One line of the table: a ratio measured in this run, with everything it was divided by. */
export interface RowResult {
  readonly name: string;
  /** What the ratio is of, such as `J` or `2 × H`. */
  readonly unit: string;
  readonly ratio: Spread;
  readonly gate: Bound | null;
  readonly aim: Bound | null;
  readonly denominators: readonly Denominator[];
  /** Absolute figures and conditions, for reading beside the ratio only. */
  readonly context: Readonly<Record<string, number | string>>;
}

export interface Row {
  readonly key: string;
  readonly title: string;
  readonly run: (options: RunOptions) => Promise<readonly RowResult[]>;
}

export interface RunOptions {
  /** Fewer and shorter rounds: to see that the bench works, not to quote. */
  readonly quick: boolean;
  readonly progress: (text: string) => void;
}

export const holds = (bound: Bound | null, value: number): boolean =>
  bound === null || (bound.at === 'least' ? value >= bound.value : value <= bound.value);
