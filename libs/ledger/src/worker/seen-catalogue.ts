import type { Log } from '@drawdown/ports';
import { CatalogueBehind, type LocalCatalogue } from '../local-catalogue';

/**
 * Positions come in headers, which whoever may write to the topic can forge, and one that is never reached holds up
 * everybody's usage of a shard. So after one that was not, this process waits but a moment for a while.
 */
const DOUBTED_MS = 60_000;
const DOUBTED_WAIT_MS = 100;

/** Waits until this process has seen what the senders of records had seen of the catalogue. */
export class SeenCatalogue {
  private missedAt = -Infinity;

  constructor(
    private readonly catalogue: Pick<LocalCatalogue, 'reached'>,
    private readonly log: Log,
    /** A clock that only goes forward, in ms. */
    private readonly elapsed: () => number = () => performance.now(),
  ) {}

  /**
   * Waits for the latest of these positions, for a bounded time: a position that is never reached must not hold up a
   * partition for ever. True where it was reached.
   */
  async waitFor(positions: readonly number[]): Promise<boolean> {
    let latest = -1;
    for (const position of positions) latest = Math.max(latest, position);
    const isDoubted = this.elapsed() - this.missedAt < DOUBTED_MS;
    try {
      await this.catalogue.reached(latest, isDoubted ? DOUBTED_WAIT_MS : undefined);
      return true;
    } catch (error) {
      if (!(error instanceof CatalogueBehind)) throw error;
      if (!isDoubted) this.missedAt = this.elapsed();
      this.log.warn({ position: latest, error: error.message }, 'decided without what the sender has seen');
      return false;
    }
  }
}
