import { FollowedCatalogue, LocalCatalogue } from '@drawdown/ledger';
import type { Instant } from '@drawdown/kernel';
import type { Clock, EventStore, Log } from '@drawdown/ports';

/** The catalogue, as far as this process needs to look after it. */
export interface OpenedCatalogue {
  readonly catalogue: LocalCatalogue;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Why this process may know less than the store; null where it does not. */
  readonly trouble: () => string | null;
}

export interface CataloguePorts {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly lastPriced: (card: string, version: number) => Promise<Instant | null>;
  /** Called where the catalogue cannot be understood any more: nothing may be decided on it. */
  readonly lost: () => Promise<void>;
}

/** Nobody else writes to an embedded log; on a server others may, and what they write is followed. */
export const openCatalogue = (ports: CataloguePorts, isEmbedded: boolean): OpenedCatalogue => {
  if (isEmbedded) {
    const catalogue = new LocalCatalogue(ports.store, ports.clock, ports.lastPriced);
    return { catalogue, start: () => catalogue.start(), stop: async () => undefined, trouble: () => null };
  }
  const followed = new FollowedCatalogue(ports);
  const { catalogue } = followed;
  return { catalogue, start: () => followed.start(), stop: () => followed.stop(), trouble: () => followed.trouble };
};
