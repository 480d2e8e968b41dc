import { ensureAdminKey } from '@drawdown/commands';
import { CheckpointProgress, watchDependencies } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { type ApiSettings, organizationReads, type PrometheusMetrics, type Readiness } from '@drawdown/http';
import { COMMANDS_TOPIC, FollowedCatalogue, RemoteLedger, shardOf } from '@drawdown/ledger';
import type { Clock, EventStore, Log, Sql, Stream } from '@drawdown/ports';
import { projectors, type ReadModels, readModels } from '@drawdown/projections';

/** The servers and what else an API process stands on. */
export interface ApiPorts {
  readonly store: EventStore;
  readonly stream: Stream;
  readonly database: Sql;
  readonly shards: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  /** Closes the servers. */
  readonly close: () => Promise<void>;
}

/** An API that owns nothing: it asks the owners of shards over the stream, and shows read models. */
export interface Parts {
  readonly ledger: RemoteLedger;
  readonly catalogue: FollowedCatalogue['catalogue'];
  readonly readModels: ReadModels;
  readonly clock: Clock;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
  /** Secret of the admin key, where it was generated just now. */
  readonly newAdminKey: string | null;
  readonly drain: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Starts it on servers that are open; these stay open where that fails. */
export const openParts = async (settings: Pick<ApiSettings, 'adminKey'>, ports: ApiPorts): Promise<Parts> => {
  const { store, stream, database, clock, log, metrics, readiness, close } = ports;
  const lastPriced = (card: string, version: number) => ledger.lastPriced(card, version);
  const followed = new FollowedCatalogue({ store, clock, log, lastPriced });
  const { catalogue } = followed;
  const progress = new CheckpointProgress(database, projectors, log);
  const models = readModels({ ...{ database, store, progress }, shardOf: (id) => shardOf(id, ports.shards) });
  const now = () => clock.now();
  const read = organizationReads({
    ...{ models, catalogue, now },
    head: (organizationId) => ledger.head(organizationId),
    settledAt: (clock) => ledger.settledAt(clock),
  });
  const ledger: RemoteLedger = new RemoteLedger({ ...ports, catalogue, read, takesUsage: takesUsageOf(models, log) });
  await followed.start();
  const newAdminKey = await ensureAdminKey(catalogue, settings.adminKey);
  await ledger.start();
  const dependencies = {
    kafka: () => stream.boundsOf(COMMANDS_TOPIC),
    database: () => database.query('SELECT 1'),
    event_store: () => store.head(ledgerStream(0)),
  };
  readiness.register('catalogue', () => followed.trouble);
  for (const [name, ask] of Object.entries(dependencies)) readiness.register(name, () => ask().then(() => null));
  readiness.register('read_models', async () => {
    for (const { name } of projectors) await progress.serving(name);
    return null;
  });
  const unwatch = watchDependencies(dependencies, metrics, log);
  const drain = async (): Promise<void> => {
    unwatch();
    await ledger.stop();
    await followed.stop();
  };
  return { ledger, catalogue, readModels: models, clock, metrics, readiness, newAdminKey, drain, close };
};

/** What the read model cannot say for certain, the organization's owner is asked about. */
const takesUsageOf =
  (models: ReadModels, log: Log) =>
  async (organizationId: string): Promise<boolean> => {
    try {
      const read = await models.organizationFigures({ organizationId });
      return read?.value.status === 'active';
    } catch (error) {
      log.info({ error: String(error) }, 'organizations cannot be read; the owners of their shards are asked');
      return false;
    }
  };
