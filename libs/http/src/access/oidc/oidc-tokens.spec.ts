import { createSecretKey } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { AUDIENCE, type Issuer, openIssuer } from '../../testing/issuer';
import { IssuerUnavailable } from '../person-tokens';
import { OidcTokens } from './oidc-tokens';

const MINUTE = 60_000;

let issuer: Issuer;
let elapsed: number;
let later: number;
let tokens: OidcTokens;
const warnings: unknown[] = [];

beforeEach(async () => {
  issuer = await openIssuer();
  [elapsed, later] = [0, 0];
  warnings.length = 0;
  tokens = new OidcTokens({
    issuer: issuer.url,
    audience: AUDIENCE,
    log: { warn: (...line: unknown[]) => void warnings.push(line) } as never,
    now: () => new Date(Date.now() + later),
    elapsed: () => elapsed,
  });
});
afterEach(() => issuer.close());

const seconds = (offset: number): number => Math.floor(Date.now() / 1000) + offset;

test('a valid token names its person', async () => {
  expect(await tokens.personOf(await issuer.sign('ann'))).toBe('ann');
  expect(await tokens.personOf(await issuer.sign('a.b_c:d-e', { claims: { aud: ['other', AUDIENCE] } }))).toBe(
    'a.b_c:d-e',
  );
  expect(await tokens.personOf(await issuer.sign('ann', { header: { typ: 'at+jwt' } }))).toBe('ann');
});

test.each([
  ['Auth0', 'auth0|507f1f77bcf86cd799439020'],
  ['Entra ID', 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ'],
  ['Google', '108204268033311374519'],
  ['Keycloak', '1d2c7a0e-52d0-4b3f-9c55-0e9e4b7a2f10'],
])('a person is who %s says it is', async (_, sub) => {
  expect(await tokens.personOf(await issuer.sign(sub))).toBe(sub);
});

describe('where another claim is the id', () => {
  const byClaim = (userClaim: string): OidcTokens =>
    new OidcTokens({ issuer: issuer.url, audience: AUDIENCE, userClaim, log: { warn } });
  const warn = (...line: unknown[]): void => void warnings.push(line);

  test('it alone says who somebody is', async () => {
    const byOid = byClaim('https://acme.example/id');
    const named = { 'https://acme.example/id': 'E-1234' };
    expect(await byOid.personOf(await issuer.sign('ann', { claims: named }))).toBe('E-1234');
    const unnamed: object = { ...named, sub: undefined };
    expect(await byOid.personOf(await issuer.sign('ann', { claims: unnamed as JWTPayload }))).toBe('E-1234');
    expect(await byOid.personOf(await issuer.sign('ann'))).toBeNull();
  });

  test.each([[7], [['ann']], [{ id: 'ann' }], [true], [null], ['a b'], ['']])(
    'a claim that is %j is nobody’s',
    async (oid) => expect(await byClaim('oid').personOf(await issuer.sign('ann', { claims: { oid } }))).toBeNull(),
  );

  test('what every object has is no claim', async () => {
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(await byClaim(name).personOf(await issuer.sign('ann'))).toBeNull();
  });
});

test('whoever runs this learns from the log why people do not get in, once a minute and without their names', async () => {
  const token = await issuer.sign('ann@example.com');
  for (let i = 0; i < 5; i++) expect(await tokens.personOf(token)).toBeNull();
  expect(warnings).toHaveLength(1);
  expect(JSON.stringify(warnings)).toContain('"claim":"sub"');
  expect(JSON.stringify(warnings)).not.toContain('ann');
  elapsed += 61_000;
  await tokens.personOf(token);
  expect(warnings).toHaveLength(2);
});

test.each([
  ['expired', () => ({ exp: seconds(-31) })],
  ['without an end', () => ({ exp: undefined })],
  ['not yet valid', () => ({ nbf: seconds(45) })],
  ['for another audience', () => ({ aud: 'other' })],
  ['for nobody in particular', () => ({ aud: undefined })],
  ['of another issuer', () => ({ iss: 'https://issuer.example' })],
  ['of no issuer', () => ({ iss: undefined })],
  ['without a person', () => ({ sub: undefined })],
  ['of a person whose id is none', () => ({ sub: 'ann@example.com' })],
  ['of a person with an empty id', () => ({ sub: '' })],
])('a token %s is nobody’s', async (_, claims) => {
  expect(await tokens.personOf(await issuer.sign('ann', { claims: claims() as JWTPayload }))).toBeNull();
});

test('clocks may be a little apart, in both directions', async () => {
  expect(await tokens.personOf(await issuer.sign('ann', { claims: { exp: seconds(-20) } }))).toBe('ann');
  expect(await tokens.personOf(await issuer.sign('ann', { claims: { nbf: seconds(20) } }))).toBe('ann');
  const token = await issuer.sign('ann');
  later = 6 * MINUTE;
  expect(await tokens.personOf(token)).toBeNull();
});

describe('what is not signed by the issuer is nobody’s', () => {
  const claims = () => ({ iss: issuer.url, aud: AUDIENCE, sub: 'ann', exp: seconds(300) });

  test('alg none', async () => {
    expect(await tokens.personOf(new UnsecuredJWT(claims()).encode())).toBeNull();
    expect(issuer.asked()).toBe(0);
  });

  test('HS256 with the public key as its secret', async () => {
    const secret = createSecretKey(Buffer.from(await issuer.publicPem()));
    const forged = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'key-1' }).sign(secret);
    expect(await tokens.personOf(forged)).toBeNull();
  });

  test('a changed claim, a changed signature, no signature', async () => {
    const [header = '', payload = '', signature = ''] = (await issuer.sign('ann')).split('.');
    const other = Buffer.from(JSON.stringify({ ...claims(), sub: 'eve' })).toString('base64url');
    const reversed = [...signature].reverse().join('');
    for (const forged of [
      [header, other, signature],
      [header, payload, reversed],
      [header, payload, ''],
    ]) {
      expect(await tokens.personOf(forged.join('.'))).toBeNull();
    }
  });

  test('another issuer’s signature under a known key id', async () => {
    const stranger = await openIssuer();
    expect(await tokens.personOf(await stranger.sign('ann', { claims: { iss: issuer.url } }))).toBeNull();
    await stranger.close();
  });

  test('a logout token', async () => {
    expect(await tokens.personOf(await issuer.sign('ann', { header: { typ: 'logout+jwt' } }))).toBeNull();
  });

  test.each([
    'a.b.c',
    '..',
    'e30.e30.',
    'bnVsbA.bnVsbA.x',
    `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.W10.x`,
  ])('no token at all: %s', async (text) => expect(await tokens.personOf(text)).toBeNull());
});

