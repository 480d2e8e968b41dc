import { ensureAdminKey, type FirstKey, makeFirstKey } from '@drawdown/commands';
import { CheckpointProgress, ClockWatch, watchDependencies } from '@drawdown/delivery';
import {
  type Drained,
  endingInTime,
  organizationReads,
  type PrometheusMetrics,
  type Readiness,
  type RunningParts,
  Start,
  StoppedBefore,
} from '@drawdown/http';
import {
  COMMANDS_TOPIC,
  FollowedCatalogue,
  LedgerUnavailable,
  RemoteLedger,
  type RemoteReads,
  shardOf,
} from '@drawdown/ledger';
import { askStore, type Clock, type EventStore, type Sql, type Stream } from '@drawdown/ports';
import { projectors, type ReadModels, readModels } from '@drawdown/projections';
import type { Logger } from 'pino';

/** The servers and what else an API process stands on; nothing of it need be there yet. */
export interface ApiPorts {
  readonly store: EventStore;
  readonly stream: Stream;
  readonly database: Sql;
  /** The store's shard count, once it was found fit. */
  readonly fit: () => Promise<number>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  /** Closes the servers. */
  readonly close: () => Promise<void>;
}

/** An API that owns nothing: it asks the owners of shards over the stream, and shows read models. */
export class Parts {
  readonly ledger: RemoteLedger;
  readonly readModels: ReadModels;
  readonly clock: Clock;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  private readonly followed: FollowedCatalogue;
  private readonly start: Start;
  private readonly unwatch: () => void;
  private readonly clockWatch: ClockWatch;
  private readonly ending: RunningParts;
  private shards: number | null = null;
  private begun: Promise<unknown> = Promise.resolve();

  constructor(private readonly ports: ApiPorts) {
    const { store, stream, database, clock, log, metrics, readiness } = ports;
    this.clock = clock;
    this.metrics = metrics;
    this.readiness = readiness;
    this.start = new Start({ log, metrics, readiness });
    this.ending = endingInTime({ drain: () => this.end(), close: ports.close }, log);
    const lastPriced = (card: string, version: number) => this.ledger.lastPriced(card, version);
    this.followed = new FollowedCatalogue({ store, clock, log, lastPriced });
    const progress = new CheckpointProgress(database, projectors, log);
    this.readModels = readModels({
      ...{ database, store, progress, metrics },
      shardOf: (id) => shardOf(id, this.shardCount),
      catalogueReached: (position) => this.catalogue.reached(position),
    });
    const count = (): number => this.shardCount;
    const read = organizationReads({
      ...{ models: this.readModels, catalogue: this.catalogue, now: () => clock.now() },
      head: (organizationId) => this.ledger.head(organizationId),
      settledAt: (clockId, organizationId) => this.ledger.settledAt(clockId, organizationId),
    });
    this.ledger = new RemoteLedger({
      ...{ store, stream, clock, log, metrics, catalogue: this.catalogue, read },
      activeOrganizations: activeOrganizationsOf(this.readModels, log),
      get shards() {
        return count();
      },
    });
    const dependencies = {
      kafka: () => stream.boundsOf(COMMANDS_TOPIC),
      database: () => database.query('SELECT 1'),
      event_store: () => askStore(store),
    };
    readiness.register('catalogue', () => this.followed.trouble);
    for (const [name, ask] of Object.entries(dependencies)) readiness.register(name, () => ask().then(() => null));
    readiness.register('read_models', async () => {
      for (const { name } of projectors) await progress.serving(name);
      return null;
    });
    this.unwatch = watchDependencies(dependencies, metrics, log);
    this.clockWatch = new ClockWatch({ clock, database, metrics, log });
    readiness.register('clock', () => this.clockWatch.trouble);
  }

  get catalogue(): FollowedCatalogue['catalogue'] {
    return this.followed.catalogue;
  }

  /** Until then requests are answered 503. */
  readonly isStarting = (): boolean => !this.start.isOver;

  /**
   * Waits for the servers and begins; has a key that was generated just now shown. Rejects where a
   * server is not fit, or where the admin key is refused.
   */
  begin(adminKey: string | undefined, show: (key: FirstKey) => Promise<void>): Promise<void> {
    const begun = this.open(adminKey, show).catch((error: unknown) => {
      if (error instanceof StoppedBefore) return;
      throw error;
    });
    this.begun = begun;
    return begun;
  }

  private async open(adminKey: string | undefined, show: (key: FirstKey) => Promise<void>): Promise<void> {
    const { until } = this.start;
    this.shards = await until('event_store', this.ports.fit);
    await until('event_store', () => this.followed.start());
    await until('kafka', () => this.ledger.start());
    if (adminKey !== undefined) await until('event_store', () => ensureAdminKey(this.catalogue, adminKey));
    else await this.showFirstKey(show);
    this.start.done();
  }

  private async showFirstKey(show: (key: FirstKey) => Promise<void>): Promise<void> {
    const { until } = this.start;
    const key = await until('event_store', () => makeFirstKey(this.catalogue));
    if (key === null) return;
    // The key is said once, however often it has to be written down that it was.
    await show({ ...key, shown: () => until('event_store', key.shown) });
  }

  /** Callers are told; nothing is begun afterwards. */
  drain(): Promise<Drained> {
    return this.ending.drain();
  }

  /** Closes the servers. */
  close(): Promise<void> {
    return this.ending.close();
  }

  private async end(): Promise<void> {
    this.start.stop();
    await this.begun.catch(() => undefined); // told to whoever began it
    this.unwatch();
    this.clockWatch.stop();
    await this.ledger.stop();
    await this.followed.stop();
  }

  private get shardCount(): number {
    if (this.shards === null) throw new LedgerUnavailable('the event store has not answered yet; send it again');
    return this.shards;
  }
}

/** What the read model cannot say for certain, the organizations' owners are asked about. */
const activeOrganizationsOf =
  (models: ReadModels, log: Logger): RemoteReads['activeOrganizations'] =>
  async (organizationIds) => {
    try {
      return await models.activeOrganizations(organizationIds);
    } catch (error) {
      log.info({ error: String(error) }, 'organizations cannot be read; the owners of their shards are asked');
      return new Set();
    }
  };
