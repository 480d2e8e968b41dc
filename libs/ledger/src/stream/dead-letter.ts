import type { DeadLetterReason, Rejection } from '@drawdown/domain';
import { RECORD_BYTES_MAX, recordBytes, type StreamRecord } from '@drawdown/ports';

/** Where a record stood. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A record that nobody can decide, why, and where it came from. */
export interface DeadLetter {
  readonly record: StreamRecord;
  readonly place: RecordPlace;
  readonly reason: string;
  readonly pointer: string;
  readonly detail: string;
  /** True where the letter has only the place of the value: record and reasons together were too large for the topic. */
  readonly omitted: boolean;
}

const OWN = ['reason', 'pointer', 'detail', 'topic', 'partition', 'offset', 'omitted'] as const;
const KEPT = 'original-';

/** Headers of the original that would be taken for the letter's own, or for such ones kept, get a prefix. */
const isTaken = (name: string): boolean => name.startsWith(KEPT) || OWN.some((own) => own === name);

/** The letter without value, key and headers of the record, which still lies where the letter says. */
export const writePlaceAlone = (place: RecordPlace, rejection: Rejection<DeadLetterReason>): StreamRecord => ({
  key: null,
  value: null,
  headers: { ...ownHeaders(place, rejection), omitted: 'value' },
});

const ownHeaders = (
  { topic, partition, offset }: RecordPlace,
  { rejected, pointer, detail }: Rejection<DeadLetterReason>,
) => ({
  ...{ reason: rejected, pointer, detail, topic },
  ...{ partition: String(partition), offset: String(offset) },
});

/**
 * The letter: key, value and headers as they were, with reason and place as headers beside them. A record at the size
 * limit does not fit with them: then the value is left out.
 */
export const writeDeadLetter = (
  { key, value, headers }: StreamRecord,
  place: RecordPlace,
  rejection: Rejection<DeadLetterReason>,
): StreamRecord => {
  const original = Object.entries(headers).map(([name, text]) => [isTaken(name) ? KEPT + name : name, text]);
  const own = ownHeaders(place, rejection);
  const letter = { key, value, headers: { ...(Object.fromEntries(original) as Record<string, string>), ...own } };
  return recordBytes(letter) <= RECORD_BYTES_MAX ? letter : writePlaceAlone(place, rejection);
};

/** What {@link writeDeadLetter} wrote; null where it is something else. */
export const readDeadLetter = ({ key, value, headers }: StreamRecord): DeadLetter | null => {
  const { reason, topic, pointer = '', detail = '' } = headers;
  const [partition, offset] = [Number(headers['partition'] ?? NaN), Number(headers['offset'] ?? NaN)];
  if (reason === undefined || topic === undefined || !Number.isInteger(partition) || !Number.isInteger(offset)) {
    return null;
  }
  const original = Object.entries(headers).flatMap(([name, text]) => {
    if (name.startsWith(KEPT)) return [[name.slice(KEPT.length), text]];
    return isTaken(name) ? [] : [[name, text]];
  });
  const record = { key, value, headers: Object.fromEntries(original) as Record<string, string> };
  const omitted = headers['omitted'] !== undefined;
  return { record, place: { topic, partition, offset }, reason, pointer, detail, omitted };
};
