/**
 * Loaded into a server by `node --require`, and with it into each of its threads: on SIGWINCH the thread whose file is
 * named by DYING_THREAD ends, between two of the messages it gets. Nothing in the product knows of it, nor of that signal.
 */
import path from 'node:path';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

const channel = new BroadcastChannel('dying-threads');

/** A thread's file is known only once it runs. */
const dieWhereMeant = (): void => {
  if (path.basename(process.argv[1] ?? '') === process.env['DYING_THREAD']) process.exit(1); // ends the thread only
};

if (isMainThread) process.on('SIGWINCH', () => channel.postMessage('die'));
else channel.onmessage = dieWhereMeant;
channel.unref(); // last, for listening undoes it: the channel alone keeps neither the process nor a thread alive
