import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isRunning, listens, Script } from './testing/script';

const READY_MAX_MS = 180_000;
const STOP_MAX_MS = 90_000;

let folder: string;
let script: Script | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-cluster-script-'));
  chmodSync(folder, 0o711); // PostgreSQL has an account of its own where this is root's, and comes this way
});
afterEach(async () => {
  script?.interrupt();
  await script?.ended(STOP_MAX_MS);
  rmSync(folder, { recursive: true, force: true });
});

/** Servers and processes, as it says where they are. */
const said = ({ output }: Script) => ({
  addresses: [...output.matchAll(/^ {2}[A-Z_]+=\S*(127\.0\.0\.1:\d+)/gm)].map(([, address]) => address ?? ''),
  pids: [...output.matchAll(/\/readyz {2}\(process (\d+)\)$/gm)].map(([, pid]) => Number(pid)),
});

test('`npm run cluster` says what it has started, its command works when pasted, and Ctrl-C leaves nothing of it', async () => {
  const begun = performance.now();
  script = Script.start('cluster.mjs', ['--port', '0', '--together', '--workers', '1'], folder);
  await script.says(/^Ctrl-C stops everything\.$/m, READY_MAX_MS);
  process.stdout.write(`cluster script: ready after ${(performance.now() - begun).toFixed(0)} ms\n`);
  const { addresses, pids } = said(script);
  expect(addresses).toHaveLength(3);
  expect(await Promise.all(addresses.map(listens))).toEqual([true, true, true]);
  expect(pids.map(isRunning)).toEqual(['api', 'worker', 'relay', 'transactions', 'projectors'].map(() => true));

  const [command = ''] = /^ {2}curl [^]*?\n\n/m.exec(script.output) ?? [];
  const answer = execFileSync('bash', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  expect(JSON.parse(answer)).toMatchObject({ name: 'Acme', status: 'active' });

  script.interrupt();
  expect(await script.ended(STOP_MAX_MS)).toBe(0);
  expect(pids.filter(isRunning)).toEqual([]);
  expect(await Promise.all(addresses.map(listens))).toEqual([false, false, false]);
  expect(readdirSync(folder)).toEqual([]);
});
