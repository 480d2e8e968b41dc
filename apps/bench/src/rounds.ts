/** Median, and the smallest and largest, of repeated measurements. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: readonly number[];
}

export const spreadOf = (rounds: readonly number[]): Spread => {
  const sorted = [...rounds].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const at = (index: number): number => sorted[index] ?? NaN;
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, low: at(0), high: at(sorted.length - 1), rounds };
};

/** Operations per second of `work`, which does `operations` of them. */
export const rateOf = (operations: number, work: () => void): number => {
  const started = performance.now();
  work();
  return (operations / (performance.now() - started)) * 1000;
};

export const rateOfAsync = async (operations: number, work: () => Promise<void>): Promise<number> => {
  const started = performance.now();
  await work();
  return (operations / (performance.now() - started)) * 1000;
};

/** The value below which a share of the measurements lies. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
};
