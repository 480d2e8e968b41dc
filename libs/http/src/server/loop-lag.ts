import { performance } from 'node:perf_hooks';

/** How often the event loop is asked how late it is. */
const EVERY_MS = 500;
/** The longest lag is reported for so long: scrapes come every 15 s and see what happened between them. */
const REPORTED_MS = 60_000;
/** A process that was blocked for longer is not ready until it turns again; the alert EventLoopBlocked begins here, too. */
const BLOCKED_MS = 1_000;

/** How late the event loop is, until it is stopped. `report` gets the longest of the last minute, in seconds. */
export class LoopLag {
  private readonly timer: NodeJS.Timeout;
  private due = performance.now() + EVERY_MS;
  private lastMs = 0;
  private longest = { ms: 0, at: -Infinity };

  constructor(report: (seconds: number) => void) {
    this.timer = setInterval(() => {
      const now = performance.now();
      this.lastMs = Math.max(0, now - this.due);
      if (this.lastMs >= this.longest.ms || now - this.longest.at > REPORTED_MS) {
        this.longest = { ms: this.lastMs, at: now };
      }
      report(this.longest.ms / 1000);
      this.due = now + EVERY_MS;
    }, EVERY_MS).unref();
  }

  /** Why nothing could be answered until a moment ago; null where the loop turns (FLT-10). */
  get trouble(): string | null {
    const ms = Math.max(this.lastMs, performance.now() - this.due);
    return ms > BLOCKED_MS ? `the event loop was blocked for ${(ms / 1000).toFixed(1)} s` : null;
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
