import { RECORD_BYTES_MAX, recordBytes, type StreamRecord } from '@drawdown/ports';
import { readDeadLetter, writeDeadLetter } from './dead-letter';
import { DESCRIBED_TOPICS } from './described';

const place = { topic: 'drawdown.usage.v1', partition: 5, offset: 42 };
const rejection = { rejected: 'malformed_json', pointer: '/data', detail: 'no JSON' } as const;
const told = { reason: 'malformed_json', pointer: '/data', detail: 'no JSON', place };

test('a dead letter names reason, topic, partition and offset, and has the untouched bytes, key and headers', () => {
  const value = Buffer.from([0, 255, 254, 10, 13]);
  const letter = writeDeadLetter({ key: 'acme', value, headers: { ce_id: '1' } }, place, rejection);
  expect(letter).toEqual({
    key: 'acme',
    value,
    headers: {
      ...{ ce_id: '1', reason: 'malformed_json', pointer: '/data', detail: 'no JSON' },
      ...{ topic: 'drawdown.usage.v1', partition: '5', offset: '42' },
    },
  });
});

test.each<StreamRecord>([
  { key: 'acme', value: Buffer.from('{'), headers: { 'content-type': 'x' } },
  { key: null, value: null, headers: {} },
  { key: '', value: Buffer.alloc(0), headers: { reason: 'mine', topic: 't', 'original-reason': 'x', omitted: 'y' } },
])('the original comes back exactly (%j)', (record) => {
  expect(readDeadLetter(writeDeadLetter(record, place, rejection))).toEqual({ ...told, record, omitted: false });
});

test('where the original is too large for the topic, the letter says where it lies', () => {
  const record = { key: 'acme', value: Buffer.alloc(RECORD_BYTES_MAX - 10), headers: {} };
  const letter = readDeadLetter(writeDeadLetter(record, place, rejection));
  expect(letter).toMatchObject({ ...told, omitted: true, record: { value: null } });
});

test('the largest letter that fits keeps the original, one more byte does not', () => {
  const written = (bytes: number): StreamRecord =>
    writeDeadLetter({ key: null, value: Buffer.alloc(bytes), headers: {} }, place, rejection);
  const room = RECORD_BYTES_MAX - recordBytes(written(0));
  expect(recordBytes(written(room))).toBe(RECORD_BYTES_MAX);
  expect(readDeadLetter(written(room + 1))).toMatchObject({ ...told, omitted: true, record: { value: null } });
});

test('what is no dead letter is recognised as such', () => {
  expect(readDeadLetter({ key: null, value: null, headers: { reason: 'x', topic: 't', offset: '1' } })).toBeNull();
});

test('the published description names the headers of a letter', () => {
  const whole = writeDeadLetter({ key: null, value: null, headers: {} }, place, rejection);
  const cut = writeDeadLetter({ key: null, value: Buffer.alloc(RECORD_BYTES_MAX), headers: {} }, place, rejection);
  const { properties, required } = DESCRIBED_TOPICS.messages.DeadLetter.headers;
  const names = new Set([...Object.keys(whole.headers), ...Object.keys(cut.headers)]);
  expect(Object.keys(properties).sort()).toEqual([...names].sort());
  for (const name of required) expect(whole.headers).toHaveProperty(name);
});
