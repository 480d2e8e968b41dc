/** What the parts of the stream suite share. */
import type { ConsumedRecord, RecordBatch, Stream, StreamRecord } from './stream';

/** Limit of every test: a broker needs seconds to form a group, on a busy machine several times that. */
export const WAIT_MS = 60_000;
/** Limit of every wait; below that of the test, which would not say what it waited for. */
const UNTIL_MS = 45_000;

/** Each test has its own topic, so that one stream, or one broker, serves them all. */
let topics = 0;
export const newTopic = async (stream: Stream, partitions: number): Promise<string> => {
  const topic = `conformance-${String(process.pid)}-${String(Math.floor(performance.timeOrigin))}-${String((topics += 1))}`;
  await stream.ensureTopic(topic, partitions);
  return topic;
};

/** A group that only this topic's test knows. */
export const groupOf = (topic: string, name = 'g'): string => `${name}-${topic}`;

export const record = (text: string): StreamRecord => ({ key: text, value: Buffer.from(text), headers: {} });
export const records = (prefix: string, count: number): StreamRecord[] =>
  Array.from({ length: count }, (_, i) => record(`${prefix}${String(i)}`));
export const textOf = ({ value }: ConsumedRecord): string => value?.toString() ?? '';
export const numbersTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export const until = async (what: string, holds: () => boolean): Promise<void> => {
  const end = performance.now() + UNTIL_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** A consumer that writes down what it gets, and checks what holds for every consumer. */
export const collector = (before: (batch: RecordBatch) => Promise<void> | void = () => undefined) => {
  const got = new Map<number, ConsumedRecord[]>();
  const batches: RecordBatch[] = [];
  const active = new Set<number>();
  const faults: string[] = [];
  const handle = async (batch: RecordBatch): Promise<void> => {
    if (active.has(batch.partition)) faults.push(`two batches of partition ${String(batch.partition)} at once`);
    if (batch.records.length === 0) faults.push('an empty batch');
    active.add(batch.partition);
    batches.push(batch);
    try {
      await before(batch);
      got.set(batch.partition, [...(got.get(batch.partition) ?? []), ...batch.records]);
    } finally {
      active.delete(batch.partition);
    }
  };
  const of = (partition: number): ConsumedRecord[] => got.get(partition) ?? [];
  const count = (): number => [...got.values()].reduce((total, list) => total + list.length, 0);
  return { handle, of, count, batches, active, faults };
};
