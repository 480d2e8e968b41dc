import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { recordedLog } from '@drawdown/domain/testing';
import { createHttp, createLogger } from '@drawdown/http';
import { NO_LOG } from '@drawdown/ports';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import Database from 'libsql';
import { openParts, type Parts } from './parts';
import { readSettings } from './settings';
import { StandaloneModule } from './standalone.module';
import { ADMIN_KEY } from './testing/in-memory';
import { until } from './testing/until';

/**
 * What the release that wrote the log was asked, in this order, and what it answered. An answer is changed with the rule
 * that it follows alone, never because another one came out.
 */
interface Read {
  readonly path: string;
  readonly status: number;
  readonly answer: Answer;
}
interface Command extends Read {
  readonly key: string | null;
  readonly body: unknown;
}
type Answer = Readonly<Record<string, unknown>>;

const linesOf = <T>(file: string): readonly T[] =>
  readFileSync(path.join(__dirname, 'testing/recorded', file), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
const commands = linesOf<Command>('commands.ndjson');
const reads = linesOf<Read>('reads.ndjson');

/** The file of a log as that release made it. */
const TABLES = `CREATE TABLE events (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (stream, revision)
  );
  PRAGMA user_version = 1`;

/** Less than a test may take, so that it says which read was not answered. */
const BUILT_MAX_MS = 45_000;

const outcomeOf = (result: Answer): readonly unknown[] =>
  ['outcome', 'id', 'transaction_id', 'credits_debited', 'balance_after'].map((field) => result[field]);

let folder: string;
let parts: Parts;
let app: NestFastifyApplication;
let url: string;

const ask = async (route: string, request: RequestInit = {}): Promise<{ status: number; answer: Answer }> => {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, ...request.headers };
  const response = await fetch(url + route, { ...request, headers });
  const { request_id: _, ...answer } = (await response.json()) as Answer;
  return { status: response.status, answer };
};

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'drawdown-recorded-'));
  const file = new Database(path.join(folder, 'events.db'));
  file.exec(TABLES);
  const insert = file.prepare(
    'INSERT INTO events (stream, revision, id, type, metadata, data) VALUES (?, ?, ?, ?, ?, ?)',
  );
  for (const { stream, revision, id, type, metadata, data } of recordedLog()) {
    insert.run([stream, revision, id, type, JSON.stringify(metadata), data]);
  }
  file.close();
  const settings = readSettings({ DRAWDOWN_DATA: folder, DRAWDOWN_ADMIN_KEY: ADMIN_KEY, DRAWDOWN_SAMPLE: '0' });
  parts = await openParts(settings, NO_LOG);
  app = await createHttp(StandaloneModule.of(parts, settings, createLogger('silent')));
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the file of a log as an earlier release wrote it', () => {
  test.each(reads.map(({ path: route, ...told }) => [route, told] as const))(
    'GET %s is answered as then',
    async (route, told) => {
      let found = await ask(route);
      await until(`${route} is answered`, BUILT_MAX_MS, async () => (found = await ask(route)).status !== 503);
      const { as_of: asOf, ...answer } = found.answer;
      const { position } = (asOf ?? {}) as { position?: string };
      expect({
        status: found.status,
        answer: { ...answer, ...(position === undefined ? {} : { as_of: { position } }) },
      }).toEqual(told);
    },
  );

  test('INV-INT-8: every command that was sent then is answered the same under its key, and nothing is written', async () => {
    const head = (): Promise<number> | undefined => parts.ledger.shards[0]?.read(({ revision }) => revision);
    const before = await head();
    const keyed = commands.filter(({ key }) => key !== null);
    expect(keyed.length).toBeGreaterThan(20);
    for (const { path: route, key, body, ...told } of keyed) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': key ?? '' };
      const found = await ask(route, { method: 'POST', headers, body: JSON.stringify(body) });
      expect({ route, ...found }).toEqual({ route, ...told });
    }
    expect(await head()).toBe(before);
  });

  test('INV-INT-1, INV-INT-2: usage that was sent then is known, with what became of it', async () => {
    for (const { path: route, body, answer } of commands.filter(({ key }) => key === null)) {
      // The other organization is closed by now, and takes nothing.
      const isOpen = (body as readonly { readonly subject: string }[]).map(({ subject }) => subject === 'acme');
      const resent = (body as readonly unknown[]).filter((_, index) => isOpen[index]);
      const headers = { 'content-type': 'application/json' };
      const again = await ask(route, { method: 'POST', headers, body: JSON.stringify(resent) });
      const told = (answer['results'] as readonly Answer[]).filter((_, index) => isOpen[index]);
      expect((again.answer['results'] as readonly Answer[]).map(outcomeOf)).toEqual(
        told.map(outcomeOf).map(([outcome, ...rest]) => [outcome === 'charged' ? 'duplicate' : outcome, ...rest]),
      );
    }
  });
});
