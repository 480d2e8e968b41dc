import type { Sleep } from './sleep';

/** How long is waited at most: whoever asks is a request, and the store may be away, or have much to look through. */
const WAIT_MS = 2_000;

/** From the end of one reading to the next: whoever asks for more and more of them makes no load of that. */
const PAUSE_MS = 200;

/** Reads what others have written, for many who want to know of it at once: seldom, and once for all who ask meanwhile. */
export class CatchUp {
  /** The reading that has not begun. */
  private coming: Promise<void> | null = null;
  private before: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly read: () => Promise<void>,
    private readonly sleep: Sleep,
  ) {}

  /** Resolves after a reading that began later than the call, or where that takes too long. Rejects as the reading does. */
  now(): Promise<void> {
    return (this.coming ??= this.notTooLong(this.next()));
  }

  /** Never two at a time: one that nobody waits for any more still keeps the store busy. */
  private async next(): Promise<void> {
    await this.before;
    this.coming = null; // what is written from now on may be missed: whoever asks then waits for another one
    const reading = this.read();
    const pause = (): Promise<void> => this.sleep(PAUSE_MS, { ref: false });
    this.before = reading.then(pause, pause);
    await reading;
  }

  private async notTooLong(reading: Promise<void>): Promise<void> {
    const over = new AbortController();
    const tooLong = this.sleep(WAIT_MS, { signal: over.signal, ref: false }).catch(() => undefined);
    await Promise.race([reading, tooLong]).finally(() => over.abort());
  }
}
