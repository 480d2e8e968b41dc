import type { Log } from '@drawdown/ports';
import { CatalogueBehind } from '../catalogue/catalogue-progress';
import type { LocalCatalogue } from '../catalogue/local-catalogue';

/** How long it takes at most, as a rule, until what one process has written is seen by another. */
const USUALLY_MS = 100;

/** Waits until this process has seen what the senders of records had seen of the catalogue. */
export class SeenCatalogue {
  constructor(
    private readonly catalogue: Pick<LocalCatalogue, 'reached' | 'isLevel'>,
    private readonly log: Log,
  ) {}

  /**
   * Waits for the latest of these positions, for a bounded time: a position that is never reached must not hold up a
   * partition for ever. Whoever may write to the topic can forge one, so that more than a moment is waited only where the
   * store has something that was not seen yet. True where it was reached.
   */
  async waitFor(positions: readonly number[]): Promise<boolean> {
    let latest = -1;
    for (const position of positions) latest = Math.max(latest, position);
    if (await this.isReached(latest, USUALLY_MS)) return true;
    // What came in between is seen by now.
    if (await this.isReached(latest, (await this.catalogue.isLevel()) ? 0 : undefined)) return true;
    this.log.warn({ position: latest }, 'decided without what the sender has seen');
    return false;
  }

  private async isReached(position: number, ms?: number): Promise<boolean> {
    try {
      await this.catalogue.reached(position, ms);
      return true;
    } catch (error) {
      if (!(error instanceof CatalogueBehind)) throw error;
      return false;
    }
  }
}
