import { CHAIN_START, chainHash, eventIdOf, expectedHash, follows, storedHash } from './hash-chain';

const event = {
  stream: 'ledger-0',
  revision: 7,
  type: 'CreditsGranted',
  data: Buffer.from('{"a":1}'),
  metadata: { version: 1, booked_at: '2026-03-01T00:00:00.000000Z' },
};
const hash = chainHash(CHAIN_START, event);

test('INV-AUD-1: the hash covers the hash before, stream, revision, type, metadata and data', () => {
  const others = [
    chainHash(hash, event),
    chainHash(CHAIN_START, { ...event, stream: 'ledger-1' }),
    chainHash(CHAIN_START, { ...event, revision: 8 }),
    chainHash(CHAIN_START, { ...event, type: 'GrantVoided' }),
    chainHash(CHAIN_START, { ...event, metadata: { ...event.metadata, version: 2 } }),
    chainHash(CHAIN_START, { ...event, data: Buffer.from('{"a":2}') }),
  ].map((other) => other.toString('hex'));
  expect(new Set([...others, hash.toString('hex')]).size).toBe(7);
});

test('it is the same for ever: logs are checked by it', () => {
  expect(hash.toString('hex')).toBe('ad7930ab14d52ae335b8380bce02e85dfcc9f8555a152e8b4767b91b96d7c542');
  expect(eventIdOf(hash)).toBe('ad7930ab-14d5-8ae3-b5b8-380bce02e85d');
});

test('a stored event’s own hash is no part of what it covers', () => {
  const stored = { ...event, metadata: { ...event.metadata, hash: hash.toString('hex') } };
  expect(expectedHash(CHAIN_START, stored)).toEqual(hash);
});

test('INV-AUD-1: a stored event follows another where its hash and its id do', () => {
  const stored = { ...event, id: eventIdOf(hash), metadata: { ...event.metadata, hash: hash.toString('hex') } };
  const other = chainHash(hash, event);
  const { hash: _, ...unchained } = stored.metadata;
  expect(follows(CHAIN_START, stored)).toBe(true);
  expect(storedHash(stored)).toEqual(hash);
  for (const [before, next] of [
    [other, stored],
    [CHAIN_START, { ...stored, data: Buffer.from('{"a":2}') }],
    [CHAIN_START, { ...stored, revision: 8 }],
    [CHAIN_START, { ...stored, id: eventIdOf(other) }],
    [CHAIN_START, { ...stored, metadata: { ...stored.metadata, hash: other.toString('hex') } }],
    [CHAIN_START, { ...stored, metadata: unchained }],
  ] as const)
    expect(follows(before, next)).toBe(false);
});

test.each([undefined, null, 7, '', 'ab', 'g'.repeat(64), 'A'.repeat(64)])('%p is no hash of the chain', (text) => {
  expect(storedHash({ metadata: text === undefined ? {} : { hash: text } })).toBeUndefined();
});

test('INV-LED-4: the event’s id is a UUID that follows from the hash', () => {
  expect(eventIdOf(hash)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(eventIdOf(chainHash(hash, event))).not.toBe(eventIdOf(hash));
});
