import { once } from 'node:events';
import { connect } from 'node:net';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ADMIN_KEY, openInMemory } from './testing/in-memory';
import { until } from './testing/until';

const WAIT_MAX_MS = 20_000;
/** The server reads 64 KiB of a connection in a turn, in which it answers others, too. */
const TURNS = 100;

/** So many of the largest bodies are more than there is room for. */
const TIMES = 5;

test('FLT-80: requests whose connection breaks while others are before them in it give their room back', async () => {
  const store = inMemoryEventStore();
  const held: (() => void)[] = [];
  let isHeld = false;
  const server = await openInMemory({
    store: Object.assign(Object.create(store) as typeof store, {
      append: async (...given: Parameters<typeof store.append>) => {
        if (isHeld) await new Promise<void>((resolve) => held.push(resolve));
        return store.append(...given);
      },
    }),
  });
  const head = { host: 'drawdown', authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
  const post = (route: string, body: string): string =>
    [
      `POST ${route} HTTP/1.1`,
      ...Object.entries({ ...head, 'content-length': body.length }).map((pair) => pair.join(': ')),
      '',
      body,
    ].join('\r\n');
  const large = JSON.stringify({ name: 'x'.repeat(4_150_000), scopes: [] });
  isHeld = true;
  for (let n = 0; n < TIMES; n++) {
    const connection = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined);
    connection.write(post('/v1/rate-cards', JSON.stringify({ key: `card-${String(n)}`, name: 'n', unit: 'credit' })));
    connection.write(post('/v1/api-keys', large));
    await until('the second is sent', WAIT_MAX_MS, async () => held.length > n && connection.writableLength === 0);
    for (let turn = 0; turn < TURNS; turn++) await fetch(`${server.url}/livez`);
    connection.resetAndDestroy();
    await once(connection, 'close');
  }
  isHeld = false;
  for (const go of held) go();
  let status = 0;
  const body = JSON.stringify({ name: 'x'.repeat(2_000_000), scopes: [] });
  await until('there is room', WAIT_MAX_MS, async () => {
    ({ status } = await fetch(`${server.url}/v1/api-keys`, { method: 'POST', headers: head, body }));
    return status !== 503;
  });
  expect(status).toBe(400);
  await server.close();
});
