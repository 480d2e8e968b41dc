import type { CatalogueEvent } from '@drawdown/domain';
import { type Clock, type EventStore, type StoredEvent, StoreUnavailable } from '@drawdown/ports';
import { realSleep, type Sleep } from '../sleep';
import { LocalApiKeys } from './api-keys';
import type { Catalogue } from './catalogue';
import { CatalogueProgress } from './catalogue-progress';
import type { CatalogueStreams } from './catalogue-streams';
import { shippedPresets } from './presets';
import { type LastPriced, LocalRateCards } from './rate-cards';
import { RememberedWrites } from './remembered-writes';
import { LocalTestClocks } from './test-clocks';

const PAGE_EVENTS = 500;

/** Pause before the store is followed again after it could not be read. */
const FOLLOW_AGAIN_MS = 500;

/** The catalogue of a process that writes to the store itself. */
export class LocalCatalogue implements Catalogue {
  readonly rateCards: LocalRateCards;
  readonly presets = shippedPresets();
  readonly apiKeys: LocalApiKeys;
  readonly testClocks: LocalTestClocks;
  private readonly progress: CatalogueProgress;
  private readonly kinds: readonly Pick<CatalogueStreams<unknown, CatalogueEvent>, 'prefix' | 'apply'>[];
  private readonly prefixes: readonly string[];

  constructor(
    private readonly store: EventStore,
    clock: Clock,
    lastPriced: LastPriced = () => Promise.resolve(null),
    private readonly sleep: Sleep = realSleep,
  ) {
    const ports = { store, sleep, remembered: new RememberedWrites() };
    this.progress = new CatalogueProgress(sleep);
    this.rateCards = new LocalRateCards(ports, clock, lastPriced, this.progress);
    this.apiKeys = new LocalApiKeys(ports, clock, this.progress);
    this.testClocks = new LocalTestClocks(ports, clock, this.progress);
    this.kinds = [this.rateCards, this.apiKeys, this.testClocks].map(({ streams }) => streams);
    this.prefixes = this.kinds.map(({ prefix }) => prefix);
  }

  /** Reads everything there is. */
  async start(): Promise<void> {
    for (;;) {
      const page = await this.store.readAll(this.progress.followed, PAGE_EVENTS, this.prefixes);
      if (page.length === 0) return;
      this.apply(page);
    }
  }

  /**
   * Takes in what other processes write, until `signal` aborts; where the store cannot be read, until it can. Throws
   * where an event cannot be understood: then this process knows less than others do, and must not go on.
   */
  async follow(signal: AbortSignal): Promise<void> {
    const { progress } = this;
    progress.isFollowing = true;
    while (!signal.aborted) {
      try {
        for await (const page of this.store.followAll(progress.followed, this.prefixes, signal)) this.apply(page);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        // Aborted while it waits: nothing is left to follow for.
        await this.sleep(FOLLOW_AGAIN_MS, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** Position of the latest event that this process knows of, its own writes included; −1 where there is none. */
  get seen(): number {
    return this.progress.seen;
  }

  get covered(): number {
    return this.progress.covered;
  }

  /** As {@link Catalogue.reached}; `ms` waits for another time. */
  reached(position: number, ms?: number): Promise<void> {
    return this.progress.reached(position, ms);
  }

  /** Whether the store has nothing that this process does not know; false where it does not answer. */
  async isLevel(): Promise<boolean> {
    try {
      return (await this.store.readAll(this.progress.followed, 1, this.prefixes)).length === 0;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      return false;
    }
  }

  private apply(page: readonly StoredEvent[]): void {
    const { progress } = this;
    for (const stored of page) {
      this.kinds.find((kind) => stored.stream.startsWith(kind.prefix))?.apply(stored);
      progress.followed = stored.position;
    }
    progress.know(progress.followed);
  }
}
