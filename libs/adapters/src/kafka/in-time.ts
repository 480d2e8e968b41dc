import { setTimeout as sleep } from 'node:timers/promises';

/** Rejects with `late()` where the promise takes longer; what becomes of it afterwards is nobody's concern. */
export const inTime = async <T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> => {
  const timer = new AbortController();
  const timeout = sleep(ms, undefined, { signal: timer.signal }).then((): T => {
    throw late();
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    // The loser of the race rejects unheard.
    timeout.catch(() => undefined);
    promise.catch(() => undefined);
    timer.abort();
  }
};
