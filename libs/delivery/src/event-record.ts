/**
 * A stored event as a record of `drawdown.ledger.v1`: CloudEvents 1.0, binary mode. The value is the stored bytes
 * untouched, everything else stands in headers, so that who reads the record has exactly what the store holds.
 */
import type { JsonObject } from '@drawdown/kernel';
import type { StoredEvent, StreamRecord } from '@drawdown/ports';

/** Every ledger event in order; the partition is the shard. */
export const LEDGER_TOPIC = 'drawdown.ledger.v1';

/** `ce_source` is this and the name of the stream. */
const SOURCE = 'drawdown/';

const NUMBER = /^(0|[1-9]\d*)$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A record that is no stored event: something else was written to the topic. */
export class NotAnEvent extends Error {
  readonly code = 'not_an_event';
}

/** The record of a shard's event. */
export const recordOf = (
  shard: number,
  { id, type, data, metadata, stream, revision, position }: StoredEvent,
): StreamRecord => ({
  key: String(shard),
  value: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  headers: {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: SOURCE + stream,
    ce_type: type,
    ...(typeof metadata['booked_at'] === 'string' ? { ce_time: metadata['booked_at'] } : {}),
    'content-type': 'application/json',
    revision: String(revision),
    position: String(position),
    metadata: JSON.stringify(metadata),
  },
});

/** The event of a record, the same that {@link recordOf} was given. Throws {@link NotAnEvent}. */
export const eventOf = ({ value, headers }: StreamRecord): StoredEvent => {
  if (value === null) throw new NotAnEvent('the record has no value');
  const source = textIn(headers, 'ce_source');
  if (!source.startsWith(SOURCE)) throw new NotAnEvent('ce_source names no stream of a ledger');
  const id = textIn(headers, 'ce_id');
  if (!UUID.test(id)) throw new NotAnEvent('ce_id is no UUID in lower case');
  return {
    id,
    type: textIn(headers, 'ce_type'),
    data: value,
    metadata: objectIn(headers, 'metadata'),
    stream: source.slice(SOURCE.length),
    revision: numberIn(headers, 'revision'),
    position: numberIn(headers, 'position'),
  };
};

type Headers = StreamRecord['headers'];

const textIn = (headers: Headers, name: string): string => {
  const text = headers[name];
  if (text === undefined || text === '') throw new NotAnEvent(`the record has no header ${name}`);
  return text;
};

const numberIn = (headers: Headers, name: string): number => {
  const text = textIn(headers, name);
  const number = Number(text);
  if (!NUMBER.test(text) || !Number.isSafeInteger(number)) throw new NotAnEvent(`the header ${name} is no number`);
  return number;
};

const objectIn = (headers: Headers, name: string): JsonObject => {
  const text = textIn(headers, name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NotAnEvent(`the header ${name} is no JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new NotAnEvent(`the header ${name} is no JSON object`);
  }
  return value as JsonObject;
};
