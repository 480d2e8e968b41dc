import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

const BUILT = path.resolve(__dirname, '../../../dist/libs/adapters/src/lower-priority.js');
const INSIDE = `
  const { parentPort } = require('node:worker_threads');
  const { lowerPriority } = require(${JSON.stringify(BUILT)});
  const done = lowerPriority();
  const thread = done ? Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1)) : 0;
  parentPort.postMessage({ done, own: require('node:os').getPriority(thread) });`;

test('on Linux a thread goes behind the others, which keep their priority; elsewhere nothing changes', async () => {
  const before = os.getPriority();
  const worker = new Worker(INSIDE, { eval: true });
  const exit = once(worker, 'exit'); // it may come together with the message
  const [inside] = (await once(worker, 'message')) as [{ readonly done: boolean; readonly own: number }];
  await exit;
  expect(inside).toEqual(process.platform === 'linux' ? { done: true, own: 5 } : { done: false, own: before });
  expect(os.getPriority()).toBe(before);
});
