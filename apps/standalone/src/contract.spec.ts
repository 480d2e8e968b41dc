import { Ajv, type ValidateFunction } from 'ajv';
import { SAMPLE_ORGANIZATION } from './sample';
import { type EmbeddedServer, openEmbedded } from './testing/embedded';
import { ADMIN_KEY } from './testing/in-memory';
import { eventFor, makeWorld, type World } from './testing/bad-input-world';

/** The whole process on its real stores: what it answers is what the published document says. */
interface Described {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly operationId: string; readonly responses: object }>>>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

let server: EmbeddedServer;
let url: string;
let world: World;
let document: Described;
const ajv = new Ajv({ strict: false, validateFormats: false });
const validators = new Map<string, ValidateFunction>();

beforeAll(async () => {
  server = await openEmbedded();
  url = server.url;
  world = await makeWorld({ url });
  document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as Described;
  const schemas = JSON.stringify(document.components.schemas).replaceAll('#/components/schemas/', '#/definitions/');
  ajv.addSchema({ $id: 'openapi', definitions: JSON.parse(schemas) as object });
}, 60_000);

afterAll(() => server.close());

/** The check of a named document, with the references of the OpenAPI document. */
const validator = (name: string): ValidateFunction => {
  let found = validators.get(name);
  if (found === undefined) {
    found = ajv.compile({ $ref: `openapi#/definitions/${name}` });
    validators.set(name, found);
  }
  return found;
};

const operationOf = (method: string, route: string) => {
  const [template, item] =
    Object.entries(document.paths).find(([path]) =>
      new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(route),
    ) ?? [];
  const operation = item?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${method} ${route} (${String(template)}) is not documented`);
  return operation;
};

let serial = 0;
const covered = new Set<string>();

/** Sends a request and checks its answer against the document. */
const call = async (
  method: string,
  route: string,
  json?: unknown,
  person?: string,
): Promise<Record<string, unknown>> => {
  const response = await fetch(url + route, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      'idempotency-key': `contract ${String(serial++)}`,
      ...(person === undefined ? {} : { 'drawdown-user': person }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const body = (await response.json()) as Record<string, unknown>;
  const operation = operationOf(method, route.split('?', 1)[0] ?? '');
  const name = new RegExp(`"${String(response.status)}".*?schemas/(\\w+)"`).exec(
    JSON.stringify(operation.responses),
  )?.[1];
  if (name === undefined) throw new Error(`${method} ${route}: ${String(response.status)} ${JSON.stringify(body)}`);
  const validate = validator(name);
  expect([`${method} ${route}`, validate(body), validate.errors ?? []]).toEqual([`${method} ${route}`, true, []]);
  covered.add(operation.operationId);
  return body;
};

const O = '/v1/organizations/world';
const W = `${O}/wallets/credits`;

