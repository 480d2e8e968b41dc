import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RATES, ORGANIZATIONS, organizationName } from './usage-sample';

const START_MAX_MS = 60_000;
const STOP_MAX_MS = 20_000;
/** As `npm start` and the image run it, but for the source maps, which only errors look at. */
const NODE_FLAGS = ['--max-semi-space-size=32', '--no-allocation-site-pretenuring'];
const ADMIN_KEY = 'bench-key-0123456789abcdef';

/** The product as its users start it, in a process of its own, with a data folder that goes with it. */
export interface Server {
  readonly url: string;
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  /** From spawning the process to the first 200 of /readyz. */
  readonly startSeconds: number;
  readonly folder: string;
  readonly child: ChildProcess;
  readonly stop: () => Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => {
        resolve(port);
      });
    });
  });

export const startServer = async (): Promise<Server> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'drawdown-bench-'));
  const port = await freePort();
  const started = performance.now();
  const main = path.resolve(__dirname, '../../standalone/src/main.js');
  const child = spawn(process.execPath, [...NODE_FLAGS, ...(process.env['BENCH_NODE_FLAGS']?.split(' ') ?? []), main], {
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DRAWDOWN_DATA: folder,
      DRAWDOWN_ADMIN_KEY: ADMIN_KEY,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = (): void => void child.kill('SIGKILL');
  process.once('exit', ended); // however the bench ends
  child.once('exit', () => process.off('exit', ended));
  const url = `http://127.0.0.1:${String(port)}`;
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${String(child.exitCode)}`);
    if (performance.now() - started > START_MAX_MS) throw new Error('the server was not ready in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const startSeconds = (performance.now() - started) / 1000;
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
    child.kill('SIGTERM');
    if (child.exitCode === null) await ended;
    clearTimeout(late);
    await rm(folder, { recursive: true, force: true });
  };
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  return { url, port, headers, startSeconds, folder, child, stop };
};

const isReady = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false; // not listening yet
  }
};

let requests = 0;
const post = async (server: Server, route: string, body: unknown, method = 'POST'): Promise<void> => {
  const response = await fetch(server.url + route, {
    method,
    headers: {
      ...server.headers,
      'content-type': 'application/json',
      'idempotency-key': `bench-${String(process.pid)}-${String(requests++)}`,
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${String(response.status)} ${await response.text()}`);
};

/** Makes the organizations, each with three lots, and the rate card that all of them use. */
export const fillServer = async (server: Server): Promise<void> => {
  await post(server, '/v1/rate-cards', { key: 'bench', name: 'bench', unit: 'credit' });
  await post(server, '/v1/rate-cards/bench/versions', { rates: RATES });
  await post(server, '/v1/rate-cards/bench/versions/1/activate', { effective_from: '2020-01-01T00:00:00Z' });
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < ORGANIZATIONS; n = next++) {
      const id = organizationName(n);
      const route = `/v1/organizations/${id}`;
      await post(server, '/v1/organizations', { id, name: id, preset: 'enterprise' });
      await post(server, `${route}/rate-card`, { key: 'bench' }, 'PUT');
      for (const priority of [10, 20, 30]) {
        const grant = { credit_type: 'purchased', amount: '1000000', priority, reason: 'bench' };
        await post(server, `${route}/wallets/credits/grants`, grant);
      }
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
};

/** A metric's value in the server's own text, summed over its labels. */
export const metricOf = async (server: Server, name: string): Promise<number> => {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  let total = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) total += Number(line.slice(line.lastIndexOf(' ')));
  }
  return total;
};
