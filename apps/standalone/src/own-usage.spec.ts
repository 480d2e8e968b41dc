import { formatDecimal, storedCredits } from '@drawdown/kernel';
import { eventFor, makeWorld, type World } from './testing/bad-input-world';
import { type Called, callingAt } from './testing/calling';
import { type EmbeddedServer, openEmbedded } from './testing/embedded';
import { ADMIN_KEY } from './testing/in-memory';

/** `/v1/me`: what one person used, over the organizations it is a member of; on the real stores. */
let server: EmbeddedServer;
let world: World;
let after: string;

const call = callingAt(() => server.url);
const ROUTES = ['usage', 'usage/trend', 'usage/organizations', 'usage/services', 'transactions'];

type Row = Readonly<Record<string, string>>;
const rowsOf = (body: Record<string, unknown>): readonly Row[] => body['data'] as Row[];
const of = async (person: string, route: string, authorization = `Bearer ${ADMIN_KEY}`) => {
  const path = `/v1/me/${route}${route.includes('?') ? '&' : '?'}after=${encodeURIComponent(after)}`;
  const { status, body } = await call('GET', path, undefined, { 'drawdown-user': person, authorization });
  return { status, body, rows: (body['data'] ?? []) as readonly Row[] };
};
const setRole = (organization: string, person: string) =>
  call('PUT', `/v1/organizations/${organization}/members/${person}`, { role: 'member' });

beforeAll(async () => {
  server = await openEmbedded();
  world = await makeWorld(server);
  // Others' usage, and ann's in an organization that she is no member of, are none of hers.
  for (const [organization, units] of [
    ['world', '1.5'],
    ['world', '0.25'],
    ['other', '2'],
    ['closed', '9'],
  ] as const) {
    const event = eventFor(organization, `ann-${organization}-${units}`);
    const data = { ...(event['data'] as object), user_id: 'ann', quantity: units };
    const charged = await call('POST', '/v1/events?wait=charged', { ...event, data });
    expect([organization, charged.body]).toMatchObject([
      organization,
      { results: [{ outcome: organization === 'closed' ? 'refused' : 'charged' }] },
    ]);
  }
  await setRole('world', 'ann');
  const last = await setRole('other', 'ann');
  await setRole('world', 'idle');
  after = String(last.body['position']);
}, 60_000);
afterAll(() => server.close());

test('sums of own usage equal own transactions, by unit, organization and service', async () => {
  const { rows, body } = await of('ann', 'transactions');
  expect(rows.map((row) => [row['organization_id'], row['credits_debited'], row['user_id']])).toEqual([
    ['other', '4', 'ann'],
    ['world', '0.5', 'ann'],
    ['world', '3', 'ann'],
  ]);
  const total = formatDecimal(rows.reduce((sum, row) => sum + storedCredits(row['credits_debited'] ?? ''), 0n));
  expect([total, body['next_cursor']]).toEqual(['7.5', null]);
  const sums = { total, data: [{ key: 'credit', credits: '7.5', transactions: 3, share_percent: '100.00' }] };
  expect((await of('ann', 'usage')).body).toMatchObject(sums);
  expect((await of('ann', 'usage/services')).body).toMatchObject({ total, data: [{ key: 'compute', credits: '7.5' }] });
  expect((await of('ann', 'usage/organizations')).body).toMatchObject({
    total,
    data: [
      { key: 'other', credits: '4', share_percent: '53.33' },
      { key: 'world', credits: '3.5', share_percent: '46.66' },
    ],
  });
});

test('a person whose id has the | of an issuer is known by it everywhere', async () => {
  const id = 'auth0|507f1f77bcf86cd799439020';
  const event = eventFor('world', 'with-a-bar');
  const data = { ...(event['data'] as object), user_id: id };
  expect((await call('POST', '/v1/events?wait=charged', { ...event, data })).body).toMatchObject({
    results: [{ outcome: 'charged' }],
  });
  const member = `/v1/organizations/world/members/${encodeURIComponent(id)}`;
  const set = await call('PUT', member, { role: 'member' });
  expect(set.body).toMatchObject({ user_id: id, role: 'member' });
  after = String(set.body['position']);
  expect((await of(id, 'transactions')).rows.map(({ user_id: user }) => user)).toEqual([id]);
  const seen = await call('GET', `/v1/organizations/world/breakdown?by=user&user_id=${encodeURIComponent(id)}`);
  expect(seen.body).toMatchObject({ data: [{ key: id, transactions: 1 }] });
  const asked = { service_type: 'compute', user_id: id };
  expect((await call('POST', '/v1/organizations/world/check', asked)).status).toBe(200);
  expect((await call('DELETE', member)).body).toMatchObject({ user_id: id, removed: true });
  expect((await of(id, 'transactions')).rows).toEqual([]);
});

