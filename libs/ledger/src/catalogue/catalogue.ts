import type { ApiKeys } from './api-keys';
import type { Presets } from './presets';
import type { RateCards } from './rate-cards';
import type { TestClocks } from './test-clocks';

/**
 * Low-rate facts that are not money in flight, each in a short stream of its own and all of them in memory. Writes are
 * visible to reads of this process when they resolve. With an Idempotency-Key they are done once per sender and key, for
 * 40 days and whatever restarts meanwhile.
 */
export interface Catalogue {
  /** Everything up to this global position is shown, and maybe more of what this process wrote itself. */
  readonly covered: number;
  /** Resolves once everything up to a position is shown; rejects with `CatalogueBehind` after 5 s. */
  reached(position: number): Promise<void>;

  readonly rateCards: RateCards;
  readonly presets: Presets;
  readonly apiKeys: ApiKeys;
  readonly testClocks: TestClocks;
}
export const Catalogue = Symbol('Catalogue');