describe('the issuer’s keys', () => {
  test('FLD-62: are asked for once, by however many at the same time and later', async () => {
    const token = await issuer.sign('ann');
    const all = await Promise.all(Array.from({ length: 50 }, () => tokens.personOf(token)));
    expect(new Set(all)).toEqual(new Set(['ann']));
    expect(await tokens.personOf(token)).toBe('ann');
    expect(issuer.asked()).toBe(1);
  });

  test('made-up key ids are no storm of questions: one, and not again too soon', async () => {
    await tokens.personOf(await issuer.sign('ann'));
    elapsed += MINUTE;
    for (let i = 0; i < 20; i++) {
      expect(await tokens.personOf(await issuer.sign('ann', { kid: `made-up-${String(i)}` }))).toBeNull();
    }
    expect(issuer.asked()).toBe(2);
    elapsed += MINUTE;
    expect(await tokens.personOf(await issuer.sign('ann', { kid: 'made-up' }))).toBeNull();
    expect(issuer.asked()).toBe(3);
  });

  test('a new key counts as soon as it is seen, the old one as long as it is published', async () => {
    const old = await issuer.sign('ann');
    expect(await tokens.personOf(old)).toBe('ann');
    elapsed += MINUTE;
    await issuer.rotate();
    expect(await tokens.personOf(await issuer.sign('bob'))).toBe('bob');
    expect(await tokens.personOf(old)).toBe('ann');
    elapsed += MINUTE;
    await issuer.rotate({ withdraw: true });
    expect(await tokens.personOf(await issuer.sign('cat'))).toBe('cat');
    expect(await tokens.personOf(old)).toBeNull();
  });

  test('a withdrawn key stops to count though nobody used another one', async () => {
    const old = await issuer.sign('ann');
    expect(await tokens.personOf(old)).toBe('ann');
    await issuer.rotate({ withdraw: true });
    elapsed += 11 * MINUTE;
    await tokens.personOf(old); // sets off the question
    for (const until = performance.now() + 20_000; issuer.asked() < 2 && performance.now() < until;) await turn();
    let person = await tokens.personOf(old);
    for (const until = performance.now() + 20_000; person !== null && performance.now() < until;) {
      await turn();
      person = await tokens.personOf(old);
    }
    expect(person).toBeNull();
  });

  test('a key that is not published is nobody’s', async () => {
    await issuer.rotate({ publish: false });
    expect(await tokens.personOf(await issuer.sign('ann'))).toBeNull();
  });
});

describe('an issuer that is away', () => {
  test('cannot be told from a right token: unavailable, not refused; and soon tried again', async () => {
    issuer.breakWith(500);
    await expect(tokens.personOf(await issuer.sign('ann'))).rejects.toThrow(IssuerUnavailable);
    issuer.breakWith(null);
    await expect(tokens.personOf(await issuer.sign('ann'))).rejects.toMatchObject({ code: 'unavailable' });
    elapsed += 2_000;
    expect(await tokens.personOf(await issuer.sign('ann'))).toBe('ann');
    expect(JSON.stringify(warnings)).toContain('answers 500');
  });

  test('does not keep out those whose key is known, for an hour', async () => {
    const token = await issuer.sign('ann', { claims: { exp: seconds(24 * 3600) } });
    await tokens.personOf(token);
    issuer.breakWith(503);
    for (const minutes of [11, 30, 59]) {
      elapsed = minutes * MINUTE;
      expect(await tokens.personOf(token)).toBe('ann');
    }
    elapsed = 61 * MINUTE;
    await expect(tokens.personOf(token)).rejects.toThrow(IssuerUnavailable);
  });

  test('leaves open whose an unknown key is', async () => {
    await tokens.personOf(await issuer.sign('ann'));
    elapsed += MINUTE;
    issuer.breakWith(500);
    await issuer.rotate();
    await expect(tokens.personOf(await issuer.sign('ann'))).rejects.toThrow(IssuerUnavailable);
  });

  test('another one in its place is as good as away', async () => {
    issuer.pretend('https://issuer.example');
    await expect(tokens.personOf(await issuer.sign('ann'))).rejects.toThrow(/issuer.example/);
  });

  test('that never was is told by its address alone', async () => {
    issuer.breakWith(500);
    expect(await tokens.personOf(await issuer.sign('ann', { claims: { iss: 'https://issuer.example' } }))).toBeNull();
  });
});
