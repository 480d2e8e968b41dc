/**
 * Loaded into a server by `node --require`: on SIGWINCH its main thread does nothing else for BLOCKED_MS. Nothing in the
 * product knows of it, nor of that signal.
 */
import { isMainThread } from 'node:worker_threads';

const block = (): void => {
  for (const end = performance.now() + Number(process.env['BLOCKED_MS']); performance.now() < end;);
};

if (isMainThread) process.on('SIGWINCH', block);
