import { SHIPPED_PRESETS } from '@drawdown/domain';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { LedgerUnavailable } from '@drawdown/ledger';
import { callingAt } from './testing/calling';
import { ADMIN_KEY, emptyReadModels, type InMemoryServer, openInMemory } from './testing/in-memory';
import { ask, CLOCK_TIME, eventFor, makeWorld } from './testing/bad-input-world';

let server: InMemoryServer;

beforeAll(async () => {
  server = await openInMemory();
  await makeWorld(server);
});
afterAll(() => server.close());

const O = '/v1/organizations/world';
const GRANTS = `${O}/wallets/credits/grants`;
const GRANT = { credit_type: 'purchased', amount: '1', reason: 'spec' };

const call = callingAt(() => server.url);
const lots = async () => (await call('GET', `${O}/wallets/credits/lots?limit=500`)).body['data'] as { id: string }[];

test('positions are in body and header, and a read waits for them', async () => {
  const granted = await call('POST', GRANTS, GRANT, { 'idempotency-key': 'position' });
  const position = String(granted.body['position']);
  expect(granted.headers.get('drawdown-position')).toBe(position);
  const wallet = await call('GET', `${O}/wallets/credits?after=${encodeURIComponent(position)}`);
  expect(wallet.body['as_of']).toMatchObject({ position });
  const beyond = await call('GET', `${O}/wallets/credits?after=0.999999`);
  expect([beyond.status, beyond.body['code'], beyond.headers.get('retry-after')]).toEqual([
    503,
    'read_model_behind',
    '1',
  ]);
});

/** Every read of the catalogue, and one of each kind that has a catalogue beside it. */
const catalogueReads = async (): Promise<readonly (readonly [string, string, object?])[]> => {
  const { body: clock } = await call('POST', '/v1/test-clocks', { now: CLOCK_TIME });
  const preview = { usage: { service_type: 'compute', quantity: '1', unit: 'hours' } };
  return [
    ['GET', '/v1/rate-cards'],
    ['GET', '/v1/rate-cards/world-card'],
    ['GET', '/v1/rate-cards/world-card/versions/1'],
    ['POST', '/v1/rate-cards/world-card/preview', preview],
    ['GET', '/v1/presets'],
    ['GET', '/v1/presets/enterprise'],
    ['GET', '/v1/api-keys'],
    ['GET', `/v1/test-clocks/${String(clock['id'])}`],
  ];
};

test('reads of the catalogue say how far it goes, and wait for what was written to it', async () => {
  for (const [method, path, body] of await catalogueReads()) {
    const made = await call('POST', '/v1/api-keys', { name: 'position', scopes: ['read'] });
    const position = String(made.body['position']);
    const read = await call(method, `${path}?after=${position}`, body);
    expect([path, read.status, read.body['as_of']]).toEqual([
      path,
      200,
      { position, time: expect.any(String) as string },
    ]);
  }
});

test('BAD-117: every read is behind a position that the catalogue has not reached', async () => {
  const reads = [
    ...(await catalogueReads()),
    ['GET', O],
    ['GET', `${O}/wallets/credits`],
    ['GET', `${O}/balance?as_of=0.1`],
  ] as const;
  const answers = await Promise.all(
    reads.map(async ([method, path, body]) => {
      const answer = await call(method, `${path}${path.includes('?') ? '&' : '?'}after=c.99999999`, body);
      return [path, answer.status, answer.body['code'], answer.headers.get('retry-after')];
    }),
  );
  expect(answers).toEqual(reads.map(([, path]) => [path, 503, 'read_model_behind', '1']));
});

test('pages of lots neither skip nor repeat while lots are added', async () => {
  const before = (await lots()).map(({ id }) => id);
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await call('GET', `${O}/wallets/credits/lots?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...(page.body['data'] as { id: string }[]).map(({ id }) => id));
    cursor = page.body['next_cursor'] as string | null;
    if (seen.length < 6) await call('POST', GRANTS, GRANT, { 'idempotency-key': `page ${String(seen.length)}` });
  }
  expect(seen.slice(0, before.length)).toEqual(before);
  expect(new Set(seen).size).toBe(seen.length);
});

test('short lists are paged, too: pages neither skip nor repeat while rows are added', async () => {
  const [shipped] = SHIPPED_PRESETS;
  if (shipped === undefined) throw new Error('no preset is shipped');
  const wallets = shipped.wallets.flatMap((wallet) => [wallet, { ...wallet, key: 'second', serviceTypes: [] }]);
  const dual = { ...shipped, key: 'dual', wallets };
  const spies = [
    jest.spyOn(server.catalogue.presets, 'all').mockReturnValue([shipped, dual]),
    jest.spyOn(server.catalogue.presets, 'get').mockReturnValue(dual),
  ];
  expect((await call('POST', '/v1/organizations', { id: 'paged', name: 'Paged', preset: 'dual' })).status).toBe(201);
  const put = (user: string, role: string) => call('PUT', `/v1/organizations/paged/members/${user}`, { role });
  for (const user of ['m1', 'm2', 'm3@x.org']) await put(user, user === 'm1' ? 'owner' : 'member');
  const cursors: string[] = [];
  for (const path of ['/v1/organizations/paged/members', '/v1/organizations/paged/wallets', '/v1/presets']) {
    const whole = (await call('GET', path)).body['data'] as object[];
    expect(whole.length).toBeGreaterThan(1);
    const paged: object[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await call('GET', `${path}?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect([path, page.status, page.body['data']]).toEqual([path, 200, [expect.any(Object)]]);
      paged.push(...(page.body['data'] as object[]));
      cursor = page.body['next_cursor'] as string | null;
      if (cursor !== null) cursors.push(cursor);
      await put('m0', 'member'); // before every cursor
    }
    expect(paged).toEqual(whole.filter((row) => !('user_id' in row) || row.user_id !== 'm0'));
    const other = await call('GET', `${path}?cursor=lots.1`);
    expect([other.status, other.body['code']]).toEqual([400, 'invalid_cursor']);
  }
  for (const spy of spies) spy.mockRestore();
  const [ofMembers = ''] = cursors;
  expect((await call('GET', `/v1/presets?cursor=${ofMembers}`)).body['code']).toBe('invalid_cursor');
});

