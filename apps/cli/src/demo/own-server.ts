import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../usage-error';

const MAIN = path.resolve(__dirname, '../../../standalone/src/main.js');
const START_MAX_MS = 90_000;
const ASK_EVERY_MS = 100;
const SECRET_BYTES = 18;

export interface OwnServer {
  readonly url: string;
  readonly key: string;
  /** Ends it and removes its data. */
  readonly stop: () => Promise<void>;
}

/** Starts everything in one process, with data that lasts as long as it runs. */
export const startOwnServer = async (signal: AbortSignal): Promise<OwnServer> => {
  if (!existsSync(MAIN)) throw new UsageError('no server answers, and there is none to start here: run npm run build');
  const folder = await mkdtemp(path.join(tmpdir(), 'drawdown-demo-'));
  const [port, key] = [await freePort(), `demo-${randomBytes(SECRET_BYTES).toString('hex')}`];
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DRAWDOWN_DATA: folder,
      DRAWDOWN_ADMIN_KEY: key,
      DRAWDOWN_TEST_CLOCKS: '1',
      DRAWDOWN_SAMPLE: '0',
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'close');
  const end = (): boolean => child.kill('SIGKILL');
  process.once('exit', end); // whoever insists on stopping at once must not leave it behind
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const stop = async (): Promise<void> => {
    if (!isOver()) child.kill('SIGTERM');
    await ended;
    process.off('exit', end);
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${String(port)}`;
  try {
    const deadline = performance.now() + START_MAX_MS;
    while (!(await isReady(url, signal))) {
      if (isOver() || performance.now() > deadline) throw new Error(`the server does not start:\n${output}`);
      await sleep(ASK_EVERY_MS, undefined, { signal });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, key, stop };
};

const isReady = async (url: string, signal: AbortSignal): Promise<boolean> => {
  try {
    return (await fetch(`${url}/readyz`, { signal })).ok;
  } catch (error) {
    if (signal.aborted) throw error;
    return false; // nobody listens yet
  }
};

const freePort = async (): Promise<number> => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};
