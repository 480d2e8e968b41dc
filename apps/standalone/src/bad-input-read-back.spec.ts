import { ask, eventFor, makeWorld } from './testing/bad-input-world';
import { type EmbeddedServer, openEmbedded } from './testing/embedded';
import { ADMIN_KEY } from './testing/in-memory';

const AUTHORIZED = { authorization: `Bearer ${ADMIN_KEY}` };

/** Input that is bad for whoever reads it carelessly: it is taken, and what matters is how it comes back. */
let server: EmbeddedServer;
beforeAll(async () => {
  server = await openEmbedded();
  await makeWorld(server);
}, 60_000);
afterAll(() => server.close());

type Row = Readonly<Record<string, unknown>>;
const rows = async (path: string): Promise<readonly Row[]> => (await ask(server, 'GET', path))['data'] as Row[];

/** Charges one event with these attributes and data; resolves to the position from which reads show it. */
const charged = async (subject: string, id: string, attributes: object, data: object): Promise<string> => {
  const event = eventFor(subject, id);
  const changed = { ...event, ...attributes, data: { ...(event['data'] as object), ...data } };
  const { results, position } = await ask(server, 'POST', '/v1/events?wait=charged', changed);
  expect(results).toMatchObject([{ outcome: 'charged' }]);
  return encodeURIComponent(String(position));
};

test('BAD-041: two organizations use the same ids of a workspace and a person, and each sees its own rows alone', async () => {
  const shared = { workspace_id: 'shared-workspace', user_id: 'shared-person' };
  let after = '';
  for (const [organization, quantity] of [
    ['world', '1.5'],
    ['other', '4'],
  ] as const)
    after = await charged(organization, 'bad-041', {}, { ...shared, quantity });
  for (const [organization, credits] of [
    ['world', '3'],
    ['other', '8'],
  ] as const) {
    const read = `/v1/organizations/${organization}`;
    for (const filter of ['workspace_id=shared-workspace', 'user_id=shared-person']) {
      const own = await rows(`${read}/transactions?${filter}&period=all&after=${after}`);
      expect(own).toMatchObject([{ credits_debited: credits, ...shared }]);
    }
    for (const [by, key] of [
      ['workspace', 'shared-workspace'],
      ['user', 'shared-person'],
    ] as const) {
      const parts = await rows(`${read}/breakdown?by=${by}&period=all&after=${after}`);
      expect(parts.filter((row) => row['key'] === key)).toMatchObject([{ key, credits, transactions: 1 }]);
    }
  }
});

test.each([
  ['offset-ahead', '2026-05-01T02:00:00.123456789+02:00', '2026-05-01T00:00:00.123456Z'],
  ['offset-behind', '2026-04-30T19:00:00.999999999-05:00', '2026-05-01T00:00:00.999999Z'],
])('BAD-037, %s: %s is read back as %s: in UTC, cut to the microsecond and not rounded', async (id, time, expected) => {
  const after = await charged('world', id, { time }, { task_id: id });
  const read = `/v1/organizations/world/transactions?task_id=${id}&period=all&after=${after}`;
  expect(await rows(read)).toMatchObject([{ event_time: expected }]);
});

describe('BAD-114: what others could execute comes back as the text that it is', () => {
  const TEXTS = [
    '<script>alert(1)</script>',
    'javascript:alert(1)',
    '"><img src=x onerror=alert(1)>',
    'a\u202Etxt.exe\u2066',
  ];

  test.each(TEXTS)('%s', async (text) => {
    const { id } = await ask(server, 'POST', '/v1/organizations', { name: text, preset: 'enterprise' });
    const response = await fetch(`${server.url}/v1/organizations/${String(id)}`, { headers: AUTHORIZED });
    expect(await response.json()).toMatchObject({ name: text });
    // A browser that is shown the answer takes it for nothing else than data.
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  test('an error repeats it as data, too', async () => {
    const [script = ''] = TEXTS;
    const path = `/v1/organizations/world/transactions?${encodeURIComponent(script)}=1`;
    const response = await fetch(server.url + path, { headers: AUTHORIZED });
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'unknown_parameter' }]);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });
});
