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

/** Waits; resolves early where `signal` aborts. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};
