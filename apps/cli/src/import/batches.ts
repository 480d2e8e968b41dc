import type { Fault } from './fault';
import type { Place } from './lines';
import type { Item } from './records';

/** What one request may carry (api.md, Usage). */
const EVENTS_MAX = 1000;
/** Well below the 4 MiB of a request: a few batches are in memory at once. */
const BYTES_MAX = 1024 * 1024;

export interface LineFault extends Fault {
  readonly line: number;
}

export interface LineEvent {
  readonly line: number;
  readonly event: string;
}

/** Consecutive lines that are sent together. */
export interface Batch {
  readonly lines: number;
  readonly events: readonly LineEvent[];
  readonly faults: readonly LineFault[];
  /** Where the lines after it begin. */
  readonly end: Place;
}

/** Gathers lines into batches that one request can carry. */
export const batchesOf = async function* (items: AsyncIterable<Item>): AsyncGenerator<Batch> {
  let batch = emptyBatch();
  for await (const item of items) {
    const size = 'event' in item ? Buffer.byteLength(item.event) + 1 : 0;
    if (batch.lines > 0 && batch.bytes + size > BYTES_MAX) {
      yield batch;
      batch = emptyBatch();
    }
    batch.lines += 1;
    batch.bytes += size;
    batch.end = { line: item.line, offset: item.end };
    if ('event' in item) batch.events.push({ line: item.line, event: item.event });
    else batch.faults.push({ line: item.line, ...item.fault });
    if (batch.lines === EVENTS_MAX) {
      yield batch;
      batch = emptyBatch();
    }
  }
  if (batch.lines > 0) yield batch;
};

const emptyBatch = () => ({
  lines: 0,
  bytes: 2,
  events: [] as LineEvent[],
  faults: [] as LineFault[],
  end: { line: 0, offset: 0 },
});
