import { createLogger } from '@drawdown/http';
import { AUDIENCE, type Issuer, openIssuer } from '@drawdown/http/testing';
import { LedgerUnavailable } from '@drawdown/ledger';
import { makeWorld } from './testing/bad-input-world';
import { type Called, callingAt } from './testing/calling';
import { ADMIN_KEY, emptyReadModels, type InMemoryServer, openInMemory } from './testing/in-memory';

/** People who come with tokens of an issuer, over the whole process. */
let issuer: Issuer;
let server: InMemoryServer;
const lines: string[] = [];

const O = '/v1/organizations/world';
const call = callingAt(() => server.url);
const as = async (person: string, method: string, path: string, json?: unknown): Promise<Called> =>
  call(method, path, json, { authorization: `Bearer ${await issuer.sign(person)}` });
const codeOf = ({ status, body }: Called): unknown[] => [status, body['code']];

beforeAll(async () => {
  issuer = await openIssuer();
  server = await openInMemory({
    environment: { DRAWDOWN_OIDC_ISSUER: issuer.url, DRAWDOWN_OIDC_AUDIENCE: AUDIENCE },
    logger: createLogger('trace', { write: (line) => void lines.push(line) }),
    readModels: {
      ...emptyReadModels(),
      breakdown: () => Promise.reject(new Error('a bug')),
    } as never,
  });
  await makeWorld(server);
});
afterAll(async () => {
  await server.close();
  await issuer.close();
});

test('people may do what their role in the organization says', async () => {
  const hold = { wallet: 'credits', amount: '1' };
  for (const person of ['owner1', 'admin1']) {
    expect((await as(person, 'GET', `${O}/wallets`)).status).toBe(200);
    expect((await as(person, 'PUT', `${O}/members/new1`, { role: 'member' })).status).toBe(200);
    const key = { authorization: `Bearer ${await issuer.sign(person)}`, 'idempotency-key': `hold of ${person}` };
    expect((await call('POST', `${O}/holds`, hold, key)).status).toBe(201);
  }
  expect(codeOf(await as('member1', 'GET', `${O}/wallets`))).toEqual([403, 'role_required']);
  expect((await as('member1', 'GET', `${O}/transactions`)).status).toBe(200);
  expect(codeOf(await as('admin1', 'PUT', `${O}/members/new2`, { role: 'owner' }))).toEqual([403, 'role_required']);
  expect((await as('member1', 'GET', '/v1/presets')).status).toBe(200);
});

test('people have no scopes: what only keys do is not theirs', async () => {
  const grant = { credit_type: 'purchased', amount: '1', reason: 'x' };
  const headers = {
    authorization: `Bearer ${await issuer.sign('owner1')}`,
    'idempotency-key': 'grant of a person',
  };
  expect(codeOf(await call('POST', `${O}/wallets/credits/grants`, grant, headers))).toEqual([403, 'role_required']);
  expect(codeOf(await as('owner1', 'POST', '/v1/api-keys', { name: 'x', scopes: ['read'] }))).toEqual([
    403,
    'role_required',
  ]);
  expect(codeOf(await as('owner1', 'POST', '/v1/events', []))).toEqual([403, 'role_required']);
  expect(codeOf(await as('owner1', 'GET', '/v1/rate-cards'))).toEqual([403, 'role_required']);
});

test('INV-AUD-3: what a person does is recorded as done by that person, in that role', async () => {
  const { status } = await as('admin1', 'PUT', `${O}/members/recorded1`, { role: 'member' });
  expect(status).toBe(200);
  const [last] = await server.store.read('ledger-0', await server.store.head('ledger-0'), 1);
  expect(last?.metadata['actor']).toEqual({ type: 'user', id: 'admin1', role: 'admin' });
});

test('INV-TEN-5: a lowered role counts at once, for the very same token', async () => {
  await call('PUT', `${O}/members/short1`, { role: 'admin' });
  const headers = { authorization: `Bearer ${await issuer.sign('short1')}` };
  expect((await call('GET', `${O}/wallets`, undefined, headers)).status).toBe(200);
  await call('PUT', `${O}/members/short1`, { role: 'member' });
  expect(codeOf(await call('GET', `${O}/wallets`, undefined, headers))).toEqual([403, 'role_required']);
});

describe('INV-TEN-5: who is removed', () => {
  const removed = (person: string, headers = {}) => call('DELETE', `${O}/members/${person}`, undefined, { ...headers });

  test('is out at once, for the very same token, and finds no organization', async () => {
    await call('PUT', `${O}/members/gone1`, { role: 'admin' });
    const headers = { authorization: `Bearer ${await issuer.sign('gone1')}` };
    expect((await call('GET', `${O}/wallets`, undefined, headers)).status).toBe(200);
    const { status, body } = await removed('gone1');
    expect([status, body]).toMatchObject([200, { user_id: 'gone1', removed: true, position: expect.any(String) as string }]); // prettier-ignore
    for (const path of [`${O}/wallets`, `${O}/transactions`, O]) {
      expect(codeOf(await call('GET', path, undefined, headers))).toEqual([404, 'not_found']);
    }
    const { data } = (await call('GET', `${O}/members`)).body as { data: { user_id: string }[] };
    expect(data.map(({ user_id: id }) => id)).not.toContain('gone1');
  });

  test('may be removed again, and a repetition under its key does not take away a role given since', async () => {
    await call('PUT', `${O}/members/gone2`, { role: 'member' });
    const key = { 'idempotency-key': 'removal of gone2' };
    const first = await removed('gone2', key);
    expect((await removed('gone2')).body).toMatchObject({ user_id: 'gone2', removed: true });
    await call('PUT', `${O}/members/gone2`, { role: 'member' });
    const again = await removed('gone2', key);
    expect([again.body, again.headers.get('idempotent-replay')]).toEqual([first.body, 'true']);
    expect((await as('gone2', 'GET', `${O}/transactions`)).status).toBe(200);
  });

  test('is removed by owners and admins, owners by owners; the last of these stays', async () => {
    await call('PUT', `${O}/members/gone3`, { role: 'member' });
    await call('PUT', `${O}/members/second1`, { role: 'owner' });
    expect(codeOf(await as('member1', 'DELETE', `${O}/members/gone3`))).toEqual([403, 'role_required']);
    expect(codeOf(await as('admin1', 'DELETE', `${O}/members/second1`))).toEqual([403, 'role_required']);
    expect((await as('admin1', 'DELETE', `${O}/members/gone3`)).status).toBe(200);
    expect((await as('owner1', 'DELETE', `${O}/members/second1`)).status).toBe(200);
    expect(codeOf(await as('owner1', 'DELETE', `${O}/members/owner1`))).toEqual([409, 'last_owner']);
    expect(codeOf(await removed('owner1'))).toEqual([409, 'last_owner']);
  });
});

