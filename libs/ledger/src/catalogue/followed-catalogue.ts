import type { Clock, EventStore, Log } from '@drawdown/ports';
import type { LastPriced } from './rate-cards';
import { LocalCatalogue } from './local-catalogue';

export interface FollowedPorts {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly lastPriced?: LastPriced;
  /** Called where an event cannot be understood: prices may be others than this process knows, so it must not decide. */
  readonly lost?: () => Promise<void>;
}

/** A catalogue that takes in what other processes write, for as long as its process runs. */
export class FollowedCatalogue {
  readonly catalogue: LocalCatalogue;
  private readonly stopping = new AbortController();
  private following: Promise<void> = Promise.resolve();
  private failure: string | null = null;

  constructor(private readonly ports: FollowedPorts) {
    this.catalogue = new LocalCatalogue(ports.store, ports.clock, ports.lastPriced);
  }

  /** Resolves when everything that there is has been read. */
  async start(): Promise<void> {
    await this.catalogue.start();
    this.following = this.catalogue.follow(this.stopping.signal).catch(async (error: unknown) => {
      this.failure = `the catalogue cannot be understood; start the version that wrote it: ${String(error)}`;
      this.ports.log.error({ error: String(error) }, 'the catalogue cannot be understood');
      await this.ports.lost?.();
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.following;
  }

  /** Why this process knows less than others do; null where it keeps up. */
  get trouble(): string | null {
    return this.failure;
  }
}
