/** Works that take turns: each begins when the one before it has ended, whatever became of that. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined); // whoever asked for it has the rejection
    return result;
  }
}
