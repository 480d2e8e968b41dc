import { START } from '@drawdown/domain/testing';
import type { Sender } from '../ledger';
import { PRODUCER, readReplyAddress, readSender, writeReplyAddress, writeSender } from './headers';

const sender = (id: string, role: string | null = null): Sender => ({
  actor: { type: 'key', id, role },
  requestId: `request-${id}`,
});
const [A, B] = [sender('a', 'owner'), sender('b')];
const withText = (text: string) => ({ 'drawdown-sender': text });

test('each record is in the name of its own sender, whoever sent the one before', () => {
  for (const each of [A, B, A, A, B]) expect(readSender(writeSender(each), PRODUCER)).toEqual(each);
});

test.each([
  ['no JSON', '{'],
  ['a kind of actor that there is not', JSON.stringify({ type: 'toString', id: 'a', request_id: 'r' })],
  ['nobody', JSON.stringify({ type: 'key', request_id: 'r' })],
  ['no request', JSON.stringify({ type: 'key', id: 'a' })],
  ['nothing at all', 'null'],
  ['an id of any length', JSON.stringify({ type: 'key', id: 'x'.repeat(129), request_id: 'r' })],
  ['an id with a newline', JSON.stringify({ type: 'key', id: 'a\nb', request_id: 'r' })],
  ['a request of any length', JSON.stringify({ type: 'key', id: 'a', request_id: 'x'.repeat(129) })],
  ['a role of any length', JSON.stringify({ type: 'key', id: 'a', role: 'x'.repeat(201), request_id: 'r' })],
])('a sender that is none (%s) is whoever is recorded otherwise, each time', (_, text) => {
  for (const otherwise of [A, B]) expect(readSender(withText(text), otherwise)).toBe(otherwise);
  expect(readSender(writeSender(A), B)).toEqual(A);
  expect(readSender({}, B)).toBe(B);
});

test('each record of a call is answered at its own place, and each call to its own caller', () => {
  const first = { partition: 3, instance: 'api-1', call: 'call-1', place: 0, deadline: START };
  const other = { ...first, call: 'call-2' };
  for (const to of [first, { ...first, place: 999 }, other, { ...other, instance: 'api-2' }, { ...first, place: 1 }]) {
    expect(readReplyAddress(writeReplyAddress(to))).toEqual(to);
  }
});

// Repeated in the reply: one too large would keep those that are sent with it from everybody who waits for them.
test.each(['call', 'instance'])('nobody is answered whose %s is longer than any of ours', (word) => {
  const to = { partition: 3, instance: 'api-1', call: 'call-1', place: 0, deadline: START };
  expect(readReplyAddress(writeReplyAddress({ ...to, [word]: 'x'.repeat(64) }))).not.toBeNull();
  expect(readReplyAddress(writeReplyAddress({ ...to, [word]: 'x'.repeat(65) }))).toBeNull();
});
