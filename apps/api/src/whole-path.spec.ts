import 'reflect-metadata';
import { openTestDatabase } from '@drawdown/adapters/testing';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { startRelay } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { createHttp, createLogger, PrometheusMetrics, readApiSettings, Readiness } from '@drawdown/http';
import { FollowedCatalogue, owningShards, shardsOf, Worker } from '@drawdown/ledger';
import { type EventStore, inProcessStream, NO_METRICS, type ReadDatabase } from '@drawdown/ports';
import { delegating } from '@drawdown/ledger/testing';
import { inMemoryEventStore, inMemorySnapshots } from '@drawdown/ports/testing';
import { startProjectors } from '@drawdown/projections';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomUUID } from 'node:crypto';
import { ApiModule } from './api.module';
import { type ApiPorts, Parts } from './parts';

const KEY = 'test-admin-key-0123456789';
/** Of a batch whose sender is not told its position. */
const TRIES_MAX = 20;
const PROJECTORS = [['balances'], ['breakdown'], ['burn_rate'], ['transactions', 'quarantine', 'balance_days']];

let api: NestFastifyApplication;
let other: NestFastifyApplication;
let url: string;
let database: ReadDatabase;
const stops: (() => Promise<void>)[] = [];

/** Set while another API learns nothing of the catalogue, and while the relay publishes nothing. */
let held: Promise<void> | null = null;
let relayHeld: Promise<void> | null = null;

const heldUp = (store: EventStore): EventStore => ({
  ...delegating(store),
  async *followAll(...asked) {
    for await (const page of store.followAll(...asked)) {
      await held;
      yield page;
    }
  },
});
const publishedLate = (store: EventStore): EventStore => ({
  ...delegating(store),
  async *follow(...asked) {
    for await (const page of store.follow(...asked)) {
      await relayHeld;
      yield page;
    }
  },
});

type Shared = Omit<ApiPorts, 'fit' | 'metrics' | 'readiness' | 'close'> & { readonly shards: number };

const openApi = async (shared: Shared): Promise<NestFastifyApplication> => {
  const settings = readApiSettings({ DRAWDOWN_ADMIN_KEY: KEY, DRAWDOWN_LOG_LEVEL: 'silent' });
  const own = { metrics: new PrometheusMetrics(), readiness: new Readiness(), close: async () => undefined };
  const parts = new Parts({ ...shared, fit: async () => shared.shards, ...own });
  await parts.begin(settings.adminKey, async () => undefined);
  const app = await createHttp(ApiModule.of(parts, settings, createLogger('silent')));
  await app.listen(0, '127.0.0.1');
  return app;
};

