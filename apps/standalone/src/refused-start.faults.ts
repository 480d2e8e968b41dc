import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { allowance } from './testing/allowance';
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
