import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHttp, createLogger } from '@drawdown/http';
import { NO_LOG, NO_METRICS } from '@drawdown/ports';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { openParts, type Parts } from '../parts';
import { ReadSide } from './read-side';
import { readSettings } from '../settings';
import { StandaloneModule } from '../standalone.module';
import { must, send } from '../testing/api';
import { ADMIN_KEY } from '../testing/server-process';
import { until } from '../testing/until';

const GRANTS = 30;

/** Threads of this process that go behind the others. */
const behind = (): readonly string[] => {
  const niceIn = (stat: string): number =>
    Number(readFileSync(`/proc/self/${stat}`, 'utf8').split(') ').at(-1)?.split(' ')[16]);
  const usual = niceIn('stat');
  return readdirSync('/proc/self/task').filter((thread) => {
    try {
      return niceIn(`task/${thread}/stat`) > usual;
    } catch {
      return false; // it has just ended
    }
  });
};
const isLinux = process.platform === 'linux';
/** What specs before this one have left, which is none of ours. */
const before = isLinux ? behind() : [];

let folder: string;
let parts: Parts;
let app: NestFastifyApplication;
let url: string;

const open = async (): Promise<void> => {
  const environment = { DRAWDOWN_DATA: folder, DRAWDOWN_ADMIN_KEY: ADMIN_KEY };
  const settings = readSettings(environment);
  parts = await openParts(settings, NO_LOG);
  app = await createHttp(StandaloneModule.of(parts, settings, createLogger('silent')));
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
};

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-read-side-'));
  await open();
  await must(`${url}/v1/organizations`, 'POST', { id: 'acme', name: 'Acme', preset: 'enterprise' });
  const built = async (): Promise<boolean> =>
    (await send(`${url}/v1/organizations/acme/transactions`, 'GET')).status === 200;
  await until('the read models are built', 20_000, built);
}, 90_000);
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Stores a fact and answers where it stands. */
const grant = async (): Promise<string> => {
  const body = { credit_type: 'purchased', amount: '1', reason: 'test' };
  const answer = await must(`${url}/v1/organizations/acme/wallets/credits/grants`, 'POST', body, {
    'idempotency-key': randomUUID(),
  });
  return String(answer['position']);
};

const transactionsAfter = (position: string) =>
  must(`${url}/v1/organizations/acme/transactions?limit=500&after=${position}`, 'GET');

test('a read after a position has what was stored there, though another thread carries it (INV-DEL-5)', async () => {
  for (let count = 1; count <= GRANTS; count++) {
    const page = await transactionsAfter(await grant());
    expect((page['data'] as unknown[]).length).toBe(count);
  }
});

test('what the thread counts is on /metrics, and its state is what readiness says', async () => {
  const text = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  const commits = /drawdown_projection_commits_total\{projector="transactions"\} (\d+)/;
  await until('all commits are counted', 10_000, async () => Number(commits.exec(await text())?.[1] ?? 0) > 0);
  await until('the lag is known', 10_000, async () =>
    /drawdown_projection_lag_events\{projector="balances",shard="0"\} 0/.test(await text()),
  );
  expect(await text()).toMatch(/drawdown_projection_batch_events_count\{projector="balances"\} \d+/);
  const ready = await must(`${url}/readyz`, 'GET');
  expect(ready['checks']).toMatchObject({ database: { ok: true }, read_models: { ok: true } });
});

(isLinux ? test : test.skip)('one thread, and only one, goes behind the others', () => {
  expect(behind().filter((thread) => !before.includes(thread))).toHaveLength(1);
});

test('drained, it still answers; what its last batches left out follows at the next start, once', async () => {
  const before = await transactionsAfter(await grant());
  const stored = (before['data'] as unknown[]).length;
  const grants = await Promise.all(Array.from({ length: 20 }, grant));
  await parts.drain();
  const { status, body } = await send(`${url}/v1/organizations/acme/transactions?limit=500`, 'GET');
  expect(status).toBe(200);
  expect((body['data'] as unknown[]).length).toBeGreaterThanOrEqual(stored);
  await app.close();
  await open(); // what the batches in hand left out follows now; nothing is there twice
  const last = grants.sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1])).at(-1) ?? '';
  const after = await transactionsAfter(last);
  expect((after['data'] as unknown[]).length).toBe(stored + 20);
}, 60_000);

test('an engine that hangs holds up no shutdown: what it has not done is read again (FLT-09)', async () => {
  const warn = jest.fn();
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'drawdown-hanging-'));
  const data = { log: { folder: dataFolder }, database: { folder: path.join(dataFolder, 'read-models') } };
  const readSide = new ReadSide(data, NO_METRICS, { ...NO_LOG, warn }, { stopMs: 100, closeMs: 100 });
  await readSide.start();
  const hanging = readSide.database.query('SELECT pg_sleep(2)');
  await readSide.close();
  expect(warn).toHaveBeenCalledWith(expect.anything(), expect.stringContaining('not closed'));
  await hanging; // the thread ends by itself after that, as it was told to
  rmSync(dataFolder, { recursive: true, force: true });
}, 90_000);
