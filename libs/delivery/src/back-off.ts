import { setTimeout as sleep } from 'node:timers/promises';

/** Pauses that grow from failure to failure, with jitter, so that those who wait for one thing do not come back at once. */
export class BackOff {
  private pauseMs: number;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {
    this.pauseMs = firstMs;
  }

  /** Waits between half of the present pause and all of it; resolves early where `signal` aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    const pauseMs = this.pauseMs;
    this.pauseMs = Math.min(pauseMs * 2, this.longestMs);
    await pause(pauseMs * (0.5 + Math.random() / 2), signal);
  }

  reset(): void {
    this.pauseMs = this.firstMs;
  }
}

/** What is answered, unless `signal` aborts before that: nobody waits for it any more then, and it rejects. */
export const orAborted = <T>(answer: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const stop = (): void => reject(new Error('stopped before there was an answer'));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });

/** Waits; resolves early where `signal` aborts. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};
