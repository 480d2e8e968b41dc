import { derivedTransactionId, type JsonObject } from '@drawdown/kernel';
import type { StoredEvent, StreamRecord } from '@drawdown/ports';
import * as fc from 'fast-check';
import { describedLedger } from './described';
import { eventOf, NotAnEvent, recordOf } from './event-record';

const name = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .filter((text) => !/[\0\p{Surrogate}]/u.test(text));

const events: fc.Arbitrary<StoredEvent> = fc.record({
  id: fc.nat().map((seed) => derivedTransactionId('record', String(seed)).slice(4)),
  type: name,
  data: fc.uint8Array({ maxLength: 200 }),
  // As it comes from a store, which keeps it as JSON: there is no -0 in it.
  metadata: fc
    .dictionary(fc.string(), fc.jsonValue())
    .map((metadata) => JSON.parse(JSON.stringify(metadata)) as JsonObject),
  stream: name,
  revision: fc.maxSafeNat(),
  position: fc.maxSafeNat(),
});

/** What a broker keeps of a record: bytes, and headers in any order. */
const overTheWire = ({ key, value, headers }: StreamRecord): StreamRecord => ({
  key,
  value: value && Buffer.from(value),
  headers: Object.fromEntries(
    Object.entries(headers)
      .reverse()
      .map(([header, text]) => [header, Buffer.from(text, 'utf8').toString('utf8')]),
  ),
});

const SAMPLE: StoredEvent = {
  id: derivedTransactionId('sample', '1').slice(4),
  type: 'CreditsGranted',
  data: Buffer.from('{"amount":"5"}'),
  metadata: { version: 1, booked_at: '2026-03-01T00:00:00.000000Z' },
  stream: 'ledger-3',
  revision: 17,
  position: 92,
};

test('a record of ledger.v1 gives back the stored event, byte by byte and key by key', () => {
  fc.assert(
    fc.property(events, (event) => {
      const read = eventOf(overTheWire(recordOf(0, event)));
      expect({ ...read, data: [...read.data] }).toEqual({ ...event, data: [...event.data] });
      expect(JSON.stringify(read.metadata)).toBe(JSON.stringify(event.metadata));
    }),
  );
});

test('a record of ledger.v1 is a CloudEvent in binary mode', () => {
  expect(recordOf(3, SAMPLE)).toEqual({
    key: '3',
    value: Buffer.from('{"amount":"5"}'),
    headers: {
      ce_specversion: '1.0',
      ce_id: SAMPLE.id,
      ce_source: 'drawdown/ledger-3',
      ce_type: 'CreditsGranted',
      ce_time: '2026-03-01T00:00:00.000000Z',
      'content-type': 'application/json',
      revision: '17',
      position: '92',
      metadata: '{"version":1,"booked_at":"2026-03-01T00:00:00.000000Z"}',
    },
  });
});

test.each([
  ['without a value', { value: null }],
  ['without a type', { headers: { ce_type: '' } }],
  ['of another source', { headers: { ce_source: '/somebody/else' } }],
  ['with an id that no store takes', { headers: { ce_id: 'A' } }],
  ['with a revision below zero', { headers: { revision: '-1' } }],
  ['with a revision that is no whole number', { headers: { revision: '1.5' } }],
  ['with a revision that is no exact number', { headers: { revision: '9007199254740993' } }],
  ['with metadata that is no JSON', { headers: { metadata: '{' } }],
  ['with metadata that is no object', { headers: { metadata: '[]' } }],
])('a record %s is no event', (_, change: { value?: null; headers?: Record<string, string> }) => {
  const { key, value, headers } = recordOf(3, SAMPLE);
  const record = { key, value: change.value === null ? null : value, headers: { ...headers, ...change.headers } };
  expect(() => eventOf(record)).toThrow(NotAnEvent);
});

test('the published description names the headers that a record has, and a schema for each type', () => {
  const { messages } = describedLedger([{ type: 'CreditsGranted', version: 2 }]);
  const { headers, payload } = messages['CreditsGranted'] ?? fail('not described');
  expect(Object.keys(headers.properties).sort()).toEqual(Object.keys(recordOf(3, SAMPLE).headers).sort());
  expect(payload).toEqual({ $ref: 'events/CreditsGranted.v2.json' });
});

const fail = (why: string): never => {
  throw new Error(why);
};
