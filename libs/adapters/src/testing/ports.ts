import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

/**
 * Below those that systems give to connections that go out (Linux: from 32768, others: from 49152): a server that is
 * killed finds its port free when it comes back, and a client that tries meanwhile cannot be given it for its own end.
 */
const LOWEST = 20_000;
const END = 32_000;
const TRIES_MAX = 1_000;

/**
 * Workers of jest run at the same time and know nothing of each other: each has ports of its own, so that none is given
 * that of a server which another has just killed and is about to start again.
 */
const SHARES = 8;
const share = Number(process.env['JEST_WORKER_ID'] ?? 0) % SHARES;

const given = new Set<number>();

/** Ports of the loopback address that nobody listens on at the moment, and that were not given here before. */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === TRIES_MAX) throw new Error('no free port was found: end what listens on the loopback address');
    const port = LOWEST + SHARES * randomInt((END - LOWEST) / SHARES) + share;
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
};

const isFree = async (port: number): Promise<boolean> => {
  const server = net.createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening'); // rejects with its error
  } catch {
    return false; // taken
  }
  await once(server.close(), 'close');
  return true;
};