describe('INV-TEN-3: balances and money are not for members', () => {
  /** Whatever says how a wallet stands, wherever it stands in an answer. */
  const HIDDEN =
    /^(balance|balance_.*|settled|held|available|debt|uncovered|slices|lots|sequence|provider_cost|remaining|remaining_.*|cost_basis)$/;
  const hiddenIn = (value: unknown): string[] =>
    typeof value !== 'object' || value === null
      ? []
      : Object.entries(value).flatMap(([name, part]) => [
          ...(HIDDEN.test(name) && part !== null ? [name] : []),
          ...hiddenIn(part),
        ]);
  let own: string;

  beforeAll(async () => {
    for (const [organization, role] of [
      ['world', 'owner'],
      ['other', 'member'],
    ] as const) {
      // prettier-ignore
      await setRole(organization, 'cat');
      await call('PUT', `/v1/organizations/${organization}/members/eve`, { role });
    }
    for (const person of ['cat', 'eve']) {
      for (const organization of ['world', 'other']) {
        const event = eventFor(organization, `cost-${person}-${organization}`);
        const data = {
          ...(event['data'] as object),
          user_id: person,
          provider_cost: { amount: '0.5', currency: 'USD' },
        };
        const { body } = await call('POST', '/v1/events?wait=charged', { ...event, data });
        after = String(body['position']);
      }
    }
    own = (await of('cat', 'transactions')).rows.find((row) => row['organization_id'] === 'world')?.['id'] ?? '';
  });

  const O = '/v1/organizations/world';
  const seenBy = async (person: string, path: string) => {
    const since = `${path.includes('?') ? '&' : '?'}after=${encodeURIComponent(after)}`;
    return call('GET', path + since, undefined, { 'drawdown-user': person });
  };
  const reads: readonly (readonly [string, () => string, readonly string[]])[] = [
    ['transactions', () => `${O}/transactions?user_id=cat`, ['balance_before', 'balance_after', 'slices', 'sequence', 'debt', 'uncovered']], // prettier-ignore
    ['a transaction', () => `${O}/transactions/${own}`, ['balance_before', 'balance_after', 'slices', 'sequence', 'debt', 'uncovered']], // prettier-ignore
    ['an explanation', () => `${O}/transactions/${own}/explanation`, ['balance_before', 'balance_after', 'slices', 'sequence', 'debt', 'uncovered', 'provider_cost']], // prettier-ignore
    ['a breakdown', () => `${O}/breakdown?by=user&user_id=cat`, []],
    ['a breakdown by wallet', () => `${O}/breakdown?by=wallet&user_id=cat`, []],
    ['spending', () => `${O}/spending?user_id=cat&from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z`, []],
  ];

  test.each(reads)('%s shows members their own, and nothing of how a wallet stands', async (_, path, ofManagers) => {
    for (const manager of ['owner1', 'admin1']) {
      const { status, body } = await seenBy(manager, path());
      expect([status, [...new Set(hiddenIn(body))].sort()]).toEqual([200, [...ofManagers].sort()]);
    }
    const { status, body } = await seenBy('cat', path());
    expect([status, hiddenIn(body)]).toEqual([200, []]);
    expect(JSON.stringify(body)).toMatch(/"(credits|credits_debited)":"[1-9]/);
  });

  test('own transactions show balances where the person is more than a member, and only there', async () => {
    const { rows } = await of('eve', 'transactions');
    const shown = rows.map((row) => [row['organization_id'], hiddenIn(row).length > 0]);
    expect(new Map(shown as [string, boolean][])).toEqual(new Map([['world', true], ['other', false]])); // prettier-ignore
    for (const route of ROUTES) expect([route, hiddenIn((await of('cat', route)).body)]).toEqual([route, []]);
  });

  test.each(
    ['', '/wallets', '/wallets/credits', '/wallets/credits/lots', '/balance', '/holds', '/burn-rate?wallet=credits', '/burndown?wallet=credits'] // prettier-ignore
      .map((path) => [path]),
  )('GET …%s is not for members', async (path) => {
    expect((await seenBy('owner1', O + path)).status).toBe(200);
    const { status, body } = await seenBy('cat', O + path);
    expect([status, body['code']]).toEqual([403, 'role_required']);
  });
});

test('periods go by the organizations’ own time, which may be a test clock’s', async () => {
  for (const route of ROUTES.filter((name) => name !== 'usage/trend')) {
    expect((await of('ann', `${route}?period=7d`)).rows).not.toEqual([]);
  }
  const { rows, body } = await of('ann', 'usage/trend?period=7d');
  expect([rows.length, rows.at(-1), body['total']]).toEqual([
    8,
    { start: '2026-05-01T00:00:00.000000Z', credits: '7.5' },
    '7.5',
  ]);
  expect((await of('ann', 'usage?from=2026-05-02T00:00:00Z')).body).toMatchObject({ data: [], total: '0' });
});

test('INV-DEL-10: what is dated now or a little ahead is in every sum of a period; a period ends where it is told to', async () => {
  const ahead = { ...eventFor('world', 'ahead'), time: '2026-05-01T00:04:00Z' };
  const { body: charged } = await call('POST', '/v1/events?wait=charged', ahead);
  expect(charged).toMatchObject({ results: [{ outcome: 'charged' }] });
  const totals = async (range: string): Promise<unknown[]> => {
    const seen = `${range}&after=${encodeURIComponent(String(charged['position']))}`;
    const sums = ['breakdown?by=user', 'spending?bucket=day', 'spending?bucket=hour'];
    const answers = await Promise.all(sums.map((sum) => call('GET', `/v1/organizations/world/${sum}&${seen}`)));
    const listed = await call('GET', `/v1/organizations/world/transactions?kind=consumption&limit=500&${seen}`);
    const all = rowsOf(listed.body).reduce((sum, row) => sum + storedCredits(row['credits_debited'] ?? ''), 0n);
    return [...answers.map(({ body }) => body['total']), formatDecimal(all)];
  };
  const [sum, ...others] = await totals('period=7d');
  expect(sum).not.toBe('0');
  expect(others).toEqual([sum, sum, sum]);
  expect(await totals('period=7d&to=2026-05-08T00:02:00Z')).toEqual(['2', '2', '2', '2']);
});

test('filters are those of the lists of an organization', async () => {
  expect((await of('ann', 'usage?service_type=llm_call')).body['total']).toBe('0');
  expect((await of('ann', 'transactions?workspace_id=w1')).rows).toHaveLength(3);
});

test('pages of own transactions go on where the one before ended', async () => {
  const ids: unknown[] = [];
  let cursor = '';
  do {
    const { rows, body } = await of('ann', `transactions?limit=1${cursor}`);
    ids.push(...rows.map(({ id }) => id));
    cursor = typeof body['next_cursor'] === 'string' ? `&cursor=${body['next_cursor']}` : '';
  } while (cursor !== '');
  expect(ids).toEqual((await of('ann', 'transactions')).rows.map(({ id }) => id));
});

test('BAD-097: a person of no organization, or without usage, has used nothing', async () => {
  for (const person of ['stranger', 'idle']) {
    for (const route of ROUTES) {
      const { status, rows, body } = await of(person, route);
      expect([route, status, rows.filter(({ credits }) => credits !== '0')]).toEqual([route, 200, []]);
      expect(body['as_of']).toMatchObject({ position: expect.stringMatching(/^0\.\d+$/) as string });
      if (route !== 'transactions') expect(body['total']).toBe('0');
    }
  }
});

test('INV-TEN-4: a key that is bound to an organization shows that one’s part', async () => {
  const { rows } = await of('ann', 'usage/organizations', world['bound']);
  expect(rows.map(({ key }) => key)).toEqual(['world']);
  expect(rowsOf((await of('ann', 'transactions', world['bound'])).body)).toHaveLength(2);
});

test('INV-TEN-5: who was removed sees nothing of the organization any more, at once', async () => {
  const organizationsOf = async ({ body }: Called): Promise<unknown> => {
    after = String(body['position']);
    return (await of('leaving', 'usage/organizations')).rows.map(({ key }) => key).sort();
  };
  for (const organization of ['world', 'other']) {
    await setRole(organization, 'leaving');
    const event = eventFor(organization, 'leaving');
    await call('POST', '/v1/events?wait=charged', {
      ...event,
      data: { ...(event['data'] as object), user_id: 'leaving' },
    });
  }
  expect(await organizationsOf(await setRole('world', 'leaving'))).toEqual(['other', 'world']);
  const removed = await call('DELETE', '/v1/organizations/world/members/leaving');
  expect(await organizationsOf(removed)).toEqual(['other']);
});

test('a key alone is nobody', async () => {
  for (const route of ROUTES) {
    const { status, body } = await call('GET', `/v1/me/${route}`);
    expect([route, status, body['code']]).toEqual([route, 403, 'scope_required']);
  }
});

test('BAD-112: what makes no sense is refused', async () => {
  const codes = [
    'usage?period=1y',
    'usage?from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z',
    'usage/trend?from=x',
    'transactions?cursor=bm8',
  ];
  const answers = await Promise.all(codes.map((route) => of('ann', route)));
  expect(answers.map(({ status, body }) => [status, body['code']])).toEqual([
    [400, 'invalid_value'],
    [422, 'invalid_interval'],
    [400, 'unknown_parameter'],
    [400, 'invalid_cursor'],
  ]);
});