/** Every process of the distributed form in this one, on references of the servers. */
beforeAll(async () => {
  const [store, stream, clock] = [inMemoryEventStore(), inProcessStream(), systemClock()];
  database = await openTestDatabase();
  const shared = {
    store,
    stream,
    shards: await shardsOf(store, 4),
    clock,
    log: createLogger('silent'),
    metrics: NO_METRICS,
  };
  const register = (): void => undefined;

  const followed = new FollowedCatalogue(shared);
  await followed.start();
  const { catalogue } = followed;
  const owner = owningShards({ ...shared, catalogue, snapshots: inMemorySnapshots() });
  const worker = new Worker({ ...shared, catalogue, owner });
  await worker.start();
  const relay = startRelay({ ...shared, store: publishedLate(store), streamOf: ledgerStream, register });
  stops.push(() => worker.stop(), followed.stop.bind(followed), relay.stop);
  for (const names of PROJECTORS) stops.push(startProjectors(names, { ...shared, database, register }).stop);

  api = await openApi({ ...shared, database });
  other = await openApi({ ...shared, database, store: heldUp(store) });
  url = await api.getUrl();
  for (let tries = 0; (await call('GET', '/readyz')).status !== 200 && tries < 2_000; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}, 90_000);
afterAll(async () => {
  await Promise.all([api.close(), other.close()]);
  for (const stop of stops) await stop();
  await database.close();
});

type Body = Record<string, unknown>;
const call = async (
  method: string,
  path: string,
  json?: unknown,
  at = url,
): Promise<{ status: number; body: Body }> => {
  const response = await fetch(at + path, {
    method,
    headers: {
      authorization: `Bearer ${KEY}`,
      ...(method === 'GET' ? {} : { 'idempotency-key': randomUUID() }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  return { status: response.status, body: (await response.json()) as Body };
};
const must = async (...request: Parameters<typeof call>): Promise<Body> => {
  const { status, body } = await call(...request);
  if (status >= 300) throw new Error(`${request.join(' ')}: ${String(status)} ${JSON.stringify(body)}`);
  return body;
};

const event = (id: string, organization: string, workspace: string, input: string) => ({
  ...{ specversion: '1.0', id, source: 'spec', type: 'drawdown.usage.v1', subject: organization },
  time: '2026-05-01T00:00:00Z',
  data: {
    ...{ workspace_id: workspace, user_id: 'u1', service_type: 'llm_call', model: 'm' },
    quantities: { input_tokens: input, output_tokens: '0' },
  },
});

/** An organization on a clock, with a card of its own and 40 credits. */
const furnished = async (organization: string): Promise<{ clock: string; base: string }> => {
  const { id } = await must('POST', '/v1/test-clocks', { now: '2026-05-01T00:00:00Z' });
  const base = `/v1/organizations/${organization}`;
  const make = { id: organization, name: organization, preset: 'enterprise', test_clock: id };
  await must('POST', '/v1/organizations', make);
  const rates = [
    { service_type: 'llm_call', model: 'm', price: { type: 'per_token', per: '1', input: '0.5', output: '1' } },
  ];
  await must('POST', '/v1/rate-cards', { key: organization, name: 'Card', unit: 'credit' });
  await must('POST', `/v1/rate-cards/${organization}/versions`, { rates });
  const from = { effective_from: '2026-01-01T00:00:00Z' };
  await must('POST', `/v1/rate-cards/${organization}/versions/1/activate`, from);
  await must('PUT', `${base}/rate-card`, { key: organization });
  const grant = { credit_type: 'purchased', amount: '40', priority: 20, reason: 'spec' };
  await must('POST', `${base}/wallets/credits/grants`, grant);
  return { clock: String(id), base };
};

const balanceOf = async (base: string, after = ''): Promise<unknown> =>
  (await must('GET', `${base}/wallets/credits${after && `?after=${after}`}`))['balance'];

test('usage is charged by a worker and read after its position from what projectors made of it', async () => {
  const { base } = await furnished('path-1');
  const charged = await must('POST', '/v1/events?wait=charged', event('1', 'path-1', 'w1', '3'));
  expect(charged['results']).toMatchObject([{ outcome: 'charged', credits_debited: '1.5', balance_after: '38.5' }]);
  // Read models that do not know the organization yet have its owner asked, who knows which of the events came before.
  await balanceOf(base, String(charged['position']));
  const batch = [event('2', 'path-1', 'w2', '4'), event('1', 'path-1', 'w1', '3')];
  let taken = await call('POST', '/v1/events', batch);
  expect(taken).toMatchObject({ status: 202, body: { accepted: 2, rejected: [] } });
  // A worker that takes half a second leaves the sender without a position, who may send the same again.
  for (let tries = 1; taken.body['position'] === null && tries < TRIES_MAX; tries++) {
    taken = await call('POST', '/v1/events', batch);
    expect(taken).toMatchObject({ status: 202, body: { rejected: [] } });
    expect(Number(taken.body['accepted']) + Number(taken.body['duplicates'])).toBe(batch.length);
  }
  const after = encodeURIComponent(String(taken.body['position']));
  expect(await balanceOf(base, after)).toMatchObject({ available: '36.5' });
  expect(await must('GET', `${base}/breakdown?by=workspace&period=all&after=${after}`)).toMatchObject({
    total: '3.5',
    data: [
      { key: 'w2', credits: '2', transactions: 1 },
      { key: 'w1', credits: '1.5', transactions: 1 },
    ],
  });
  expect(
    await must('POST', `${base}/check`, { service_type: 'llm_call', model: 'm', estimate: { credits: '36.5' } }),
  ).toMatchObject({ allowed: true, code: 'ok' });
  const [result] = charged['results'] as Body[];
  const refund = { transaction_id: result?.['transaction_id'], reason: 'spec' };
  expect(await must('POST', `${base}/refunds`, refund)).toMatchObject({ credits: '1.5' });
  expect((await call('POST', `${base}/refunds`, refund)).status).toBe(409);
});

test('an organization can be used right after it was made, and a hold read after its position', async () => {
  for (const organization of ['path-2', 'path-3', 'path-4', 'path-5']) {
    const { base } = await furnished(organization);
    const hold = await must('POST', `${base}/holds`, { wallet: 'credits', amount: '3' });
    expect(await balanceOf(base, String(hold['position']))).toMatchObject({ available: '37', held: '3' });
    const capture = { amount: '1', final: true };
    expect((await must('POST', `${base}/holds/${String(hold['id'])}/capture`, capture))['captured']).toBe('1');
    expect((await call('POST', `${base}/holds/${String(hold['id'])}/capture`, capture)).status).toBe(409);
  }
});

test('INV-DEL-5: whoever has moved a test clock reads what became due, without saying after what', async () => {
  const { clock, base } = await furnished('path-6');
  const expiring = { credit_type: 'promotional', amount: '2', priority: 10, reason: 'spec' };
  const grant = { ...expiring, expires_at: '2026-05-03T00:00:00Z' };
  await must('POST', `${base}/wallets/credits/grants`, grant);
  await must('POST', `/v1/test-clocks/${clock}/advance`, { to: '2026-05-03T00:00:00Z' });
  expect(await balanceOf(base)).toMatchObject({ settled: '40', available: '40' });
  expect((await must('GET', `${base}/transactions?kind=expiry`))['data']).toHaveLength(1);
});

test('INV-DEL-5: another API reads what became due after the answer of who moved the clock, before it has heard of that', async () => {
  const at = await other.getUrl();
  const { clock, base } = await furnished('path-9');
  const expiring = { credit_type: 'promotional', amount: '2', priority: 10, reason: 'spec' };
  const grant = { ...expiring, expires_at: '2026-05-03T00:00:00Z' };
  const granted = await must('POST', `${base}/wallets/credits/grants`, grant);
  await must('GET', `${base}/wallets/credits/lots?after=${String(granted['position'])}`, undefined, at);
  // From here on that one knows up to where it moved the clock itself.
  await must('POST', `/v1/test-clocks/${clock}/advance`, { to: '2026-05-02T00:00:00Z' }, at);
  let [release, publish] = [(): void => undefined, (): void => undefined];
  held = new Promise<void>((resolve) => (release = resolve));
  relayHeld = new Promise<void>((resolve) => (publish = resolve));
  try {
    const moved = await must('POST', `/v1/test-clocks/${clock}/advance`, { to: '2026-05-03T00:00:00Z' });
    const after = encodeURIComponent(String(moved['position']));
    const lists = ['wallets/credits', 'wallets/credits/lots', 'transactions'];
    const reading = lists.map((list) => must('GET', `${base}/${list}?after=${after}`, undefined, at));
    let answers = 0;
    for (const one of reading) one.finally(() => (answers += 1)).catch(() => undefined);
    // By the end of these they have come past the gate, if they do.
    for (const list of lists) await must('GET', `${base}/${list}`, undefined, at);
    release();
    // The catalogue is heard of by the end of this; the read models have nothing new yet.
    await must('GET', `/v1/test-clocks/${clock}?after=${after}`, undefined, at);
    await must('GET', `/v1/test-clocks/${clock}?after=${after}`, undefined, at);
    const early = answers;
    publish();
    const [wallet, lots, transactions] = await Promise.all(reading);
    expect(early).toBe(0);
    expect(wallet).toMatchObject({ balance: { settled: '40', available: '40' } });
    expect(lots?.['data']).toMatchObject([{ remaining: '40' }, { remaining: '0', state: 'expired' }]);
    expect(transactions?.['data']).toMatchObject([{ kind: 'expiry' }, { kind: 'grant' }, { kind: 'grant' }]);
  } finally {
    for (const go of [release, publish]) go();
    [held, relayHeld] = [null, null];
  }
});

test('there is no organization that nobody made, and usage for it is refused and not taken', async () => {
  expect((await call('GET', '/v1/organizations/nobody')).status).toBe(404);
  expect((await must('POST', '/v1/events', event('1', 'nobody', 'w', '1')))['rejected']).toMatchObject([
    { code: 'organization_not_found' },
  ]);
});

test('what one API has written is read at another after its position, as soon as that has heard of it', async () => {
  let release = (): void => undefined;
  held = new Promise<void>((resolve) => (release = resolve));
  const at = await other.getUrl();
  const card = await must('POST', '/v1/rate-cards', { key: 'elsewhere', name: 'Card', unit: 'credit' });
  const after = String(card['position']);
  expect((await call('GET', '/v1/rate-cards/elsewhere', undefined, at)).status).toBe(404);
  const reading = call('GET', `/v1/rate-cards/elsewhere?after=${after}`, undefined, at);
  await call('GET', '/v1/rate-cards', undefined, at); // a turn in which it could have been answered
  release();
  held = null;
  expect(await reading).toMatchObject({ status: 200, body: { key: 'elsewhere', as_of: { position: after } } });
});

test('what one API has made is used at another at once, whether that has heard of it or not', async () => {
  let release = (): void => undefined;
  held = new Promise<void>((resolve) => (release = resolve));
  try {
    const at = await other.getUrl();
    const { id } = await must('POST', '/v1/test-clocks', { now: '2026-05-01T00:00:00Z' });
    await must('POST', '/v1/rate-cards', { key: 'path-7', name: 'Card', unit: 'credit' });
    const make = { id: 'path-7', name: 'path-7', preset: 'enterprise', test_clock: id };
    await must('POST', '/v1/organizations', make, at);
    const price = { type: 'flat_rate', credits_per_unit: '2', unit: 'hours' };
    const rates = { rates: [{ service_type: 'compute', price }] };
    await must('POST', '/v1/rate-cards/path-7/versions', rates, at);
    await must('POST', '/v1/rate-cards/path-7/versions', rates);
    const from = { effective_from: '2026-01-01T00:00:00Z' };
    await must('POST', '/v1/rate-cards/path-7/versions/2/activate', from, at);
    await must('POST', '/v1/rate-cards', { key: 'path-8', name: 'Card', unit: 'credit' });
    await must('PUT', '/v1/organizations/path-7/rate-card', { key: 'path-8' }, at);
    await must('POST', `/v1/test-clocks/${String(id)}/advance`, { to: '2026-05-02T00:00:00Z' }, at);
    const nobody = { status: 404, body: { code: 'not_found' } };
    expect(await call('POST', '/v1/rate-cards/nobody/versions', rates, at)).toMatchObject(nobody);
    expect(await call('PUT', '/v1/organizations/path-7/rate-card', { key: 'nobody' }, at)).toMatchObject(nobody);
  } finally {
    release();
    held = null;
  }
});

test('it is ready', async () => {
  expect((await call('GET', '/readyz')).status).toBe(200);
});
