import { availableParallelism, loadavg } from 'node:os';

/**
 * How often a time that is promised of a machine that does nothing else may pass on this one: twice, and once more for
 * each who wants the same processor.
 */
export const allowance = (): number => 2 + (loadavg()[0] ?? 0) / availableParallelism();
