import { setTimeout as sleep } from 'node:timers/promises';

/** Pauses that grow from failure to failure, so that what is broken is no busy loop. */
export class GrowingPause {
  private ms = 0;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {}

  reset(): void {
    this.ms = 0;
  }

  /** Ends early when `signal` aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    this.ms = Math.min(Math.max(this.firstMs, this.ms * 2), this.longestMs);
    await sleep(this.ms, undefined, { signal }).catch(() => undefined); // rejects only because of the abort
  }
}
