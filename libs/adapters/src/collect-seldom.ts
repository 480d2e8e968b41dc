import { setFlagsFromString } from 'node:v8';

/**
 * For a process that passes buffers of the size of events on and keeps little itself. V8 counts buffers against a limit that it
 * sets after each full collection from what was alive; with 20 MB alive, every further 64 MB of events set off another one,
 * which then took four fifths of the processor time. With this the limit is seven times what is alive, and they die in the young
 * generation before it is reached: under full load a relay has 176 MB. Not for a process that keeps much and has a limit: that
 * may grow seven times.
 */
export const collectSeldom = (): void => {
  setFlagsFromString('--heap-growing-percent=600');
};
