import { ADMIN_KEY } from './in-memory';

/** Where the world is made. */
interface Server {
  readonly url: string;
}

/** What the vectors of bad input refer to by name, in braces. */
export type World = Readonly<Record<string, string>>;

export interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export const CLOCK_TIME = '2026-05-01T00:00:00Z';

let keys = 0;

/** Sends a request as the admin and expects it to work. */
export const ask = async (
  { url }: Server,
  method: string,
  path: string,
  json?: unknown,
  secret = ADMIN_KEY,
): Promise<Readonly<Record<string, unknown>>> => {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${secret}`,
      ...(method === 'GET' ? {} : { 'idempotency-key': `world ${String(keys++)}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const body = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${method} ${path}: ${String(response.status)} ${JSON.stringify(body)}`);
  return body;
};

/** A valid event that costs 2 credits. */
export const eventFor = (subject: string, id: string): Record<string, unknown> => ({
  specversion: '1.0',
  id,
  source: 'bad-input',
  type: 'drawdown.usage.v1',
  time: CLOCK_TIME,
  subject,
  data: { workspace_id: 'w1', user_id: 'u1', service_type: 'compute', quantity: '1', unit: 'hours' },
});

const text = (value: unknown): string => {
  if (typeof value !== 'string') throw new Error(`a text was expected, not ${JSON.stringify(value)}`);
  return value;
};
const member = (document: unknown, name: string): string => text((document as Record<string, unknown>)[name]);

const RATES = [
  { service_type: 'llm_call', model: 'm', price: { type: 'per_token', per: '1000', input: '0.5', output: '2' } },
  { service_type: 'compute', price: { type: 'flat_rate', credits_per_unit: '2', unit: 'hours' } },
];

const makeOrganization = async (server: Server, id: string, clock: string): Promise<World> => {
  const organization = `/v1/organizations/${id}`;
  const send = (method: string, path: string, json: unknown) => ask(server, method, path, json);
  await send('POST', '/v1/organizations', { id, name: id, preset: 'enterprise', test_clock: clock });
  await send('PUT', `${organization}/rate-card`, { key: 'world-card' });
  const wallet = `${organization}/wallets/credits`;
  const grant = await send('POST', `${wallet}/grants`, { credit_type: 'purchased', amount: '100', reason: 'world' });
  const hold = await send('POST', `${organization}/holds`, { wallet: 'credits', amount: '3' });
  const charged = await send('POST', '/v1/events?wait=charged', eventFor(id, 'first'));
  const [result] = charged['results'] as unknown[];
  return {
    lot: member(grant['lot'], 'id'),
    grantTxn: member(grant['transaction'], 'id'),
    hold: member(hold, 'id'),
    txn: member(result, 'transaction_id'),
  };
};

const makeKeys = async (server: Server): Promise<World> => {
  const make = async (name: string, scopes: readonly string[], organization?: string): Promise<World> => {
    const body = { name, scopes, ...(organization === undefined ? {} : { organization_id: organization }) };
    const key = await ask(server, 'POST', '/v1/api-keys', body);
    return { id: member(key, 'id'), secret: member(key, 'key') };
  };
  const secretOf = async (...key: Parameters<typeof make>): Promise<string> =>
    `Bearer ${text((await make(...key))['secret'])}`;
  const revoked = await make('revoked', ['read']);
  await ask(server, 'DELETE', `/v1/api-keys/${text(revoked['id'])}`);
  const bound = await make('bound', ['usage:write', 'credits:write', 'read', 'admin'], 'world');
  const card = { key: 'private-card', name: 'Private', unit: 'credit' };
  await ask(server, 'POST', '/v1/rate-cards', card, text(bound['secret']));
  return {
    adminSecret: ADMIN_KEY,
    reader: await secretOf('reader', ['read']),
    usage: await secretOf('usage', ['usage:write']),
    keyMaker: await secretOf('maker', ['admin', 'read']),
    bound: `Bearer ${text(bound['secret'])}`,
    revoked: `Bearer ${text(revoked['secret'])}`,
    privateCard: 'private-card',
  };
};

/** Two organizations with everything the vectors name, a closed one, and keys of every kind. */
export const makeWorld = async (server: Server): Promise<World> => {
  const send = (method: string, path: string, json: unknown) => ask(server, method, path, json);
  const clock = member(await send('POST', '/v1/test-clocks', { now: CLOCK_TIME }), 'id');
  await send('POST', '/v1/rate-cards', { key: 'world-card', name: 'World', unit: 'credit' });
  await send('POST', '/v1/rate-cards/world-card/versions', { rates: RATES });
  await send('POST', '/v1/rate-cards/world-card/versions/1/activate', { effective_from: '2026-01-01T00:00:00Z' });
  await send('POST', '/v1/rate-cards/world-card/versions', { rates: RATES });
  const own = await makeOrganization(server, 'world', clock);
  const other = await makeOrganization(server, 'other', clock);
  await send('POST', '/v1/organizations', { id: 'closed', name: 'x', preset: 'enterprise', test_clock: clock });
  await send('POST', '/v1/organizations/closed/close', { reason: 'world' });
  for (const role of ['owner', 'admin', 'member'])
    await send('PUT', `/v1/organizations/world/members/${role}1`, { role });
  await send('PATCH', '/v1/organizations/world/wallets/credits', { low_balance_threshold: '1' });
  const others = Object.fromEntries(Object.entries(other).map(([name, id]) => [`other${name}`, id]));
  return {
    ...own,
    ...others,
    otherTxn: text(other['txn']),
    ...(await makeKeys(server)),
    clock,
    org: 'world',
    other: 'other',
    closed: 'closed',
    card: 'world-card',
  };
};
