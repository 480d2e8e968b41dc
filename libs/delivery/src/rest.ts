/**
 * After a commit the database rests for so many times as long as the commit took, while the next batch is gathered: a
 * busier database gets larger batches, in which a row is written once for all that changes it (at full load its time per
 * usage halved between 3 and 12 times). A reader of rows waits for a commit and a rest at most, well within the 5 s that
 * it has; at little load that is some milliseconds.
 */
const FACTOR = 8;
const LONGEST_MS = 2_000;
/**
 * Fewer charges a second seldom have a row in common: waiting longer for more of them would only make readers wait. The
 * rate counts, not the size of a batch: after one that was late the next would be large, and rest long again, for ever.
 */
const MANY_A_SECOND = 3_000;
const LONGEST_AFTER_FEW_MS = 100;

/** The pauses of one follower between its commits. */
export class Rest {
  private isCut = false;
  private wake: (() => void) | undefined;
  private last = performance.now();

  /** A commit begins: what was cut is over. */
  reset(): void {
    this.isCut = false;
  }

  /** Resolves when a commit of so many charges that took `commitMs` has been rested from, or {@link cut} is called. */
  async from(commitMs: number, charges: number): Promise<void> {
    const now = performance.now();
    const areMany = charges * 1000 > MANY_A_SECOND * (now - this.last);
    this.last = now;
    const ms = Math.min(commitMs * FACTOR, areMany ? LONGEST_MS : LONGEST_AFTER_FEW_MS);
    if (this.isCut || ms < 1) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }

  /** Ends the present rest, and the next one before it begins. */
  cut(): void {
    this.isCut = true;
    this.wake?.();
  }
}
