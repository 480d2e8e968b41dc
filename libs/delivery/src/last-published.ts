import type { ConsumedRecord, PartitionBounds, StoredEvent, Stream } from '@drawdown/ports';
import { eventOf, NotAnEvent } from './event-record';

/** How long a partition's last records are waited for: they are there, so a broker that does not give them is in trouble. */
const READ_MS = 10_000;

/** Records looked at from the end at first; twice as many each time none of them is an event. */
const LOOK_BACK = 8;

/**
 * The last event in a partition; undefined where it has none. The partition is the relay's only memory: a checkpoint of
 * its own could be lost, or be ahead of a topic that was made anew.
 */
export const lastPublished = async (
  stream: Stream,
  topic: string,
  partition: number,
  signal: AbortSignal,
): Promise<StoredEvent | undefined> => {
  const bounds = (await stream.boundsOf(topic))[partition];
  if (bounds === undefined) throw new RangeError(`${topic} has no partition ${String(partition)}`);
  const { oldest, end } = bounds;
  for (let back = LOOK_BACK, upTo = end; upTo > oldest; back *= 2) {
    const from = Math.max(oldest, upTo - back);
    const records = await recordsIn(stream, topic, partition, { oldest: from, end: upTo }, signal);
    const events = records.flatMap((record) => eventIn(record));
    if (events.length > 0) return events.at(-1);
    upTo = from;
  }
  return undefined;
};

/** Whatever else was written to the topic says nothing about how far the relay is. */
const eventIn = (record: ConsumedRecord): readonly StoredEvent[] => {
  try {
    return [eventOf(record)];
  } catch (error) {
    if (error instanceof NotAnEvent) return [];
    throw error;
  }
};

const recordsIn = async (
  stream: Stream,
  topic: string,
  partition: number,
  { oldest, end }: PartitionBounds,
  signal: AbortSignal,
): Promise<readonly ConsumedRecord[]> => {
  const records: ConsumedRecord[] = [];
  const late = AbortSignal.timeout(READ_MS);
  for await (const batch of stream.follow(topic, partition, oldest, AbortSignal.any([signal, late]))) {
    records.push(...batch.records.filter(({ offset }) => offset < end));
    if ((batch.records.at(-1)?.offset ?? -1) >= end - 1) return records;
  }
  // Some are enough: who goes on after an earlier one repeats the rest.
  if (records.length > 0) return records;
  throw new Error(
    `${topic}, partition ${String(partition)}: its last records did not come within ${String(READ_MS)} ms`,
  );
};