test('BAD-090: every token that does not count is answered as an unknown key is', async () => {
  const past = Math.floor(Date.now() / 1000) - 60;
  const credentials = [
    'Bearer unknown-key',
    `Bearer ${await issuer.sign('owner1', { claims: { exp: past } })}`,
    `Bearer ${await issuer.sign('owner1', { claims: { aud: 'other' } })}`,
    `Bearer ${await issuer.sign('owner1', { kid: 'made-up' })}`,
    `Bearer ${await issuer.sign('not an id')}`,
    `Bearer ${(await issuer.sign('owner1')).slice(0, -4)}AAAA`,
    `Bearer ${await issuer.sign('owner1')}.e30`,
    'Bearer a.b.c',
    `Basic ${await issuer.sign('owner1')}`,
  ];
  const bodies = new Set<string>();
  for (const authorization of credentials) {
    for (const path of [`${O}/wallets`, '/v1/nothing', '/v1/presets', '/v1/api-keys']) {
      const { status, body, headers } = await call('GET', path, undefined, { authorization });
      expect([authorization.slice(0, 12), status, headers.get('www-authenticate')]).toEqual([
        authorization.slice(0, 12),
        401,
        'Bearer',
      ]);
      const { request_id: _, ...rest } = body;
      bodies.add(JSON.stringify(rest));
    }
  }
  expect(bodies.size).toBe(1);
});

test('BAD-094, BAD-097: a person of no organization finds none, as if there were none', async () => {
  const { request_id: _, ...foreign } = (await as('stranger', 'GET', O)).body;
  const { request_id: __, ...unknown } = (await as('stranger', 'GET', '/v1/organizations/nobody')).body;
  expect(foreign).toEqual(unknown);
  expect(foreign['status']).toBe(404);
  expect((await as('owner1', 'GET', '/v1/organizations/other')).status).toBe(404);
});

test('BAD-095: a person acts for nobody else', async () => {
  const headers = { authorization: `Bearer ${await issuer.sign('owner1')}`, 'drawdown-user': 'member1' };
  expect(codeOf(await call('GET', `${O}/wallets`, undefined, headers))).toEqual([403, 'scope_required']);
});

test('a token that cannot be checked is 503 with Retry-After, and keys go on working', async () => {
  const away = await openIssuer();
  const other = await openInMemory({
    environment: { DRAWDOWN_OIDC_ISSUER: away.url, DRAWDOWN_OIDC_AUDIENCE: AUDIENCE },
  });
  away.breakWith(500);
  const there = callingAt(() => other.url);
  const answer = await there('GET', '/v1/presets', undefined, { authorization: `Bearer ${await away.sign('owner1')}` });
  expect([...codeOf(answer), answer.headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
  expect((await there('GET', '/v1/presets')).status).toBe(200);
  await other.close();
  await away.close();
});

test('without an issuer every token is unknown', async () => {
  const plain = await openInMemory();
  const authorization = `Bearer ${await issuer.sign('owner1')}`;
  expect((await callingAt(() => plain.url)('GET', '/v1/presets', undefined, { authorization })).status).toBe(401);
  await plain.close();
});

test('INV-AUD-9: no token and no key is in any log line, whatever becomes of the request', async () => {
  const token = await issuer.sign('owner1', { claims: { canary: 'canary-3f1c' } });
  const expired = await issuer.sign('owner1', { claims: { exp: 1, canary: 'canary-3f1c' } });
  const headers = { authorization: `Bearer ${token}` };
  expect((await call('GET', `${O}/wallets`, undefined, headers)).status).toBe(200);
  expect((await call('GET', `${O}/breakdown?by=user`, undefined, headers)).status).toBe(500);
  jest.spyOn(server.ledger, 'read').mockRejectedValueOnce(new LedgerUnavailable('away'));
  expect((await call('GET', O, undefined, headers)).status).toBe(503);
  expect((await call('GET', O, undefined, { authorization: `Bearer ${expired}` })).status).toBe(401);
  expect((await call('GET', `/v1/presets?access_token=${token}`, undefined, {})).status).toBe(400);
  const log = lines.join('');
  expect(log).toContain('a bug');
  expect(log).toContain('"route":"/v1/organizations/:org/wallets"');
  for (const secret of [token, expired, ADMIN_KEY, 'canary-3f1c', ...token.split('.')])
    expect(log).not.toContain(secret);
});
