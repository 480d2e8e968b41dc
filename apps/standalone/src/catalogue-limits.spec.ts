import { CATALOGUE_LIMITS } from '@drawdown/domain';
import { makeWorld, type World } from './testing/bad-input-world';
import { callingAt } from './testing/calling';
import { type InMemoryServer, openInMemory } from './testing/in-memory';

let server: InMemoryServer;
let world: World;
beforeAll(async () => {
  server = await openInMemory();
  world = await makeWorld(server);
});
afterAll(() => server.close());

const SENDER = { actor: { type: 'key', id: 'other', role: null }, requestId: 'r' } as const;
const call = callingAt(() => server.url);
const asBound = (path: string, json: unknown) => call('POST', path, json, { authorization: world['bound'] ?? '' });

test('a key that is bound to an organization makes keys up to a limit; one that is revoked makes room, and other organizations have their own', async () => {
  const ids: string[] = [];
  const own = server.catalogue.apiKeys.all().filter(({ organizationId }) => organizationId === 'world').length;
  while (own + ids.length < CATALOGUE_LIMITS.keys) {
    const made = await server.catalogue.apiKeys.create(
      { name: 'k', scopes: ['read'], organizationId: 'world' },
      SENDER,
    );
    if (!made.accepted) throw new Error('refused');
    ids.push(made.value.id);
  }
  const body = { name: 'one more', scopes: ['read'] };
  const before = server.catalogue.seen;
  expect(await asBound('/v1/api-keys', body)).toMatchObject({ status: 422, body: { code: 'too_many_items' } });
  expect(await server.store.readAll(before, 1, ['api-key-'])).toEqual([]);
  expect(await call('POST', '/v1/api-keys', { ...body, organization_id: 'other' })).toMatchObject({ status: 201 });
  await server.catalogue.apiKeys.revoke(ids[0] ?? '', SENDER);
  expect(await asBound('/v1/api-keys', body)).toMatchObject({ status: 201 });
});

test('and cards up to a limit, beside those of the installation', async () => {
  const body = (key: string) => ({ key, name: key, unit: 'credit' });
  for (let made = 1; made < CATALOGUE_LIMITS.cards; made++) {
    expect(await asBound('/v1/rate-cards', body(`own-${String(made)}`))).toMatchObject({ status: 201 });
  }
  expect(await asBound('/v1/rate-cards', body('more'))).toMatchObject({
    status: 422,
    body: { code: 'too_many_items' },
  });
  expect(await call('POST', '/v1/rate-cards', body('more'))).toMatchObject({ status: 201 });
});

test('but no organization and no test clock', async () => {
  const organization = { id: 'another', name: 'x', preset: 'enterprise' };
  expect(await asBound('/v1/organizations', organization)).toMatchObject({ status: 403 });
  expect(await asBound('/v1/test-clocks', { now: '2026-05-01T00:00:00Z' })).toMatchObject({ status: 403 });
});
