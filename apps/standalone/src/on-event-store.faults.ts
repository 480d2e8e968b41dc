import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { listening, startStoreProcess, storeUrl } from '@drawdown/adapters/cluster/testing/store-process';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { send } from './testing/api';
import { charge } from './testing/forms/charge';
import { chargesIn, leftAfter, makeOrganizations, untilLeft, usageOf } from './testing/forms/organizations';
import { metricSum } from './testing/metrics';
import { type ServerOptions, ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const STOP_MAX_MS = 10_000;
/** deploy/README.md says 30 s of an EventStoreDB that comes back. */
const BACK_MAX_MS = 30_000;
/** A process has to load before it can refuse. */
const REFUSED_MAX_MS = 60_000;
/** A real server that is there, which keeps what it has; else the double. */
const REAL = process.env['EVENTSTORE_URL'];

let folder: string;
let double: AppProcess;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-forms-'));
  double = await startStoreProcess({ folder: path.join(folder, 'event-store') });
}, 120_000);
afterEach(() => ServerProcess.endAll());
afterAll(async () => {
  await double.stop();
  rmSync(folder, { recursive: true, force: true });
});

const options = (name: string, url: string, environment: Readonly<Record<string, string>> = {}): ServerOptions => ({
  dataFolder: path.join(folder, name),
  environment: { EVENTSTORE_URL: url, ...environment },
});

const refused = async (given: ServerOptions): Promise<string> => {
  const server = await ServerProcess.spawn(given);
  expect((await server.withinTime(REFUSED_MAX_MS)).code).toBe(1);
  return server.output;
};

test('the log on EventStoreDB: charged, shown, and all of it there for a process with another data folder', async () => {
  const url = REAL ?? storeUrl(double);
  const first = await ServerProcess.start(options('first', url));
  const [name = ''] = await makeOrganizations(first.url, 1);
  for (let n = 1; n <= 20; n++)
    expect(await charge(first.url, usageOf(name, String(n), n))).toMatchObject({ outcome: 'charged' });
  const wallet = await untilLeft(first.url, name, leftAfter(210));
  expect(await chargesIn(first.url, name, wallet)).toBe(20);
  expect(await first.stop()).toEqual({ code: 0, signal: null });

  const second = await ServerProcess.start(options('second', url));
  expect(await untilLeft(second.url, name, leftAfter(210))).toMatchObject({ position: wallet.position });
  expect(await chargesIn(second.url, name, wallet)).toBe(20);
}, 240_000);

test('FLT-13, INV-LED-14: a shard count that the store was not made with is refused, and so is a folder of another log', async () => {
  const url = REAL ?? storeUrl(double);
  expect(await refused(options('third', url, { DRAWDOWN_SHARDS: '1023' }))).toContain('this process is set to 1023');
  await (await ServerProcess.start(options('fourth', url))).stop();
  expect(await refused(options('fourth', ''))).toMatch(/belongs to the store .* set EVENTSTORE_URL/);
}, 240_000);

test('FLT-20: without its event store it starts, says at /readyz what is missing, and goes on when it is there', async () => {
  await double.stop();
  const server = await ServerProcess.spawn(options('absent', storeUrl(double)));
  await server.alive();
  const ready = await send(`${server.url}/readyz`, 'GET');
  expect([ready.status, ready.body['checks']]).toMatchObject([503, { event_store: { ok: false } }]);
  const refused = await fetch(`${server.url}/v1/events`, { method: 'POST', body: '{}' });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ code: 'unavailable' });
  double.start();
  await server.ready(); // a first start, which makes a database, too
  const [name = ''] = await makeOrganizations(server.url, 1);
  await charge(server.url, usageOf(name, 'before', 1));
  const isUp = (): Promise<number> => metricSum(server.url, 'dependency_up', 'dependency="event_store"');
  await until('the store is up', BACK_MAX_MS, async () => (await isUp()) === 1);

  await double.kill(); // and started again at once
  await listening(double);
  const usage = usageOf(name, 'after', 20);
  await until('usage is charged again', BACK_MAX_MS, async () => {
    const { status } = await send(`${server.url}/v1/events?wait=charged`, 'POST', usage, {
      'content-type': 'application/cloudevents+json',
    });
    if (status !== 200) expect(status).toBe(503);
    return status === 200;
  });
  await untilLeft(server.url, name, leftAfter(21));

  await double.stop();
  await until(
    'readiness names it',
    BACK_MAX_MS,
    async () => (await send(`${server.url}/readyz`, 'GET')).status === 503,
  );
  await until('an alert can see it', BACK_MAX_MS, async () => (await isUp()) === 0);
  const begun = performance.now();
  expect((await server.stop()).signal).toBeNull();
  expect(performance.now() - begun).toBeLessThan(STOP_MAX_MS * allowance());
  double.start();
}, 240_000);
