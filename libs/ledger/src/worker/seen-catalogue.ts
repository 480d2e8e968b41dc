import type { Log } from '@drawdown/ports';
import { CatalogueBehind, type LocalCatalogue } from '../local-catalogue';

/** Waits until this process has seen what the senders of records had seen of the catalogue. */
export class SeenCatalogue {
  constructor(
    private readonly catalogue: Pick<LocalCatalogue, 'reached'>,
    private readonly log: Log,
  ) {}

  /**
   * Waits for the latest of these positions, for a bounded time: a position that is never reached must not hold up a
   * partition for ever. True where it was reached.
   */
  async waitFor(positions: readonly number[]): Promise<boolean> {
    let latest = -1;
    for (const position of positions) latest = Math.max(latest, position);
    try {
      await this.catalogue.reached(latest);
      return true;
    } catch (error) {
      if (!(error instanceof CatalogueBehind)) throw error;
      this.log.warn({ position: latest, error: error.message }, 'decided without what the sender has seen');
      return false;
    }
  }
}
