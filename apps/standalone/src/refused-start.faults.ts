import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openSqliteEventStore } from '@drawdown/adapters/embedded/sqlite-event-store';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { START } from '@drawdown/domain/testing';
import { ROOT, ServerProcess } from './testing/server-process';

/** BAD-120, on a machine that does nothing else. */
const REFUSED_MS = 5_000;
const REFUSED_MAX_MS = 60_000;
/** Part of every value here, and of nothing that the product says. */
const SECRET = 'zk7Qv93';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-refused-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  rmSync(folder, { recursive: true, force: true });
});

const KAFKA = { KAFKA_BROKERS: '127.0.0.1:9' };
const SERVERS = { ...KAFKA, EVENTSTORE_URL: 'esdb://127.0.0.1:9?tls=false', DATABASE_URL: 'postgres://127.0.0.1:9/x' };

test.each([
  ['a key that is a placeholder', 'standalone', { DRAWDOWN_ADMIN_KEY: `changeme-${SECRET}-and-more` }],
  ['a key that is too short', 'standalone', { DRAWDOWN_ADMIN_KEY: SECRET }],
  ['a variable that there is not', 'standalone', { DRAWDOWN_ADMIN_KEE: `${SECRET}-and-some-more` }],
  ['a database of another kind', 'standalone', { DATABASE_URL: `mysql://drawdown:${SECRET}@127.0.0.1/x` }],
  ['a database that is no address', 'standalone', { DATABASE_URL: `postgres://drawdown:${SECRET}@127.0.0.1:port/x` }],
  ['a store that is no address', 'standalone', { EVENTSTORE_URL: `esdb://admin:${SECRET}@127.0.0.1:port` }],
  ['a password without a login', 'standalone', { KAFKA_SASL_PASSWORD: SECRET, ...KAFKA }],
  ['a key that is a placeholder', 'api', { DRAWDOWN_ADMIN_KEY: `changeme-${SECRET}-and-more`, ...SERVERS }],
  ['a password without a login', 'worker', { KAFKA_SASL_PASSWORD: SECRET, ...SERVERS }],
  ['a store that is no address', 'relay', { ...SERVERS, EVENTSTORE_URL: `esdb://admin:${SECRET}@127.0.0.1:port` }],
  [
    'a database that is no address',
    'projectors',
    { ...SERVERS, DATABASE_URL: `postgres://drawdown:${SECRET}@127.0.0.1:port/x` },
  ],
])('BAD-120: %s ends %s in time, with its name and without its value', async (_, app, environment) => {
  const [name = ''] = Object.entries(environment).find(([, value]) => value.includes(SECRET)) ?? [];
  const begun = performance.now();
  const words = [path.join(ROOT, 'dist/apps', app, 'src/main.js')];
  const process = await ServerProcess.spawn({ dataFolder: path.join(folder, 'data'), environment, words });
  expect(await process.withinTime(REFUSED_MAX_MS)).toEqual({ code: 1, signal: null });
  expect(performance.now() - begun).toBeLessThan(REFUSED_MS * allowance());
  expect(process.output).toContain(name);
  expect(process.output).not.toContain(SECRET);
  expect(readdirSync(folder)).toEqual([]);
});

/** Starts an app, which must end at once, having said one line. */
const lineOf = async (app: string, options: { dataFolder?: string; port?: number }): Promise<string> => {
  const words = [path.join(ROOT, 'dist/apps', app, 'src/main.js')];
  const dataFolder = path.join(folder, 'data');
  const environment = app === 'standalone' ? { DRAWDOWN_ADMIN_KEY: '' } : SERVERS;
  const process = await ServerProcess.spawn({ dataFolder, environment, words, ...options });
  expect(await process.withinTime(REFUSED_MAX_MS)).toEqual({ code: 1, signal: null });
  expect(process.output).toMatch(/^.+\n$/);
  return process.output;
};

test.each(['standalone', 'api', 'worker', 'relay', 'projectors'])(
  'a port that is taken ends %s with one line that says what to do, and nothing was made',
  async (app) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const line = await lineOf(app, { port });
    other.close();
    expect(line).toContain(
      `cannot start: port ${String(port)} of 127.0.0.1 is taken: stop what listens there, or set PORT`,
    );
    expect(readdirSync(folder)).toEqual([]);
  },
);

test.each([[], ['below']])(
  'a data folder that is a file, or lies in one (%s), ends the start with one line',
  async (...below) => {
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    const dataFolder = path.join(file, ...below);
    const line = await lineOf('standalone', { dataFolder });
    expect(line).toContain(
      `the data folder ${dataFolder} is a file, or lies in one; choose another folder by DRAWDOWN_DATA`,
    );
  },
);

test.each([
  [
    'BAD-122: a log that a newer release wrote',
    createHash('sha256').update('rate-card-std\n0\nOfTheFuture\n{}').digest('hex'),
    /Drawdown cannot start: rate-card-std revision 0: .+ start that one, or a later one\n$/,
  ],
  [
    'INV-AUD-1: a price that is not as it was saved',
    createHash('sha256').update('another').digest('hex'),
    /Drawdown cannot start: rate-card-std: the hash of revision 0 does not match its content; .+ as in "Backup and restore" of deploy\/README\.md\n$/,
  ],
])('%s ends the start with what to do, and without a stack', async (_, hash, said) => {
  const dataFolder = path.join(folder, 'data');
  const store = await openSqliteEventStore(dataFolder);
  const written = { id: randomUUID(), type: 'OfTheFuture', data: Buffer.from('{}') };
  const metadata = { version: 1, booked_at: START, actor: { type: 'system', id: 's', role: null }, hash };
  await store.append('rate-card-std', 0, [{ ...written, metadata }]);
  await store.close();
  const process = await ServerProcess.spawn({ dataFolder });
  expect(await process.withinTime(REFUSED_MAX_MS)).toEqual({ code: 1, signal: null });
  expect(process.output).toMatch(said);
});
