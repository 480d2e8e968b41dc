import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ADMIN_KEY, type InMemoryServer, openInMemory } from './testing/in-memory';
import { ask, eventFor, makeWorld, type Sent, type World } from './testing/bad-input-world';

/** One concrete bad input. The files say what is sent and what must come of it; this runner is the same for all. */
interface Vector {
  readonly id: string;
  readonly channel: 'http' | 'usage';
  readonly request?: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly type?: string | null;
    readonly json?: unknown;
    readonly text?: string;
    readonly base64?: string;
    readonly make?: Readonly<Record<string, number>>;
    readonly authorization?: string | null;
    readonly user?: string;
    readonly idempotency?: string | null;
  };
  readonly edits?: readonly (readonly [pointer: string, value: unknown])[];
  /** The usage event came before, and is marked as a duplicate. */
  readonly repeated?: boolean;
  readonly authorization?: string;
  readonly expect: {
    readonly status?: number;
    readonly code?: string;
    readonly pointer?: string;
    readonly pointers?: readonly string[];
    readonly members?: readonly string[];
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Readonly<Record<string, unknown>>;
    readonly sameAs?: string;
    readonly rejected?: string;
    readonly outcome?: string;
    readonly debited?: string;
    /** A: nothing is appended. B: all amounts are as before. */
    readonly unchanged: 'A' | 'B' | '-';
  };
}

const FOLDER = path.resolve(__dirname, '../../../libs/http/src/bad-input');
const vectors = (file: string): readonly Vector[] =>
  JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as Vector[];
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

let server: InMemoryServer;
let world: World;
let serial = 0;
const seen = new Map<string, unknown>();

beforeAll(async () => {
  server = await openInMemory();
  world = await makeWorld(server);
});
afterAll(() => server.close());

const named = (input: string): string => input.replaceAll(/\{(\w+)\}/g, (whole, name: string) => world[name] ?? whole);
const namedIn = (json: unknown): unknown => JSON.parse(named(JSON.stringify(json)));

const GENERATED: Readonly<Record<string, (size: number) => string>> = {
  bytes: (size) => `"${'x'.repeat(size - 2)}"`,
  nested: (size) => '['.repeat(size) + ']'.repeat(size),
  opened: (size) => '['.repeat(size),
  keys: (size) => `{${Array.from({ length: size }, (_, i) => `"k${String(i)}":1`).join(',')}}`,
  items: (size) => `{"rates":[${Array<string>(size).fill('{}').join(',')}]}`,
  versionBytes: (size) => `{"rates":[],"x":"${'x'.repeat(size - 19)}"}`,
  versionSpaces: (size) => `{"rates":[]${' '.repeat(size)}}`,
  scope: (size) =>
    JSON.stringify({
      ...{ credit_type: 'purchased', amount: '1', reason: 'wide' },
      scope: { models: Array.from({ length: size }, (_, i) => String(i).padStart(200, 'é')) },
    }),
  events: (size) => JSON.stringify(Array.from({ length: size }, (_, i) => eventFor('other', `many-${String(i)}`))),
  rawNested: (size) =>
    JSON.stringify({
      ...eventFor('world', 'raw'),
      data: { service_type: 'llm_call', usage: { provider: 'p', raw: { a: 0 } } },
    }).replace('{"a":0}', '{"a":'.repeat(size) + '0' + '}'.repeat(size)),
};

const bodyOf = (request: NonNullable<Vector['request']>): string | Buffer | undefined => {
  if (request.base64 !== undefined) return Buffer.from(request.base64, 'base64');
  if (request.text !== undefined) return request.text;
  if (request.json !== undefined) return JSON.stringify(namedIn(request.json));
  const [kind, size] = Object.entries(request.make ?? {})[0] ?? [];
  return kind === undefined || size === undefined ? undefined : GENERATED[kind]?.(size);
};

const send = async (request: NonNullable<Vector['request']>): Promise<Sent> => {
  const body = bodyOf(request);
  const authorization = request.authorization === undefined ? `Bearer ${ADMIN_KEY}` : request.authorization;
  const type = request.type === undefined && body !== undefined ? 'application/json' : (request.type ?? null);
  const key = request.idempotency === undefined ? `vector ${String(serial++)}` : request.idempotency;
  const headers = {
    ...request.headers,
    ...(authorization === null ? {} : { authorization: named(authorization) }),
    ...(type === null ? {} : { 'content-type': type }),
    ...(key === null || request.method === 'GET' ? {} : { 'idempotency-key': key }),
    ...(request.user === undefined ? {} : { 'drawdown-user': request.user }),
  };
  // A Buffer has no media type of its own, which fetch would send.
  const bytes = body === undefined ? {} : { body: Buffer.from(body) };
  const response = await fetch(server.url + named(request.path), { method: request.method, headers, ...bytes });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Sent['body'] };
};

