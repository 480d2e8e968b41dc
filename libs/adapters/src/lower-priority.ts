import { readlinkSync } from 'node:fs';
import os from 'node:os';

/**
 * Added to the process's `nice` for a thread that others go before: of a core that it shares with one of them it gets a
 * quarter, alone all of it. With 10 it would get a tenth, and next to other busy processes too little to ever be level.
 */
const NICE = 5;
const NICEST = 19;

/**
 * Has the operating system serve this thread after the others of the process wherever they want a core at the same time.
 * Linux only: there a thread has a priority of its own, elsewhere it is the process's. Answers whether it was done; where
 * it cannot be (no /proc, a sandbox that forbids it) everything works as well, only less well ordered.
 */
export const lowerPriority = (): boolean => {
  if (process.platform !== 'linux') return false;
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1)); // `<process>/task/<thread>`
    os.setPriority(thread, Math.min(os.getPriority() + NICE, NICEST));
    return true;
  } catch {
    return false; // as said above
  }
};
