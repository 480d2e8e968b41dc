import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PostgresServer } from '@drawdown/adapters/postgres/testing/postgres-server';
import { all, insist, must, send } from './testing/api';
import { checkBooks, endLoads, startLoad } from './testing/load/scene';
import { ROOT, ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Operations before and after a step. */
const LOAD = 40;
/** Looked at every 2 s. */
const NOTICED_MAX_MS = 30_000;
/** The timer settles every second: so long nothing may be settled. */
const TIMERS_MS = 3_000;
const PRELOADED = path.join(ROOT, 'dist/apps/standalone/src/testing/stepping-clock.js');

let folder: string;
let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await PostgresServer.start();
}, 240_000);
afterAll(() => postgres.remove());
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-clock-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  await endLoads();
  rmSync(folder, { recursive: true, force: true });
});

/** A server whose clock is set by the next of the steps at each SIGWINCH. */
const stepping = async (...stepsMs: readonly number[]) => ({
  dataFolder: path.join(folder, 'data'),
  environment: {
    DATABASE_URL: await postgres.newDatabase(),
    NODE_OPTIONS: `--require ${PRELOADED}`,
    CLOCK_STEPS_MS: stepsMs.join(','),
  },
});
const skew = async (url: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^drawdown_clock_skew_seconds (\S+)$/m.exec(text)?.[1]);
};
/** The answer of the database may have been late once. */
const untilRight = (url: string): Promise<number> =>
  until('the clocks agree', NOTICED_MAX_MS, async () => (await skew(url)) < 0.5);
const isRed = async (url: string): Promise<boolean> => {
  const { status, body } = await send(`${url}/readyz`, 'GET');
  const { clock } = body['checks'] as Record<string, { readonly ok: boolean }>;
  return status === 503 && clock?.ok === false;
};

test('FLT-70: the clock steps +3 days and −2 hours under load: it turns red, no booking time goes back, the books agree', async () => {
  const server = await ServerProcess.start(await stepping(3 * DAY_MS, -2 * HOUR_MS));
  const { url, pid } = server;
  const { generator, journal } = await startLoad(url, folder, 4);
  const loaded = async (): Promise<void> => {
    const { begun } = generator;
    await until('there is load', 60_000, () => generator.begun > begun + LOAD);
  };
  await loaded();
  await untilRight(url);
  for (let step = 0; step < 2; step++) {
    process.kill(pid, 'SIGWINCH');
    await until('it is not ready', NOTICED_MAX_MS, () => isRed(url));
    await loaded();
    expect(await skew(url)).toBeGreaterThan((2.9 * DAY_MS) / 1_000);
  }
  await generator.stop();
  await checkBooks(url, journal.read());
  const transactions = await all(`${url}/v1/organizations/rich-1/transactions?order=asc&period=all`, insist);
  const booked = transactions.map(({ booked_at: at }) => String(at));
  expect(booked).toEqual([...booked].sort());
  const [first = 0, last = 0] = [booked[0], booked.at(-1)].map((at) => Date.parse(at ?? ''));
  expect(last - first).toBeGreaterThan(2.9 * DAY_MS);
}, 300_000);

test('FLT-70: a lot is not ended by the timer of a clock that is wrong, and is there once that is right', async () => {
  const options = await stepping(3 * DAY_MS);
  const wrong = await ServerProcess.start(options);
  const base = `${wrong.url}/v1/organizations/clocked`;
  await must(`${wrong.url}/v1/organizations`, 'POST', { id: 'clocked', name: 'Clocked', preset: 'enterprise' });
  const expires_at = new Date(Date.now() + DAY_MS).toISOString();
  const grant = { credit_type: 'promotional', amount: '5', priority: 10, reason: 'spec', expires_at };
  await must(`${base}/wallets/credits/grants`, 'POST', grant, { 'idempotency-key': 'a' });
  process.kill(wrong.pid, 'SIGWINCH');
  await until('it is not ready', NOTICED_MAX_MS, () => isRed(wrong.url));
  const noticed = performance.now();
  await until('its timer has gone round', 2 * TIMERS_MS, () => performance.now() > noticed + TIMERS_MS);
  await wrong.kill();
  const right = await ServerProcess.start({ ...options, port: wrong.port });
  await untilRight(right.url);
  const wallet = await must(`${base}/wallets/credits`, 'GET');
  expect(wallet['balance']).toMatchObject({ available: '5', settled: '5' });
  const { position } = wallet['as_of'] as { readonly position: string };
  expect((await insist(`${base}/transactions?kind=expiry&after=${position}`, 'GET'))['data']).toEqual([]);
}, 300_000);
