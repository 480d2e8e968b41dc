import type { Sleep } from './sleep';

/** How long one reading is waited for: whoever asks is a request, and the store may be away. */
const READ_MS = 1_000;

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
    return (this.coming ??= this.next());
  }

  private async next(): Promise<void> {
    await this.before;
    this.coming = null; // what is written from now on may be missed: whoever asks then waits for another one
    const over = new AbortController();
    const tooLong = this.sleep(READ_MS, { signal: over.signal, ref: false }).catch(() => undefined);
    const reading = Promise.race([this.read(), tooLong]).finally(() => over.abort());
    const pause = (): Promise<void> => this.sleep(PAUSE_MS, { ref: false });
    this.before = reading.then(pause, pause);
    await reading;
  }
}
