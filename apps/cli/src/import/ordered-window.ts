/** Results that may wait for an earlier one, per task that may run: bounds what a single slow task lets pile up. */
const AHEAD_MAX = 8;

/** Runs tasks side by side, a few at a time, and hands their results on in the order in which they were begun. */
export class OrderedWindow<T> {
  private readonly running = new Set<Promise<void>>();
  private readonly finished = new Map<number, { readonly result: T }>();
  private begun = 0;
  private handedOn = 0;
  private failure: { readonly error: unknown } | null = null;

  constructor(
    private readonly width: number,
    private readonly handOn: (result: T) => void,
  ) {}

  /** Begins a task once there is room; rejects with the first failure of an earlier one. */
  async add(task: () => Promise<T>): Promise<void> {
    while (this.failure === null && !this.hasRoom()) await Promise.race(this.running);
    this.throwFailure();
    const run = this.run(this.begun++, task).then(() => {
      this.running.delete(run);
    });
    this.running.add(run);
  }

  /** Resolves once nothing runs any more; rejects with the first failure, but not before that. */
  async drain(): Promise<void> {
    await Promise.all(this.running);
    this.throwFailure();
  }

  private hasRoom(): boolean {
    return this.running.size < this.width && this.begun - this.handedOn < this.width * AHEAD_MAX;
  }

  /** Never rejects: the first failure is kept for whoever adds or drains. */
  private async run(place: number, task: () => Promise<T>): Promise<void> {
    try {
      this.finished.set(place, { result: await task() });
      this.passOn();
    } catch (error) {
      this.failure ??= { error };
    }
  }

  private passOn(): void {
    for (;;) {
      const next = this.finished.get(this.handedOn);
      if (next === undefined) return;
      this.finished.delete(this.handedOn++);
      this.handOn(next.result);
    }
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure.error;
  }
}
