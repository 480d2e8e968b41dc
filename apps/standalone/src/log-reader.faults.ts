import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { metricSum } from './testing/metrics';
import { freePort, ROOT } from './testing/server-process';
import { until } from './testing/until';

const MAIN = path.join(ROOT, 'dist/apps/standalone/src/main.js');
const WAIT_MAX_MS = 60_000;
const STOP_MAX_MS = 10_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-reader-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs it with its output closed by its reader at its first word, and where it is said so its errors' as well. */
const unread = async (port: number, { readsErrors }: { readonly readsErrors: boolean }) => {
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DRAWDOWN_DATA: path.join(folder, 'data'),
      DRAWDOWN_LOG_LEVEL: 'debug', // a line for each request: there is something to say when nobody reads any more
      DRAWDOWN_SAMPLE: '0',
    },
  });
  const errors: Buffer[] = [];
  if (readsErrors) child.stderr.on('data', (bytes: Buffer) => void errors.push(bytes));
  else child.stderr.destroy();
  await once(child.stdout, 'data');
  child.stdout.destroy();
  return { child, errors: () => Buffer.concat(errors).toString('utf8') };
};

const answers = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false; // nobody listens yet
  }
};

test.each([
  ['of both outputs', false],
  // What lines may say is for the readers of the log: it turns up nowhere else.
  ['of the log alone', true],
])(
  'FLT-84: the reader %s goes away during the start: the service goes on, counts the lines, and stops when asked',
  async (_, readsErrors) => {
    const port = await freePort();
    const { child, errors } = await unread(port, { readsErrors });
    const ended = once(child, 'exit');
    try {
      const url = `http://127.0.0.1:${String(port)}`;
      await until('it is ready', WAIT_MAX_MS, () => {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended instead of going on');
        return answers(url);
      });
      expect((await fetch(`${url}/v1/presets`)).status).toBe(401); // it answers
      expect(await metricSum(url, 'log_lines_dropped_total')).toBeGreaterThan(0);
      const begun = performance.now();
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(performance.now() - begun).toBeLessThan(STOP_MAX_MS * allowance());
      expect(errors()).toBe('');
    } finally {
      child.kill('SIGKILL');
    }
  },
);
