import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { DIST } from '@drawdown/adapters/cluster/testing/dist';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { recorded } from '@drawdown/ledger/testing';
import type { EventStore } from '@drawdown/ports';
import { insist, send } from './testing/api';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const DAY_MS = 24 * 3_600_000;
/** Looked at every 2 s. */
const NOTICED_MAX_MS = 30_000;
/** The timer settles every second: so long nothing may be settled. */
const TIMERS_MS = 3_000;
/** The clock of each of them goes three days ahead at SIGWINCH; one that is started again has the machine's. */
const STEPPING = {
  NODE_OPTIONS: `--require ${path.join(DIST, 'apps/standalone/src/testing/stepping-clock.js')}`,
  CLOCK_STEPS_MS: String(3 * DAY_MS),
};

let folder: string;
let cluster: Cluster;
let store: EventStore;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-clock-'));
  const own = { 'worker-1': STEPPING, api: STEPPING };
  cluster = await startCluster({ folder, shards: 1, workers: 1, projectors: 'together', adminKey: ADMIN_KEY, own });
  store = openEventStoreDb(cluster.addresses.EVENTSTORE_URL);
}, 240_000);
afterAll(async () => {
  await store.close();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

/** Resolves when the process says that its clock is wrong, and for that reason that it is not ready. */
const step = async ({ pid, url }: AppProcess): Promise<void> => {
  process.kill(pid, 'SIGWINCH');
  await until('it is not ready', NOTICED_MAX_MS, async () => {
    const { status, body } = await send(`${url}/readyz`, 'GET');
    const { clock } = body['checks'] as Record<string, { readonly ok: boolean }>;
    return status === 503 && clock?.ok === false;
  });
};
const skew = (app: AppProcess): Promise<number> => app.metric('drawdown_clock_skew_seconds');
const STEPPED_S = (2.9 * DAY_MS) / 1_000;
/** Another process, which nobody has stepped. */
const startAgain = async (app: AppProcess): Promise<void> => {
  await app.kill();
  await cluster.ready();
  await until('the clocks agree', NOTICED_MAX_MS, async () => (await skew(app)) < 0.5);
};
const expired = async (): Promise<number> =>
  (await recorded(store, 0)).filter(({ event }) => event.type === 'LotExpired').length;

test('FLT-70: a worker whose clock is wrong turns red and ends no lot by its timer; once it is right the lot is there', async () => {
  const worker = cluster.app('worker-1');
  const base = `${cluster.url}/v1/organizations/clocked`;
  await insist(`${cluster.url}/v1/organizations`, 'POST', { id: 'clocked', name: 'Clocked', preset: 'enterprise' });
  const expires_at = new Date(Date.now() + DAY_MS).toISOString();
  const grant = { credit_type: 'promotional', amount: '5', priority: 10, reason: 'spec', expires_at };
  await insist(`${base}/wallets/credits/grants`, 'POST', grant);
  await step(worker);
  expect(await skew(worker)).toBeGreaterThan(STEPPED_S);
  const noticed = performance.now();
  await until('its timer has gone round', 2 * TIMERS_MS, () => performance.now() > noticed + TIMERS_MS);
  expect(await expired()).toBe(0);
  await startAgain(worker);
  expect(await expired()).toBe(0);
  const wallet = await insist(`${base}/wallets/credits`, 'GET');
  expect(wallet['balance']).toMatchObject({ available: '5', settled: '5' });
}, 240_000);

test('FLT-70: an api whose clock is wrong turns red: what it shows as expired is not', async () => {
  const api = cluster.app('api');
  await step(api);
  expect(await skew(api)).toBeGreaterThan(STEPPED_S);
  await startAgain(api);
}, 240_000);
