import type { EventStore } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ask } from './testing/bad-input-world';
import { callingAt } from './testing/calling';
import { ADMIN_KEY, type InMemoryServer, openInMemory } from './testing/in-memory';

/** Two processes at one log, the second of which hears of nothing by itself; and how often it has read the keys. */
let one: InMemoryServer;
let other: InMemoryServer;
let reads = 0;
let following: Promise<void>;
const stopping = new AbortController();
beforeAll(async () => {
  const store = inMemoryEventStore();
  const deaf: EventStore = Object.assign(Object.create(store) as EventStore, {
    async *followAll(_: number, __: readonly string[], signal: AbortSignal) {
      yield await new Promise<readonly []>((resolve) => signal.addEventListener('abort', () => resolve([])));
    },
    readAll: async (...given: Parameters<EventStore['readAll']>) => {
      if (given[2]?.join() === 'api-key-') reads++;
      return store.readAll(...given);
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

const withKey = async (secret: string): Promise<number> => {
  const headers = { authorization: `Bearer ${secret}` };
  return (await fetch(`${other.url}/v1/rate-cards`, { headers })).status;
};
const made = () => ask(one, 'POST', '/v1/api-keys', { name: 'new', scopes: ['read'] });

test('INV-TEN-5: a key opens at another process as soon as its maker has been answered', async () => {
  expect(await withKey(String((await made())['key']))).toBe(200);
});

test('a key is revoked where it was made just now at another process', async () => {
  const { id } = await made();
  const answer = await callingAt(() => other.url)('DELETE', `/v1/api-keys/${String(id)}`);
  expect(answer).toMatchObject({ status: 200, body: { revoked: true } });
});

test('BAD-090: keys that are nobody’s cost the store a reading for all of them, and are refused alike', async () => {
  const before = reads;
  const begin = performance.now();
  const statuses = await Promise.all(Array.from({ length: 200 }, (_, i) => withKey(`nobody-${String(i)}`)));
  expect(new Set(statuses)).toEqual(new Set([401]));
  // One after the other with pauses of 200 ms between them: far fewer than there were keys.
  expect(reads - before).toBeLessThanOrEqual(2 + Math.ceil((performance.now() - begin) / 200));
  expect(await withKey(ADMIN_KEY)).toBe(200);
});
