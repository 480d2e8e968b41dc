import { once } from 'node:events';
import http from 'node:http';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { makeWorld, type World } from './testing/bad-input-world';
import { ADMIN_KEY, type InMemoryServer, openInMemory } from './testing/in-memory';
import { BODIES, type Operation, operationsOf, QUERIES } from './testing/operations';

/** Names of streams that were read, and how many appends there were. */
const asked = new Set<string>();
let appends = 0;
let serial = 0;
let server: InMemoryServer;
let world: World;
let operations: readonly Operation[];
const stopping = new AbortController();
let following: Promise<void>;

beforeAll(async () => {
  const inner = inMemoryEventStore();
  const store = Object.assign(Object.create(inner) as typeof inner, {
    append: (...given: Parameters<typeof inner.append>) => {
      appends++;
      return inner.append(...given);
    },
    read: (...given: Parameters<typeof inner.read>) => {
      asked.add(given[0]);
      return inner.read(...given);
    },
    head: (...given: Parameters<typeof inner.head>) => {
      asked.add(given[0]);
      return inner.head(...given);
    },
  });
  server = await openInMemory({ store });
  following = server.catalogue.follow(stopping.signal); // as where other processes write, too
  world = await makeWorld(server);
  operations = await operationsOf(server);
});
afterAll(async () => {
  stopping.abort();
  await Promise.all([following, server.close()]);
});

/** As they stand in an address: no client is between that would tidy them up. */
const NO_IDS: readonly string[] = [
  '',
  'x'.repeat(129),
  'x'.repeat(10_000),
  '%00',
  'a%00b',
  '%2F',
  'a%2Fb',
  '%2e%2e%2f%2e%2e',
  '%252e',
  '%20',
  '%0A',
  '%0D%0AX:%20y',
  '%ED%A0%80',
  '%F0%9F%98%80',
  '%E2%80%AE',
  '%C3%A9',
  '$all',
  "'%20OR%201=1--",
  '{}',
  '*',
];

const IN_QUERIES = ['', 'x'.repeat(10_000), '%00', '%ED%A0%80', '%F0%9F%98%80', '__proto__', '..'];

const OWN: Readonly<Record<string, string>> = { wallet: 'credits', preset: 'enterprise', user: 'u9', version: '1' };
const pathOf = ({ path, name }: Operation, other: Readonly<Record<string, string>> = {}): string =>
  path.replaceAll(
    /\{(\w+)\}/g,
    (_, id: string) => other[id] ?? world[id === 'transaction' ? 'txn' : id] ?? OWN[id] ?? 'x',
  ) + (QUERIES[name] ?? '');

const agent = new http.Agent({ keepAlive: true });
afterAll(() => agent.destroy());
const send = async ({ method, name }: Operation, path: string): Promise<{ status: number; text: string }> => {
  const body = BODIES[name] === undefined ? undefined : JSON.stringify(BODIES[name]);
  const headers = {
    authorization: `Bearer ${ADMIN_KEY}`,
    'idempotency-key': `ids ${String(serial++)}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const request = http.request(server.url, { method, path, headers, agent });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return { status: response.statusCode ?? 0, text };
};

const STREAM = /^(ledger-\d+|(rate-card|api-key|test-clock)-[A-Za-z0-9._:-]{1,128})$/;

test('BAD-018: what is no id is 400 or 404 in every place of every path, before anything is read or written for it', async () => {
  const before = appends;
  for (const operation of operations) {
    for (const [, id = ''] of operation.path.matchAll(/\{(\w+)\}/g)) {
      for (const text of NO_IDS) {
        const { status, text: answer } = await send(operation, pathOf(operation, { [id]: text }));
        expect([operation.name, id, text.slice(0, 20), [400, 404, 405].includes(status)]).toEqual([
          operation.name,
          id,
          text.slice(0, 20),
          true,
        ]);
        expect(answer).toContain('"code":');
        expect(answer).not.toMatch(/x{65}|internal_error/);
      }
    }
  }
  expect([...asked].filter((stream) => !STREAM.test(stream))).toEqual([]);
  expect(appends).toBe(before);
});

test('names of what every object has are ids like others, and are nothing', async () => {
  for (const operation of operations) {
    for (const [, id = ''] of operation.path.matchAll(/\{(\w+)\}/g)) {
      for (const text of ['__proto__', 'constructor', 'toString', '.', '..']) {
        // Whoever has that id for a person may be a member.
        const { status, text: answer } = await send(operation, pathOf(operation, { [id]: text }));
        if (id === 'user') expect([operation.name, text, status < 500]).toEqual([operation.name, text, true]);
        else expect([operation.name, id, text, status]).toEqual([operation.name, id, text, 404]);
        expect(answer).not.toContain('internal_error');
      }
    }
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test('BAD-111: odd texts in any parameter of a query are 400 or taken as text, never a bug', async () => {
  const document = (await (await fetch(`${server.url}/v1/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { parameters?: { in: string; name: string }[] }>>;
  };
  for (const operation of operations) {
    const { parameters = [] } = document.paths[operation.path]?.[operation.method.toLowerCase()] ?? {};
    for (const { name } of parameters.filter((one) => one.in === 'query')) {
      for (const text of IN_QUERIES) {
        const [path = '', query = ''] = pathOf(operation).split('?');
        const rest = query.split('&').filter((part) => part !== '' && !part.startsWith(`${name}=`));
        const { status, text: answer } = await send(operation, `${path}?${[...rest, `${name}=${text}`].join('&')}`);
        expect([operation.name, name, text.slice(0, 20), status < 500]).toEqual([
          operation.name,
          name,
          text.slice(0, 20),
          true,
        ]);
        expect(answer).not.toMatch(/x{65}|internal_error/);
      }
    }
  }
  expect([...asked].filter((stream) => !STREAM.test(stream))).toEqual([]);
});