test('a revoked key is refused at once', async () => {
  const { body } = await call('POST', '/v1/api-keys', { name: 'short', scopes: ['read'] });
  const headers = { authorization: `Bearer ${String(body['key'])}` };
  expect((await call('GET', O, undefined, headers)).status).toBe(200);
  await call('DELETE', `/v1/api-keys/${String(body['id'])}`);
  expect((await call('GET', O, undefined, headers)).status).toBe(401);
});

test('secrets of keys are shown once', async () => {
  const { body } = await call('GET', '/v1/api-keys?limit=500');
  expect(JSON.stringify(body)).not.toContain(ADMIN_KEY);
  expect(JSON.stringify(body)).not.toMatch(/hash|secret/);
});

test('a member sees own transactions only, and nothing of balances', async () => {
  const asked: unknown[] = [];
  const member = await openInMemory({
    readModels: {
      ...emptyReadModels(),
      transactions: async (_: unknown, query: unknown) => {
        asked.push(query);
        return { value: { data: [], next_cursor: null }, asOf: { position: new Map(), time: CLOCK_TIME } };
      },
    } as never,
  });
  await makeWorld(member);
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'drawdown-user': 'member1' };
  await fetch(`${member.url}${O}/transactions`, { headers });
  expect(asked).toMatchObject([{ userId: 'member1' }]);
  expect((await fetch(`${member.url}${O}/wallets`, { headers })).status).toBe(403);
  await member.close();
});

test('a store that is away is 503 with Retry-After, and readiness says why', async () => {
  const away = await openInMemory({ store: inMemoryEventStore() });
  await makeWorld(away);
  away.readiness.register('ledger', () => 'the disk is full');
  jest.spyOn(away.ledger, 'run').mockRejectedValue(new LedgerUnavailable('the disk is full'));
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'idempotency-key': 'x', 'content-type': 'application/json' };
  const refused = await fetch(`${away.url}${GRANTS}`, { method: 'POST', headers, body: JSON.stringify(GRANT) });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ code: 'unavailable' });
  const ready = await fetch(`${away.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ checks: { ledger: { ok: false, reason: 'the disk is full' } } });
  await away.close();
});

test('test clocks that are switched off are not found', async () => {
  const production = await openInMemory({ environment: { DRAWDOWN_TEST_CLOCKS: '0' } });
  await expect(ask(production, 'POST', '/v1/test-clocks', { now: CLOCK_TIME })).rejects.toThrow(/404.*not_found/);
  await production.close();
});

test('metrics count requests by route, and events by outcome', async () => {
  await call('POST', '/v1/events', [eventFor('world', 'metric'), {}]);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  expect(text).toMatch(/drawdown_http_requests_total\{method="POST",route="\/v1\/events",status="202"\} \d/);
  expect(text).toMatch(/drawdown_intake_events_total\{outcome="rejected",channel="http"\} \d/);
  expect(text).toContain('drawdown_http_request_duration_seconds_bucket');
  expect(text).not.toContain('world');
});

test('a request id is echoed where it is one, and made where it is not', async () => {
  expect((await call('GET', O, undefined, { 'x-request-id': 'req-1' })).headers.get('x-request-id')).toBe('req-1');
  expect((await call('GET', O, undefined, { 'x-request-id': 'a b' })).headers.get('x-request-id')).toMatch(/^req_/);
});

test('a stopping process takes nothing in', async () => {
  const stopping = await openInMemory();
  await makeWorld(stopping);
  const closing = stopping.close();
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const answer = await fetch(`${stopping.url}${O}`, { headers })
    .then(({ status }) => status)
    .catch(() => 'closed');
  expect([503, 'closed']).toContain(answer);
  await closing;
});
