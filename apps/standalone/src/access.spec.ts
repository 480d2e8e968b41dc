import { ADMIN_KEY, type InMemoryServer, openInMemory } from './testing/in-memory';
import { makeWorld, type World } from './testing/bad-input-world';
import { openEmbedded } from './testing/embedded';
import { BODIES, type Operation, operationsOf, QUERIES } from './testing/operations';
import { until } from './testing/until';

/**
 * INV-TEN-1 to 3: every route, taken from the published document, against every kind of caller and every kind of id.
 * A route without a body or a parameter here fails: a new one must be thought of.
 */
let server: Pick<InMemoryServer, 'url' | 'close'>;
let world: World;
let operations: readonly Operation[];

beforeAll(async () => {
  server = await openInMemory();
  world = await makeWorld(server);
  operations = await operationsOf(server);
});
afterAll(() => server.close());

const send = async (
  { method, name }: Operation,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; body: Record<string, unknown> }> => {
  const body = BODIES[name];
  const json = body === undefined ? undefined : JSON.stringify(body).replaceAll('{txn}', world['txn'] ?? '');
  const response = await fetch(`${server.url}${path}${QUERIES[name] ?? ''}`, {
    method,
    headers: {
      ...headers,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      'idempotency-key': `matrix ${name} ${path}`,
    },
    ...(json === undefined ? {} : { body: json }),
  });
  const { request_id: _, ...rest } = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body: rest };
};

/** Read models follow what was written, on a machine that others use at the same time. */
const SHOWN_MAX_MS = 10_000;

const admin = { authorization: `Bearer ${ADMIN_KEY}` };
const OWN: Readonly<Record<string, string>> = {
  org: 'org',
  wallet: 'credits',
  lot: 'lot',
  hold: 'hold',
  transaction: 'txn',
  card: 'card',
  clock: 'clock',
};
/** The path with ids that exist and are the caller's; `other` replaces one of them. */
const pathOf = ({ path }: Operation, other: Readonly<Record<string, string>> = {}): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => other[name] ?? world[OWN[name] ?? ''] ?? OWN[name] ?? 'u9');

test('every route with a body is thought of', () => {
  expect(operations.filter(({ needsBody, name }) => needsBody && BODIES[name] === undefined)).toEqual([]);
  expect(operations.length).toBeGreaterThan(45);
});

test('BAD-090: without a credential every route is 401, with one body', async () => {
  const bodies = new Set<string>();
  for (const operation of operations) {
    for (const headers of [{}, { authorization: 'Bearer unknown-key' }, { authorization: world['revoked'] ?? '' }]) {
      const { status, body } = await send(operation, pathOf(operation), headers);
      expect([operation.name, status]).toEqual([operation.name, 401]);
      bodies.add(JSON.stringify(body));
    }
  }
  expect(bodies.size).toBe(1);
});

test('BAD-095: a key that is bound to one organization finds no other', async () => {
  for (const operation of operations.filter(({ path }) => path.includes('{org}'))) {
    const { status } = await send(operation, pathOf(operation, { org: 'other' }), {
      authorization: world['bound'] ?? '',
    });
    expect([operation.name, status]).toEqual([operation.name, 404]);
  }
});

test('BAD-097: a person of no organization finds none', async () => {
  for (const operation of operations.filter(({ path }) => path.includes('{org}'))) {
    const { status } = await send(operation, pathOf(operation), { ...admin, 'drawdown-user': 'stranger' });
    expect([operation.name, status]).toEqual([operation.name, 404]);
  }
});

test('BAD-091: members see own usage and nothing else', async () => {
  const allowed = ['readsTransactions', 'readsTransaction', 'readsExplanation', 'readsBreakdown', 'readsSpending'];
  const presets = ['organizationsPresets', 'organizationsPreset'];
  const own = ['meUsage', 'meTrend', 'meByOrganization', 'meByService', 'meTransactions'];
  for (const operation of operations) {
    const { status, body } = await send(operation, pathOf(operation, { preset: 'enterprise' }), {
      ...admin,
      'drawdown-user': 'member1',
    });
    const isAllowed = [...allowed, ...presets, ...own].includes(operation.name);
    if (isAllowed) expect([operation.name, [200, 404].includes(status)]).toEqual([operation.name, true]);
    else expect([operation.name, status, body['code']]).toEqual([operation.name, 403, 'role_required']);
  }
});

test('BAD-093: a key does what its scopes say', async () => {
  const usage = [
    'usageCharge',
    'usageRedrive',
    'holdsCheck',
    'holdsAuthorize',
    'holdsExtend',
    'holdsCapture',
    'holdsRelease',
  ];
  for (const operation of operations) {
    const { status, body } = await send(operation, pathOf(operation), { authorization: world['usage'] ?? '' });
    if (usage.includes(operation.name)) expect([operation.name, status]).not.toEqual([operation.name, 403]);
    else expect([operation.name, status, body['code']]).toEqual([operation.name, 403, 'scope_required']);
  }
});

test('a reader writes nothing', async () => {
  for (const operation of operations.filter(({ method }) => method !== 'GET')) {
    const { status } = await send(operation, pathOf(operation), { authorization: world['reader'] ?? '' });
    const isRead = ['holdsCheck', 'rateCardsPreview'].includes(operation.name);
    expect([operation.name, status]).toEqual([operation.name, isRead ? 200 : 403]);
  }
});

/** Where there is something to be seen: on the real stores, whose read models have both organizations. */
describe('with rows of others', () => {
  beforeAll(async () => {
    await server.close();
    server = await openEmbedded();
    world = await makeWorld(server);
  }, 60_000);

  test('each of them is shown what it asks for by its own ids', async () => {
    const reads = operations.filter(({ method, path }) => method === 'GET' && path.includes('{org}'));
    const others = { org: 'other', hold: world['otherhold'] ?? '', transaction: world['othertxn'] ?? '' };
    for (const ids of [{}, others]) {
      for (const operation of reads) {
        const path = pathOf(operation, ids);
        const isShown = async (): Promise<boolean> => (await send(operation, path, admin)).status === 200;
        await until(`${operation.name} is shown`, SHOWN_MAX_MS, isShown);
      }
    }
  });

  test('BAD-094: ids of others, unknown ids and ids of another kind are 404, with one body', async () => {
    const bodies = new Set<string>();
    const foreign: Readonly<Record<string, readonly string[]>> = {
      lot: [world['otherlot'] ?? '', 'lot_nothing', world['hold'] ?? ''],
      hold: [world['otherhold'] ?? '', 'hold_nothing', world['lot'] ?? ''],
      transaction: [world['othertxn'] ?? '', 'txn_nothing', world['lot'] ?? ''],
      wallet: ['gold', world['lot'] ?? '', '%27%20OR%201=1--'],
      org: ['nobody', world['lot'] ?? '', 'a%2Fb', 'x'.repeat(200)],
      card: ['nothing', world['lot'] ?? ''],
      version: ['99', 'x', '0'],
      clock: ['clock_nothing', world['lot'] ?? ''],
      preset: ['nothing'],
      key: ['key_nothing', world['lot'] ?? ''],
    };
    for (const operation of operations) {
      for (const [, name = ''] of operation.path.matchAll(/\{(\w+)\}/g)) {
        for (const id of foreign[name] ?? []) {
          const { status, body } = await send(operation, pathOf(operation, { [name]: id }), admin);
          expect([operation.name, name, id, status]).toEqual([operation.name, name, id, 404]);
          bodies.add(JSON.stringify(body));
        }
      }
    }
    expect(bodies.size).toBe(1);
  });
});
