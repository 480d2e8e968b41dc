import { getHeapStatistics } from 'node:v8';
import type { BatchLimits } from './batch';

/**
 * A batch's bounds: what is there is taken at once, so these are reached under load only, when larger batches cost less
 * per charge, since each row is written once. Some 200 ms of work.
 */
const BATCH: BatchLimits = { events: 4_000, weight: 20_000 };

const MEGABYTE = 1024 * 1024;
/** Of the heap, for the program itself. */
const PROGRAM_BYTES = 56 * MEGABYTE;
/** V8's own for 64-bit machines; `--max-semi-space-size` sets another. */
const SEMI_SPACE_MB = 16;
/** A charge with its rows, in the batch that is being saved and in the one that is being made. */
const CHARGE_BYTES = 2 * 1024;
/** Smaller ones would save nothing: pages of events have a size, too. */
const WEIGHT_LEAST = 200;

/** What is young: three semi-spaces that V8 counts in the limit of the heap, and that nothing lives in for long. */
const youngBytes = (flags: readonly string[]): number => {
  const set = flags.flatMap((flag) => /^--max[-_]semi[-_]space[-_]size=(\d+)$/.exec(flag)?.[1] ?? []);
  return 3 * Number(set.at(-1) ?? SEMI_SPACE_MB) * MEGABYTE;
};

/** The flags of this process; those of its command line come last, as they win. */
const flagsOfNode = (): readonly string[] => [...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/), ...process.execArgv];

/**
 * Bounds that all followers of a process can reach at the same time: after a while away each has a backlog, and a batch
 * that does not fit into the heap would end the process again and again before it is saved (FLT-11).
 */
export const batchLimits = (
  followers: number,
  heapBytes = getHeapStatistics().heap_size_limit,
  flags = flagsOfNode(),
): BatchLimits => {
  const room = heapBytes - youngBytes(flags) - PROGRAM_BYTES;
  const fits = Math.floor(room / CHARGE_BYTES / Math.max(1, followers));
  return { ...BATCH, weight: Math.min(BATCH.weight, Math.max(WEIGHT_LEAST, fits)) };
};
