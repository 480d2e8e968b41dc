import fc from 'fast-check';
import {
  CALLER_ID,
  chargeId,
  derivedId,
  derivedTransactionId,
  DRAWDOWN_NAMESPACE,
  identityOf,
  identityWith,
  organizationNamespace,
  uuidDigits,
  uuidOf,
  uuidText,
  uuidV5Bytes,
  USER_ID,
} from './ids';

describe('derived ids', () => {
  test('a name-based UUID is the one of RFC 9562, appendix A.4', () => {
    const dns = Buffer.from('6ba7b8109dad11d180b400c04fd430c8', 'hex');
    expect(uuidText(uuidV5Bytes(dns, 'www.example.com'))).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });

  test('carries version 5 and the RFC variant, whatever the name', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const text = uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, name));
        expect(text).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
    );
  });

  // Computed with another implementation (Python's uuid.uuid5). These texts are in logs and in callers' databases:
  // where one of them changes, the code is wrong, not the test.
  test('the ids that callers can compute beforehand never change', () => {
    const acme = organizationNamespace('org_acme');
    expect(uuidText(DRAWDOWN_NAMESPACE)).toBe('b2f0c1de-6d0a-5c3e-9a5f-4d7261776e64');
    expect(uuidText(acme)).toBe('2fc82954-8d88-53ac-90aa-e9d5ecb2b21d');
    expect(chargeId(acme, 'agents/eu-1', 'req-8841')).toBe('txn_6ff90390-a5dc-5924-b7b0-6d956f4285c7');
    expect(uuidOf(identityOf(acme, 'quelle/zürich', 'ид-1'))).toBe('4072b942-a76f-5241-9496-5828b225a2e6');
    expect(uuidDigits(identityOf(acme, 'quelle/zürich', 'ид-1'))).toBe('4072b942a76f524194965828b225a2e6');
    expect(derivedId('lot', 'org_acme', 'wal_credits', '7')).toBe('lot_52d0a9451f586f901f9a');
    expect(derivedTransactionId('org_acme', '1')).toBe('txn_61d7c271-4743-53d5-8ba0-d568582bb4cd');
  });

  test('an identity and its UUID name each other; a text that is no UUID names nothing', () => {
    const uuid = uuidOf(identityOf(organizationNamespace('org_acme'), 'agents/eu-1', 'x'.repeat(2_000)));
    expect(uuid).toBe(uuidText(uuidV5Bytes(organizationNamespace('org_acme'), `agents/eu-1\n${'x'.repeat(2_000)}`)));
    expect(uuidOf(identityWith(uuid))).toBe(uuid);
    expect(identityWith('txn')).toBe('\0'.repeat(16));
  });

  test('organization, source and id each make another identity', () => {
    const word = fc.stringMatching(CALLER_ID);
    fc.assert(
      fc.property(fc.tuple(word, word, word), fc.tuple(word, word, word), (a, b) => {
        const [first, second] = [a, b].map(([org, source, id]) => chargeId(organizationNamespace(org), source, id));
        expect(first === second).toBe(a.join(' ') === b.join(' '));
      }),
    );
    expect(chargeId(organizationNamespace('o'), 'ab', 'c')).not.toBe(chargeId(organizationNamespace('o'), 'a', 'bc'));
  });
});

describe('ids of people', () => {
  test.each([
    ['Auth0', 'auth0|507f1f77bcf86cd799439020'],
    ['Auth0 with another source', 'google-oauth2|108204268033311374519'],
    ['Entra ID, pairwise', 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ'],
    ['Google', '108204268033311374519'],
    ['Keycloak', '1d2c7a0e-52d0-4b3f-9c55-0e9e4b7a2f10'],
    ['Okta', '00u1a2b3c4d5e6F7g8h9'],
  ])('are taken as %s gives them', (_, id) => expect(USER_ID.test(id)).toBe(true));

  test.each([
    '',
    'ann@example.com',
    'a b',
    'a\n',
    'a/b',
    'a,b',
    'a"b',
    "a'b",
    'a%7Cb',
    'a\\b',
    'ü',
    '=1',
    'x'.repeat(129),
  ])('BAD-020: refuses %j', (id) => expect(USER_ID.test(id)).toBe(false));
});

describe('ids that callers choose', () => {
  test.each(['a', 'org_acme', 'req-8841', 'A.b:c_d-9', 'x'.repeat(128)])('accepts %j', (id) => {
    expect(CALLER_ID.test(id)).toBe(true);
  });

  test.each(['', ' ', 'a b', 'a\n', '\na', 'x'.repeat(129), 'a/b', 'ü', '\u202eabc', 'a\u0000', '..\\'])(
    'BAD-020: refuses %j',
    (id) => {
      expect(CALLER_ID.test(id)).toBe(false);
    },
  );
});
