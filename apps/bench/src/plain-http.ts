import { Worker } from 'node:worker_threads';
import { type PreparedRequest, sendAll } from './load';
import { quantile, spreadOf } from './rounds';

const ROUNDS = 3;

/** H: a bare `node:http` server with a fixed body, asked by the same generator over the same connections. */
export interface PlainHttp {
  readonly p50: number;
  readonly rate: number;
}

/** In a thread of its own, as the product is in a process of its own. */
const SERVER = `
const { parentPort, workerData } = require('node:worker_threads');
const body = Buffer.alloc(workerData.bytes, 'x');
const server = require('node:http').createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

export const measureH = async (bodyBytes: number, requests: number): Promise<PlainHttp> => {
  const worker = new Worker(SERVER, { eval: true, workerData: { bytes: bodyBytes } });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    const reads = Array.from({ length: requests }, (): PreparedRequest => ({
      method: 'GET',
      path: '/',
      headers: {},
      body: null,
    }));
    // The generator, too, gets faster until it has been compiled: what is measured first would be too slow.
    await sendAll(port, reads, 8);
    const latencies: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      latencies.push(quantile(await sendAll(port, reads, 1), 0.5));
      const started = performance.now();
      await sendAll(port, reads, 32);
      rates.push((requests / (performance.now() - started)) * 1000);
    }
    return { p50: spreadOf(latencies).median, rate: spreadOf(rates).median };
  } finally {
    await worker.terminate();
  }
};
