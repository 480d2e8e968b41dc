/** Records as the wire has them, and as the port has them. */
import { type ConsumedRecord, recordBytes, type StreamRecord } from '@drawdown/ports';
import type { Message } from 'kafkajs';

export interface FetchedMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | null>>;
  /** The end of a transaction: an offset without a record. */
  readonly isControlRecord?: boolean;
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean };
}

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/** A record to be sent, and its size. */
export interface Outgoing {
  readonly message: Message;
  readonly bytes: number;
  /** At most so many of a batch are it. */
  readonly wireBytes: number;
}

/** What Kafka puts around a batch; around a record, lengths and times at their longest; and around each of its headers. */
export const BATCH_BYTES = 61;
const RECORD_BYTES = 20;
const HEADER_BYTES = 6;

export const outgoingRecord = (partition: number, record: StreamRecord): Outgoing => {
  const { key, value, headers } = record;
  // Copied: what the sender does with its buffer afterwards is its own affair.
  const message = { partition, key, value: value && Buffer.from(value), headers: { ...headers } };
  const bytes = recordBytes(record);
  return { message, bytes, wireBytes: bytes + RECORD_BYTES + HEADER_BYTES * Object.keys(headers).length };
};

const toRecord = ({ offset, key, value, headers }: FetchedMessage): ConsumedRecord => ({
  offset: Number(offset),
  key: key && key.toString(),
  value,
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, textOf(text)])),
});

/** Of a header that is there more than once, the last; one without a value is empty. */
const textOf = (text: Buffer | readonly Buffer[] | null): string => {
  const last = Array.isArray(text) ? (text.at(-1) as Buffer | undefined) : (text as Buffer | null);
  return last?.toString() ?? '';
};

/** Type in the key of the control record that says "aborted"; the other, 1, says "committed". */
const isAbortMarker = ({ key }: FetchedMessage): boolean => key !== null && key.length >= 4 && key.readInt16BE(2) === 0;

/** The records from an offset on, without what transactions took back. */
export const recordsFrom = (
  from: number,
  messages: readonly FetchedMessage[],
  aborted: readonly AbortedTransaction[],
): readonly ConsumedRecord[] => {
  const beginnings = [...aborted].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
  const takenBack = new Set<string>();
  const records: ConsumedRecord[] = [];
  for (const message of messages) {
    const offset = Number(message.offset);
    while (Number(beginnings[0]?.firstOffset ?? Infinity) <= offset)
      takenBack.add(beginnings.shift()?.producerId ?? '');
    const producer = message.batchContext?.producerId ?? '';
    if (message.isControlRecord === true) {
      if (isAbortMarker(message)) takenBack.delete(producer);
      continue;
    }
    if (message.batchContext?.inTransaction === true && takenBack.has(producer)) continue;
    if (offset >= from) records.push(toRecord(message));
  }
  return records;
};
