import type { EventStore } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ask } from './testing/bad-input-world';
import { callingAt } from './testing/calling';
import { type InMemoryServer, openInMemory } from './testing/in-memory';

/** Two processes at one log, the second of which hears of nothing by itself. */
let one: InMemoryServer;
let other: InMemoryServer;
let following: Promise<void>;
const stopping = new AbortController();
beforeAll(async () => {
  const store = inMemoryEventStore();
  const deaf: EventStore = Object.assign(Object.create(store) as EventStore, {
    async *followAll(_: number, __: readonly string[], signal: AbortSignal) {
      yield await new Promise<readonly []>((resolve) => signal.addEventListener('abort', () => resolve([])));
    },
  });
  one = await openInMemory({ store });
  other = await openInMemory({ store: deaf });
  following = other.catalogue.follow(stopping.signal);
});
afterAll(async () => {
  stopping.abort();
  await Promise.all([following, one.close(), other.close()]);
});

test('a key is revoked where it was made just now at another process', async () => {
  const { id } = await ask(one, 'POST', '/v1/api-keys', { name: 'new', scopes: ['read'] });
  const revoke = () => callingAt(() => other.url)('DELETE', `/v1/api-keys/${String(id)}`);
  expect(await revoke()).toMatchObject({ status: 200, body: { revoked: true } });
  expect(await revoke()).toMatchObject({ status: 404 });
});
