import type { Sleep } from '../sleep';

/** Everything that can happen by itself has happened: nothing in these tests waits for more than promises. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Pauses that last as long as a test says. */
export class VirtualTime {
  private elapsed = 0;
  private readonly sleepers = new Set<{ readonly due: number; readonly wake: () => void }>();

  readonly sleep: Sleep = (ms, options) =>
    new Promise((resolve, reject) => {
      const wake = (): void => {
        options?.signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper = { due: this.elapsed + ms, wake };
      const abort = (): void => {
        this.sleepers.delete(sleeper);
        reject(new Error('the pause was aborted'));
      };
      if (options?.signal?.aborted === true) abort();
      else this.sleepers.add(sleeper);
      options?.signal?.addEventListener('abort', abort, { once: true });
    });

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const end = this.elapsed + ms;
    await settled();
    while (this.wakeNext(end)) await settled();
    this.elapsed = end;
  }

  /** Lets as much time pass as a promise needs; gives up after an hour. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const finished = promise.finally(() => {
      done = true;
    });
    finished.catch(() => undefined);
    const end = this.elapsed + 3_600_000;
    for (await settled(); !done; await settled()) {
      if (!this.wakeNext(end)) throw new Error('still not settled, and nobody is waiting for time to pass');
    }
    return finished;
  }

  private wakeNext(end: number): boolean {
    let next: { readonly due: number; readonly wake: () => void } | undefined;
    for (const sleeper of this.sleepers) if (next === undefined || sleeper.due < next.due) next = sleeper;
    if (next === undefined || next.due > end) return false;
    this.sleepers.delete(next);
    this.elapsed = Math.max(this.elapsed, next.due);
    next.wake();
    return true;
  }
}