test('every route answers what is documented', async () => {
  const clock = await call('POST', '/v1/test-clocks', { now: '2026-05-01T00:00:00Z' });
  await call('GET', `/v1/test-clocks/${String(clock['id'])}`);
  await call('POST', `/v1/test-clocks/${String(clock['id'])}/advance`, { to: '2026-05-01T00:00:00.5Z' });
  await call('POST', '/v1/organizations', { id: 'contract', name: 'x', preset: 'enterprise' });
  for (const route of [O, `${O}/members`, `${O}/wallets`, W, `${W}/policy`, `${W}/lots`, `${O}/balance`])
    await call('GET', route);
  await call('PUT', `${O}/members/u2`, { role: 'member' });
  await call('DELETE', `${O}/members/u2`);
  await call('PUT', `${O}/rate-card`, { key: 'world-card' });
  await call('PATCH', W, { low_balance_threshold: '5' });
  const granted = await call('POST', `${W}/grants`, {
    credit_type: 'purchased',
    amount: '5',
    scope: { models: ['m'] },
    cost_basis: { amount: '0.01', currency: 'USD' },
    consumption_cap: { amount: '1', per: 'day' },
    expires_at: '2027-01-01T00:00:00Z',
    reason: 'x',
  });
  await call('POST', `${W}/adjustments`, { amount: '-1', reason: 'x' });
  await call('POST', `${O}/lots/${String((granted['lot'] as { id: string }).id)}/void`, { reason: 'x' });
  await call('POST', `${O}/check`, { service_type: 'compute', estimate: { quantity: '1', unit: 'hours' } });
  expect(await call('POST', `${O}/check`, { service_type: 'none' })).toMatchObject({ allowed: false, code: 'no_rate' });
  const hold = String((await call('POST', `${O}/holds`, { wallet: 'credits', amount: '2' }))['id']);
  await call('GET', `${O}/holds/${hold}`);
  await call('POST', `${O}/holds/${hold}/extend`, { expires_at: '2026-05-02T00:00:00Z' });
  await call('POST', `${O}/holds/${hold}/capture`, { amount: '1', final: false });
  await call('POST', `${O}/holds/${hold}/release`);
  await call('GET', `${O}/holds`);
  const nowhere = eventFor('nowhere', 'contract');
  await call('POST', '/v1/events?wait=charged', [eventFor('world', 'contract'), {}, nowhere]);
  const odd = { ...eventFor('world', 'odd'), data: { service_type: 'compute', quantity: '1', unit: 'GB' } };
  const taken = await call('POST', '/v1/events', [odd, nowhere]);
  const after = `after=${encodeURIComponent(String(taken['position']))}`;
  await call('GET', `/v1/quarantine?organization_id=world&${after}`);
  await call('POST', '/v1/quarantine/redrive', { organization_id: 'world' });
  for (const route of [
    'transactions',
    'breakdown?by=service_type',
    'spending?period=7d',
    'burn-rate?wallet=credits',
    'burndown?wallet=credits',
  ]) {
    await call('GET', `${O}/${route}${route.includes('?') ? '&' : '?'}${after}`);
  }
  await call('PUT', `${O}/members/u1`, { role: 'member' });
  for (const route of ['usage', 'usage/trend', 'usage/organizations', 'usage/services', 'transactions']) {
    await call('GET', `/v1/me/${route}?${after}`, undefined, 'u1');
  }
  const txn = world['txn'] ?? '';
  for (const part of ['', '/tree', '/explanation']) await call('GET', `${O}/transactions/${txn}${part}`);
  await call('POST', `${O}/refunds`, { transaction_id: txn, reason: 'x' });
  await call('POST', '/v1/organizations/contract/close', { reason: 'x' });
});

test('the catalogue answers what is documented', async () => {
  await call('GET', '/v1/presets');
  await call('GET', '/v1/presets/enterprise');
  await call('POST', '/v1/rate-cards', { key: 'contract', name: 'x', unit: 'credit' });
  const rates = [{ service_type: 'compute', price: { type: 'flat_rate', credits_per_unit: '2', unit: 'hours' } }];
  await call('POST', '/v1/rate-cards/contract/versions', { rates, rounding: { scale: 2, mode: 'up' } });
  await call('POST', '/v1/rate-cards/contract/versions/1/activate', { effective_from: '2026-01-01T00:00:00Z' });
  await call('GET', '/v1/rate-cards');
  await call('GET', '/v1/rate-cards/contract');
  await call('GET', '/v1/rate-cards/contract/versions/1');
  const usage = { service_type: 'compute', quantity: '1.234', unit: 'hours' };
  const preview = await call('POST', '/v1/rate-cards/contract/preview', { usage, version: 1 });
  expect(preview['credits']).toBe('2.47');
  const key = await call('POST', '/v1/api-keys', { name: 'x', scopes: ['read'], organization_id: 'world' });
  await call('GET', '/v1/api-keys');
  await call('DELETE', `/v1/api-keys/${String(key['id'])}`);
});

test('every documented operation was asked, and the check checks', () => {
  expect(validator('WalletRead')({ id: 'credits' })).toBe(false);
  const all = Object.values(document.paths).flatMap((item) =>
    Object.values(item).map(({ operationId }) => operationId),
  );
  expect(all.filter((operation) => !covered.has(operation))).toEqual([]);
});

test('the sample organization has credits and a card', async () => {
  const wallet = await call('GET', `/v1/organizations/${SAMPLE_ORGANIZATION}/wallets/credits`);
  expect(wallet).toMatchObject({ balance: { available: '1000' } });
  expect((await call('GET', `/v1/organizations/${SAMPLE_ORGANIZATION}`))['rate_card']).toBe('sample');
});
