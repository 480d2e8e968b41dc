import { callingAt } from './testing/calling';
import { ADMIN_KEY, type InMemoryServer, openInMemory } from './testing/in-memory';
import { makeWorld } from './testing/bad-input-world';

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

describe('an Idempotency-Key', () => {
  test('BAD-060: the same grant from 1,000 parallel requests makes one lot and 1,000 equal answers', async () => {
    const before = (await lots()).length;
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'idempotency-key': 'thousand' };
    const request = { method: 'POST', url: GRANTS, headers, payload: GRANT } as const;
    const answers = await Promise.all(Array.from({ length: 1000 }, () => server.app.inject(request)));
    expect(new Set(answers.map(({ statusCode, body }) => `${String(statusCode)} ${body}`)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers['idempotent-replay'] === 'true')).toHaveLength(999);
    expect(await lots()).toHaveLength(before + 1);
  });

  test('compares bodies as JSON, not as text', async () => {
    const key = { 'idempotency-key': 'form' };
    const first = await call('POST', GRANTS, GRANT, key);
    const again = await call('POST', GRANTS, '{ "reason":"spec","amount" : "1",\n"credit_type":"purchased"}', key);
    expect(again.body).toEqual(first.body);
    expect((await call('POST', GRANTS, { ...GRANT, amount: '1.0' }, key)).body['code']).toBe('idempotency_key_reused');
  });

  test('belongs to its route and its organization', async () => {
    const key = { 'idempotency-key': 'route' };
    expect((await call('POST', GRANTS, GRANT, key)).status).toBe(201);
    const elsewhere = await call('POST', `${O}/wallets/credits/adjustments`, { amount: '1', reason: 'spec' }, key);
    expect([elsewhere.status, elsewhere.body['code']]).toEqual([409, 'idempotency_key_reused']);
    expect((await call('POST', GRANTS.replace('world', 'other'), GRANT, key)).status).toBe(201);
  });

  test('remembers a refusal, whatever happens afterwards', async () => {
    const key = { 'idempotency-key': 'refused' };
    const hold = { wallet: 'credits', amount: '5000' };
    expect((await call('POST', `${O}/holds`, hold, key)).status).toBe(402);
    await call('POST', GRANTS, { ...GRANT, amount: '9000' }, { 'idempotency-key': 'enough' });
    const again = await call('POST', `${O}/holds`, hold, key);
    expect([again.status, again.headers.get('idempotent-replay')]).toEqual([402, 'true']);
  });

  test('INV-INT-8: of what was asked until an instant is answered the same when that is over, and what is new is refused', async () => {
    const { body: clock } = await call('POST', '/v1/test-clocks', { now: '2026-05-01T00:00:00Z' });
    const organization = { id: 'timed', name: 'Timed', preset: 'enterprise', test_clock: clock['id'] };
    await call('POST', '/v1/organizations', organization);
    const T = '/v1/organizations/timed';
    const until = { expires_at: '2026-05-02T00:00:00Z' };
    const ask = ([path, body]: readonly [string, object], key: string) =>
      call('POST', T + path, body, { 'idempotency-key': key });
    const grant = ['/wallets/credits/grants', { ...GRANT, ...until }] as const;
    const hold = ['/holds', { wallet: 'credits', amount: '0.5', ...until }] as const;
    const answers = [await ask(grant, 'timed 0'), await ask(hold, 'timed 1')];
    const extend = [`/holds/${String(answers[1]?.body['id'])}/extend`, until] as const;
    answers.push(await ask(extend, 'timed 2'));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 200]);
    await call('POST', `/v1/test-clocks/${String(clock['id'])}/advance`, { to: until.expires_at });
    const head = await server.store.head('ledger-0');
    for (const [n, request] of [grant, hold, extend].entries()) {
      const again = await ask(request, `timed ${String(n)}`);
      expect([again.status, again.body, again.headers.get('idempotent-replay')]).toEqual([
        answers[n]?.status,
        answers[n]?.body,
        'true',
      ]);
      const late = await ask(request, `late ${String(n)}`);
      expect([late.status, late.body]).toMatchObject([422, { errors: [{ pointer: '/expires_at', code: 'invalid_interval' }] }]); // prettier-ignore
    }
    expect(await server.store.head('ledger-0')).toBe(head);
  });

  test('gives an organization without an id the same id again', async () => {
    const body = { name: 'Nameless', preset: 'enterprise' };
    const first = await call('POST', '/v1/organizations', body, { 'idempotency-key': 'nameless' });
    const again = await call('POST', '/v1/organizations', body, { 'idempotency-key': 'nameless' });
    expect(first.body['id']).toMatch(/^org_/);
    expect(again.body).toEqual(first.body);
  });

  test('makes a rate card version once', async () => {
    const versions = '/v1/rate-cards/world-card/versions';
    const body = { rates: [{ service_type: 'x', price: { type: 'flat_rate', credits_per_unit: '1', unit: 'u' } }] };
    const first = await call('POST', versions, body, { 'idempotency-key': 'version' });
    const again = await call('POST', versions, body, { 'idempotency-key': 'version' });
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replay')).toBe('true');
    expect((await call('POST', versions, { rates: [] }, { 'idempotency-key': 'version' })).status).toBe(400);
  });

  test('of a write to the catalogue is known after a restart: same answer, and 409 for another body', async () => {
    const rates = [{ service_type: 'x', price: { type: 'flat_rate', credits_per_unit: '1', unit: 'u' } }];
    const requests = [
      ['/v1/rate-cards', { key: 'kept', name: 'Kept', unit: 'credit' }, { key: 'kept', name: 'Other', unit: 'credit' }],
      ['/v1/rate-cards/kept/versions', { rates }, { rates, rounding: { scale: 1, mode: 'up' } }],
      ['/v1/rate-cards/kept/versions/1/activate', {}, { effective_from: '2026-01-01T00:00:00Z' }],
      ['/v1/test-clocks', { now: '2026-05-01T00:00:00Z' }, { now: '2026-05-02T00:00:00Z' }],
    ] as const;
    const key = (path: string) => ({ 'idempotency-key': `kept ${path}` });
    const first = new Map<string, unknown>();
    for (const [path, body] of requests) first.set(path, (await call('POST', path, body, key(path))).body);
    const restarted = await openInMemory({ store: server.store });
    const callAgain = callingAt(() => restarted.url);
    for (const [path, body, other] of requests) {
      const again = await callAgain('POST', path, body, key(path));
      expect([path, again.headers.get('idempotent-replay'), again.body]).toEqual([path, 'true', first.get(path)]);
      const reused = await callAgain('POST', path, other, key(path));
      expect([path, reused.status, reused.body['code']]).toEqual([path, 409, 'idempotency_key_reused']);
    }
    // Not the whole of it: the store goes on under the first server.
    await restarted.app.getHttpAdapter().close();
    await restarted.ledger.stop();
  });

  test('of a new API key makes one key, whose secret is answered once and is kept nowhere (BAD-060)', async () => {
    const key = { 'idempotency-key': 'new key' };
    const body = { name: 'only one', scopes: ['read'] };
    const make = (at = call, asked: object = body) => at('POST', '/v1/api-keys', asked, key);
    const answers = await Promise.all(Array.from({ length: 5 }, () => make()));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    const [first, ...more] = answers.filter(({ body: { key: secret } }) => secret !== null);
    expect(more).toEqual([]);
    const replays = answers.filter((answer) => answer !== first);
    const made = replays[0]?.body ?? {};
    expect(first?.headers.get('idempotent-replay')).toBeNull();
    expect(first?.body).toEqual({ ...made, key: expect.stringMatching(/^ddk_/) as string });
    const restarted = await openInMemory({ store: server.store });
    for (const again of [...replays, await make(), await make(callingAt(() => restarted.url))]) {
      expect([again.status, again.headers.get('idempotent-replay')]).toEqual([201, 'true']);
      expect(again.body).toEqual({ ...made, key: null });
    }
    for (const at of [call, callingAt(() => restarted.url)]) {
      const reused = await make(at, { ...body, name: 'another' });
      expect([reused.status, reused.body['code']]).toEqual([409, 'idempotency_key_reused']);
    }
    const { body: keys } = await call('GET', '/v1/api-keys?limit=500');
    expect((keys['data'] as { name: string }[]).filter(({ name }) => name === body.name)).toHaveLength(1);
    const stored = await server.store.readAll(-1, 500, ['api-key-']);
    const text = stored.map(({ data, metadata }) => Buffer.from(data).toString() + JSON.stringify(metadata)).join();
    expect(text).toContain(String(made['id']));
    expect(text).not.toContain(String(first?.body['key']));
    await restarted.app.getHttpAdapter().close();
  });
});
