import { callingAt } from './testing/calling';
import { type InMemoryServer, openInMemory } from './testing/in-memory';
import { CLOCK_TIME, eventFor, makeWorld } from './testing/bad-input-world';

let server: InMemoryServer;

beforeAll(async () => {
  server = await openInMemory();
  await makeWorld(server);
});
afterAll(() => server.close());

const call = callingAt(() => server.url);
const charge = async (events: unknown, headers: Readonly<Record<string, string>> = {}) =>
  (await call('POST', '/v1/events?wait=charged', events, headers)).body['results'] as Record<string, unknown>[];

describe('usage', () => {
  test('BAD-021: 1,000 times the same event is charged once', async () => {
    const results = await charge(Array.from({ length: 1000 }, () => eventFor('world', 'repeated')));
    const outcomes = results.map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'charged')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(999);
    expect(new Set(results.map((result) => result['transaction_id'])).size).toBe(1);
    const plain = await call('POST', '/v1/events', [eventFor('world', 'repeated')]);
    expect(plain.body).toMatchObject({ accepted: 0, duplicates: 1, rejected: [] });
  });

  test('BAD-022: other content under a known id is a conflict, and the first stands', async () => {
    const [first] = await charge(eventFor('world', 'conflict'));
    const other = { ...eventFor('world', 'conflict'), data: { service_type: 'compute', quantity: '2', unit: 'hours' } };
    expect(await charge(other)).toMatchObject([{ outcome: 'conflict', transaction_id: first?.['transaction_id'] }]);
    const plain = await call('POST', '/v1/events', other);
    expect(plain.body).toMatchObject({ accepted: 0, rejected: [{ index: 0, code: 'event_id_conflict' }] });
  });

  test('BAD-023: the same content in another form is a duplicate', async () => {
    await charge(eventFor('world', 'form'));
    const { data, ...attributes } = eventFor('world', 'form');
    const forms = ['1.0', '1.000'].map((quantity) => ({ data: { ...(data as object), quantity }, ...attributes }));
    const times = ['2026-05-01T00:00:00.000Z', '2026-05-01T02:00:00+02:00'].map((time) => ({
      ...attributes,
      data,
      time,
    }));
    const results = await charge([...forms, ...times]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['duplicate', 'duplicate', 'duplicate', 'duplicate']);
  });

  test('BAD-048: a broken percent escape in a ce header is refused by itself', async () => {
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': 'a%zz',
      'ce-source': 's',
      'ce-type': 't',
      'ce-subject': 'world',
    };
    expect(await charge({ service_type: 'compute' }, headers)).toMatchObject([
      { outcome: 'refused', code: 'invalid_header' },
    ]);
  });

  test('an attribute named like an answer is a field like any other', async () => {
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': 's',
      'ce-type': 't',
      'ce-subject': 'world',
      'ce-rejected': 'no_rate',
    };
    const sent = { ...headers, 'ce-time': CLOCK_TIME };
    expect(await charge({ service_type: 'compute', quantity: '1', unit: 'hours' }, sent)).toMatchObject([
      { outcome: 'refused', code: 'unknown_field', pointer: '/rejected' },
    ]);
  });

  test('each event of a batch stands for itself, over organizations', async () => {
    const events = [
      eventFor('world', 'a1'),
      eventFor('nobody', 'a2'),
      eventFor('other', 'a3'),
      'x',
      eventFor('closed', 'a5'),
    ];
    const { body } = await call('POST', '/v1/events', events);
    expect(body).toMatchObject({
      accepted: 2,
      duplicates: 0,
      rejected: [
        { index: 1, code: 'organization_not_found' },
        { index: 3, code: 'invalid_type' },
        { index: 4, code: 'organization_closed' },
      ],
    });
  });

  test('nothing acceptable has no position', async () => {
    const { status, body } = await call('POST', '/v1/events', [{}]);
    expect([status, body['accepted'], body['position']]).toEqual([202, 0, null]);
  });
});