const eventCount = async (): Promise<number> => {
  let [count, after] = [0, -1];
  for (;;) {
    const page = await server.store.readAll(after, 500, ['ledger-', 'rate-card-', 'api-key-', 'test-clock-']);
    if (page.length === 0) return count;
    count += page.length;
    after = page.at(-1)?.position ?? after;
  }
};

const amounts = async (): Promise<unknown> => {
  const documents = ['world', 'other'].map(
    async (id) => (await ask(server, 'GET', `/v1/organizations/${id}/balance`))['data'],
  );
  return Promise.all(documents);
};

const whilstUnchanged = async (vector: Vector, act: () => Promise<void>): Promise<void> => {
  const before = { count: await eventCount(), amounts: await amounts() };
  await act();
  if (vector.expect.unchanged === 'A') expect(await eventCount()).toBe(before.count);
  if (vector.expect.unchanged !== '-') expect(await amounts()).toEqual(before.amounts);
};

const expectProblem = ({ expect: due }: Vector, { status, headers, body }: Sent): void => {
  const errors = (body['errors'] ?? []) as { pointer: string; code: string; detail: string }[];
  expect({ status, code: body['code'] }).toEqual({ status: due.status, code: due.code });
  expect(headers.get('content-type')).toContain('application/problem+json');
  expect(Object.keys(body)).toEqual(
    expect.arrayContaining(['type', 'title', 'status', 'detail', 'code', 'request_id']),
  );
  expect(body['request_id']).toBe(headers.get('x-request-id'));
  if (errors.length > 0) expect(errors[0]?.code).toBe(due.code);
  if (due.pointer !== undefined) expect(errors[0]?.pointer).toBe(due.pointer);
  if (due.pointers !== undefined) expect(errors.map(({ pointer }) => pointer)).toEqual(due.pointers);
  for (const name of due.members ?? []) expect(body).toHaveProperty(name);
  expect(JSON.stringify(body)).not.toMatch(/x{65}|node_modules|select |at \w+ \(/i);
  if (due.sameAs !== undefined) {
    const { request_id: _, ...rest } = body;
    if (!seen.has(due.sameAs)) seen.set(due.sameAs, rest);
    expect(rest).toEqual(seen.get(due.sameAs));
  }
};

const runHttp = async (vector: Vector): Promise<void> => {
  if (vector.request === undefined) throw new Error('an http vector without a request');
  const sent = await send(vector.request);
  if (vector.expect.code !== undefined) expectProblem(vector, sent);
  else expect(sent.status).toBe(vector.expect.status);
  for (const [name, value] of Object.entries(vector.expect.headers ?? {})) expect(sent.headers.get(name)).toBe(value);
  if (vector.expect.body !== undefined) expect(sent.body).toMatchObject(vector.expect.body);
};

/** Sets or removes a member of an object, by JSON Pointer. */
const edit = (object: Record<string, unknown>, [pointer, value]: readonly [string, unknown]): void => {
  const names = pointer.slice(1).split('/');
  const last = names.pop() ?? '';
  const parent = names.reduce((at, name) => at[name] as Record<string, unknown>, object);
  if (value === '$missing') delete parent[last];
  else parent[last] = namedIn(value);
};

const runUsage = async ({ edits = [], repeated = false, authorization, expect: due }: Vector): Promise<void> => {
  for (const wait of [true, false]) {
    const event = eventFor('world', `vector-${String(serial++)}`);
    for (const change of edits) edit(event, change);
    const who = authorization === undefined ? {} : { authorization };
    const request = { method: 'POST', path: `/v1/events${wait ? '?wait=charged' : ''}`, json: event, ...who };
    if (repeated) await send(request);
    const sent = await send(request);
    const [result] = (sent.body[wait ? 'results' : 'rejected'] ?? []) as Record<string, unknown>[];
    expect(sent.status).toBe(wait ? 200 : 202);
    if (due.rejected !== undefined) {
      expect(result).toMatchObject({
        code: due.rejected,
        ...(due.pointer === undefined ? {} : { pointer: due.pointer }),
      });
      expect(wait ? result?.['outcome'] : sent.body['accepted']).toBe(wait ? 'refused' : 0);
    } else if (wait) {
      expect(result).toMatchObject({ outcome: due.outcome, ...(due.code === undefined ? {} : { code: due.code }) });
      if (due.debited !== undefined) expect(result?.['credits_debited']).toBe(due.debited);
      expect(result?.['duplicate']).toBe(repeated ? true : undefined);
    } else {
      const counted = repeated ? { accepted: 0, duplicates: 1 } : { accepted: 1, duplicates: 0 };
      expect(sent.body).toMatchObject({ ...counted, rejected: [] });
    }
  }
};

describe.each(FILES)('%s', (file) => {
  test.each(vectors(file).map((vector) => [vector.id, vector] as const))('%s', async (_, vector) => {
    const prototype = Object.keys(Object.prototype);
    await whilstUnchanged(vector, () => (vector.channel === 'usage' ? runUsage(vector) : runHttp(vector)));
    expect(Object.keys(Object.prototype)).toEqual(prototype);
  });
});
