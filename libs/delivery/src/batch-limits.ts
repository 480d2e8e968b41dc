import { getHeapStatistics } from 'node:v8';
import type { BatchLimits } from './batch';

/**
 * A batch's bounds: what is there is taken at once, so these are reached under load only, when larger batches cost less
 * per charge, since each row is written once. Some 200 ms of work.
 */
const BATCH: BatchLimits = { events: 4_000, weight: 20_000 };

/** Of the heap, for what is young, which V8 counts in its limit, and for the program itself. */
const PROGRAM_BYTES = (48 + 56) * 1024 * 1024;
/** A charge with its rows, in the batch that is being saved and in the one that is being made. */
const CHARGE_BYTES = 2 * 1024;
/** Smaller ones would save nothing: pages of events have a size, too. */
const WEIGHT_LEAST = 200;

/**
 * Bounds that all followers of a process can reach at the same time: after a while away each has a backlog, and a batch
 * that does not fit into the heap would end the process again and again before it is saved (FLT-11).
 */
export const batchLimits = (followers: number, heapBytes = getHeapStatistics().heap_size_limit): BatchLimits => {
  const fits = Math.floor((heapBytes - PROGRAM_BYTES) / CHARGE_BYTES / Math.max(1, followers));
  return { ...BATCH, weight: Math.min(BATCH.weight, Math.max(WEIGHT_LEAST, fits)) };
};
