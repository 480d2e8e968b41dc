import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpLog } from '../server/http-log';
import type { Drained, RunningParts } from '../server/parts.module';

/**
 * A process ends within 10 s of SIGTERM. A shard is given 8 s by itself for what is in hand; a server that is away would
 * be waited for longer than that.
 */
const DRAIN_MAX_MS = 8_500;
const CLOSE_MAX_MS = 1_000;

/**
 * The two steps of a shutdown, neither of which waits for a server that does not answer. What is left then is as after a
 * kill: of unknown outcome, fenced, and found out by whoever comes next.
 */
export const endingInTime = ({ drain, close }: RunningParts, log: HttpLog): RunningParts => ({
  drain: () => inTime(drain(), DRAIN_MAX_MS, () => log.warn({}, 'stopped with something in hand: a server is away')),
  close: async () => {
    await inTime(close(), CLOSE_MAX_MS, () => log.warn({}, 'stopped with connections that do not close'));
  },
});

const inTime = async (work: Promise<Drained>, ms: number, late: () => void): Promise<Drained> => {
  const done = new AbortController();
  const timer = sleep(ms, 'left' as const, { signal: done.signal }).then(
    (left) => {
      late();
      return left;
    },
    () => undefined, // the work was done before, or has failed
  );
  return Promise.race([work, timer]).finally(() => done.abort());
};
