/**
 * After a commit the database rests for so many times as long as the commit took, while the next batch is gathered: a
 * busier database gets larger batches, in which a row is written once for all that changes it (at full load its time per
 * usage halved between 3 and 12 times). A reader of rows waits for a rest and the commits around it at most, of the 5 s
 * that it has; at little load that is some milliseconds.
 */
const FACTOR = 8;
const LONGEST_MS = 2_000;
/**
 * Fewer charges a second seldom have a row in common: how long it rests after them is the projector's own. The
 * rate over some seconds counts, not the size of a batch: one that was late is large, and a long rest would make the next
 * one late as well.
 */
const MANY_A_SECOND = 4_000;
const RATE_OVER_MS = 3_000;
/** When nothing has come for so long, nothing is gathered by resting on. At full load an event comes each 300 ms. */
const QUIET_MS = 500;

/** The pauses of one follower between its commits. */
export class Rest {
  private isCut = false;
  private wake: (() => void) | undefined;
  /** Sets the time for which nothing may come anew. */
  private restOn: (() => void) | undefined;
  private last = performance.now();
  /** Charges a second, of late: what is longer ago counts less and less. */
  private rate = 0;

  /** Rests at most for so long after few charges: as its projector's `freshness` says. */
  constructor(private readonly longestAfterFewMs: number) {}

  /** A commit begins: what was cut is over. */
  reset(): void {
    this.isCut = false;
  }

  /** Resolves when a commit of so many charges that took `commitMs` has been rested from, or {@link cut} is called. */
  async from(commitMs: number, charges: number): Promise<void> {
    this.count(charges);
    const ms = Math.min(commitMs * FACTOR, this.rate > MANY_A_SECOND ? LONGEST_MS : this.longestAfterFewMs);
    if (this.isCut || ms < 1) return;
    const end = performance.now() + ms;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.restOn = () => {
        clearTimeout(timer);
        timer = setTimeout(resolve, Math.min(QUIET_MS, end - performance.now()));
      };
      this.wake = resolve;
      this.restOn();
    });
    clearTimeout(timer);
    this.wake = undefined;
    this.restOn = undefined;
  }

  /** Something has come: it is worth resting on. */
  heard(): void {
    this.restOn?.();
  }

  /** Counts charges as if they had come evenly since the commit before. */
  private count(charges: number): void {
    const now = performance.now();
    const ms = Math.max(1, now - this.last);
    this.last = now;
    const left = Math.exp(-ms / RATE_OVER_MS);
    this.rate = this.rate * left + ((charges * 1000) / ms) * (1 - left);
  }

  /** Ends the present rest, and the next one before it begins. */
  cut(): void {
    this.isCut = true;
    this.wake?.();
  }
}
