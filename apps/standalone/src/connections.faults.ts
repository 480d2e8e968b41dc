import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkBooks, endLoads, startLoad } from './testing/load/scene';
import { ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const IDLE = 10_000;
/** Connected at a time: the queue of a listening socket is short. */
const WIDTH = 200;
const SLOW = 50;
/** Between two bytes of a slow request. */
const DRIP_MS = 1_000;
/** A request has 30 s for its last byte, and so has a connection for its first request; looked at every second. */
const CLOSED_MAX_MS = 60_000;
/** The queue of the listening socket (511) is emptied between requests under load. */
const ACCEPTED_MAX_MS = 60_000;
const SERVED_MAX_MS = 20_000;
/** Probes and load have a handful of connections of their own. */
const OTHERS_MAX = 30;
const START = 'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n';

let folder: string;
const sockets = new Set<Socket>();
let closed = 0;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-connections-'));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await ServerProcess.endAll();
  await endLoads();
  rmSync(folder, { recursive: true, force: true });
});

/** A connection that is counted among {@link sockets} until the server closes it. */
const opened = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined); // a reset is an end, too
  socket.once('close', () => {
    sockets.delete(socket);
    closed += 1;
  });
  sockets.add(socket);
  await once(socket, 'connect');
  socket.resume();
  return socket;
};
const connections = async (url: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^drawdown_http_connections (\S+)$/m.exec(text)?.[1]);
};

test(`FLT-82: ${String(IDLE)} idle connections, slow and half-open ones: all are closed by timeouts, and others are served meanwhile`, async () => {
  const server = await ServerProcess.start({ dataFolder: path.join(folder, 'data') });
  const { url, port } = server;
  const { generator, journal } = await startLoad(url, folder, 2);
  for (let made = 0; made < IDLE; made += WIDTH) {
    await Promise.all(Array.from({ length: WIDTH }, () => opened(port)));
  }
  const slow = await Promise.all(Array.from({ length: SLOW }, () => opened(port)));
  for (const socket of slow) socket.write(START);
  const drip = setInterval(() => slow.forEach((socket) => socket.writable && socket.write(' ')), DRIP_MS);
  try {
    // Half-open: the client has said that it sends nothing more, in the middle of its request.
    const half = await Promise.all(Array.from({ length: SLOW }, () => opened(port)));
    for (const socket of half) socket.end(START.slice(0, 40));
    // Connected means in the queue of the listening socket: the server takes them from there in its own time.
    // On a slow machine it has closed the first of them by then, which it can do only with those that it has taken.
    await until('all are accepted', ACCEPTED_MAX_MS, async () => (await connections(url)) + closed > IDLE);
    const { begun } = generator;
    await until('others are served', SERVED_MAX_MS, () => generator.begun > begun + 40);
    // Red for a moment where the machine gave it no time for a second: that is no refusal.
    await until('it is ready', SERVED_MAX_MS, async () => (await fetch(`${url}/readyz`)).status === 200);
    const closedMs = await until('all are closed', CLOSED_MAX_MS, () => sockets.size === 0);
    process.stdout.write(`connections: all closed ${closedMs.toFixed(0)} ms after\n`);
  } finally {
    clearInterval(drip);
  }
  await until('they are counted no more', SERVED_MAX_MS, async () => (await connections(url)) < OTHERS_MAX);
  await generator.stop();
  await checkBooks(url, journal.read());
  expect((await server.stop()).code).toBe(0);
}, 240_000);
