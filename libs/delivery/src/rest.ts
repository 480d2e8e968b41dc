/**
 * After a commit the database rests for so many times as long as the commit took, while the next batch is gathered: a
 * busier database gets larger batches, in which a row is written once for all that changes it (at full load its time per
 * usage halved between 3 and 12 times). A reader of rows waits for a rest and the commits around it at most, of the 5 s
 * that it has; at little load that is some milliseconds.
 */
const FACTOR = 8;
const LONGEST_MS = 2_000;
/**
 * Charges an event, on average, from which on the whole is at its limit: usage gathers where shards take it from, and each
 * event holds what one turn can take (2,000 on Kafka; at half of that load 300 to 450). Then it is throughput that counts,
 * and a rest may take as long as the commits are worth. Otherwise it is as short as the projector's `freshness` says: rests
 * that grow with the commits make these grow in turn, to seconds at half of the load. The average over some seconds counts:
 * what was late for once comes in a full event as well, and a long rest would make what follows late, too.
 */
const FULL_EVENT = 800;
const AVERAGE_OVER_MS = 3_000;
/** When nothing has come for so long, nothing is gathered by resting on. At full load an event comes each 300 ms. */
const QUIET_MS = 500;

/** The pauses of one follower between its commits. */
export class Rest {
  private isCut = false;
  private wake: (() => void) | undefined;
  /** Sets the time for which nothing may come anew. */
  private restOn: (() => void) | undefined;
  private last = performance.now();
  /** Of late: what is longer ago counts less and less. */
  private events = 0;
  private charges = 0;

  /** Rests at most for so long, but at full load: as its projector's `freshness` says. */
  constructor(private readonly longestMs: number) {}

  /** A commit begins: what was cut is over. */
  reset(): void {
    this.isCut = false;
  }

  /** Resolves when the commit of a batch, which took `commitMs`, has been rested from, or {@link cut} is called. */
  async from(commitMs: number, batch: { readonly events: number; readonly charges: number }): Promise<void> {
    this.count(batch);
    const isFull = this.charges >= FULL_EVENT * this.events;
    const ms = Math.min(commitMs * FACTOR, isFull ? LONGEST_MS : this.longestMs);
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

  private count({ events, charges }: { readonly events: number; readonly charges: number }): void {
    const now = performance.now();
    const left = Math.exp((this.last - now) / AVERAGE_OVER_MS);
    this.last = now;
    this.events = this.events * left + events;
    this.charges = this.charges * left + charges;
  }

  /** Ends the present rest, and the next one before it begins. */
  cut(): void {
    this.isCut = true;
    this.wake?.();
  }
}
