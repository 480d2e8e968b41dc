/** Someone who waits, for a time or until woken. A wake-up before the wait is not lost. */
export class Waker {
  private woken = false;
  private resume: (() => void) | undefined;

  wake(): void {
    this.woken = true;
    this.resume?.();
  }

  /** False where the time passed first. */
  async wait(ms: number): Promise<boolean> {
    if (!this.woken) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.resume = resolve;
        timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
      this.resume = undefined;
    }
    const woken = this.woken;
    this.woken = false;
    return woken;
  }
}
