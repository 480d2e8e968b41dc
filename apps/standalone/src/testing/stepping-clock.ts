/**
 * Loaded into a server by `node --require`: on SIGWINCH the machine's clock, as its main thread sees it, is set by the next
 * of the CLOCK_STEPS_MS (milliseconds, separated by commas). Nothing in the product knows of it, nor of that signal.
 */
import { isMainThread } from 'node:worker_threads';

const steps = (process.env['CLOCK_STEPS_MS'] ?? '').split(',').map(Number);
const now = Date.now;
let apart = 0;

if (isMainThread) {
  Date.now = () => now() + apart;
  process.on('SIGWINCH', () => {
    apart += steps.shift() ?? 0;
  });
}
