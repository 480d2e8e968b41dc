import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ADMIN_KEY, ROOT, ServerProcess } from './testing/server-process';
import { must } from './testing/api';
import { checkBooks, endLoads, outcomes, startLoad } from './testing/load/scene';
import { until } from './testing/until';

const BLOCKED_MS = 10_000;
/** What a caller, and whoever asks whether it is ready, waits for. */
const DEADLINE_MS = 2_000;
/** Without an answer for so long it is blocked, and not only slow on a machine that others use. */
const SLOW_MS = 1_000;
const SLOW_MAX_MS = 5_000;
const CALLERS = 20;
/** Until it has answered what has piled up. */
const BACK_MAX_MS = 30_000;
const PRELOADED = path.join(ROOT, 'dist/apps/standalone/src/testing/blocking-loop.js');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-blocked-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  await endLoads();
  rmSync(folder, { recursive: true, force: true });
});

/** A grant under a key of its own, given up after the caller's deadline; its status, or null where none came in time. */
const granted = async (url: string, key: string, deadlineMs = DEADLINE_MS): Promise<number | null> => {
  try {
    const { status } = await fetch(`${url}/v1/organizations/blocked/wallets/credits/grants`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ credit_type: 'purchased', amount: '1', priority: 20, reason: 'spec' }),
      signal: AbortSignal.timeout(deadlineMs),
    });
    return status;
  } catch {
    return null; // the caller has given it up
  }
};
const readiness = async (url: string, deadlineMs: number): Promise<string> => {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(deadlineMs) });
    return `${String(response.status)} ${await response.text()}`;
  } catch {
    return 'no answer';
  }
};

test('FLT-10: blocked for 10 s it is not ready, callers give up, and what they send again happens once', async () => {
  const environment = { NODE_OPTIONS: `--require ${PRELOADED}`, BLOCKED_MS: String(BLOCKED_MS) };
  const server = await ServerProcess.start({ dataFolder: path.join(folder, 'data'), environment });
  const { url, pid } = server;
  const { generator, journal } = await startLoad(url, folder, 4);
  await must(`${url}/v1/organizations`, 'POST', { id: 'blocked', name: 'Blocked', preset: 'enterprise' });
  const keys = Array.from({ length: CALLERS }, (_, i) => `blocked-${String(i)}`);
  const begun = generator.begun;
  await until('there is load', 60_000, () => generator.begun > begun + 40);

  process.kill(pid, 'SIGWINCH');
  await until('it is blocked', SLOW_MAX_MS, async () => (await readiness(url, SLOW_MS)) === 'no answer');
  const [impatient, patient, ...callers] = await Promise.all([
    readiness(url, DEADLINE_MS),
    readiness(url, 3 * BLOCKED_MS),
    ...keys.map((key) => granted(url, key)),
  ]);
  expect(impatient).toBe('no answer');
  expect(patient).toMatch(/^503 .*the event loop was blocked for (9|1\d)\.\d s/);
  expect(callers).toEqual(keys.map(() => null));
  await server.ready(BACK_MAX_MS);
  const metrics = await (await fetch(`${url}/metrics`)).text(); // told for a minute
  const lag = Number(/^drawdown_event_loop_lag_seconds (\S+)$/m.exec(metrics)?.[1]);
  expect(lag).toBeGreaterThan((BLOCKED_MS - 1_000) / 1_000);

  const again = await Promise.all(keys.map((key) => granted(url, key, 30_000)));
  expect(new Set(again)).toEqual(new Set([201]));
  const wallet = await must(`${url}/v1/organizations/blocked/wallets/credits`, 'GET');
  expect(wallet['balance']).toMatchObject({ available: String(CALLERS) });
  await generator.stop();
  const journaled = journal.read();
  process.stdout.write(`blocked: ${String(journaled.length)} operations: ${outcomes(journaled)}\n`);
  await checkBooks(url, journaled);
  expect((await server.stop()).code).toBe(0);
}, 180_000);
