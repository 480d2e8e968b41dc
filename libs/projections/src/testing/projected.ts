import { setTimeout as pause } from 'node:timers/promises';
import type { BatchLimits, ProjectorRunner } from '@drawdown/delivery';
import { NO_LOG, NO_METRICS, type EventStore, type ReadDatabase } from '@drawdown/ports';
import type { LedgerProjector, LedgerRecord } from '../ledger-record';
import { ledgerRunner, projectors as all } from '../projectors';
import { readModels } from '../read-models-of';
import type { ReadModels } from '../read-models';

/** For what a test has written, on a machine that others use at the same time. */
const ARRIVAL_MAX_MS = 25_000;

const running = new Set<ProjectorRunner<LedgerRecord>>();

/** Stops whatever a test has left running and whoever waits for it, so that one that failed leaves nothing behind. */
export const stopAll = async (): Promise<void> => {
  await Promise.all([...running].map((runner) => runner.stop()));
  running.clear();
};

/** Empties a database: the next runner begins from zero. */
export const emptyDatabase = async (database: ReadDatabase): Promise<void> => {
  await stopAll();
  await database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
};

export interface Projected {
  readonly runner: ProjectorRunner<LedgerRecord>;
  readonly models: ReadModels;
  /** Resolves once every read model answers, and has everything that is in the log now. */
  level(): Promise<void>;
}

export interface ProjectedOptions {
  readonly shards?: number;
  readonly shardOf?: (organizationId: string) => number;
  readonly batch?: BatchLimits;
  readonly projectors?: readonly LedgerProjector<unknown>[];
}

/** Starts the read models of a log on a database. */
export const projected = async (
  store: EventStore,
  database: ReadDatabase,
  { shards = 1, shardOf = () => 0, batch, projectors = all }: ProjectedOptions = {},
): Promise<Projected> => {
  const runner = ledgerRunner({
    ...{ store, database, shards, projectors, log: NO_LOG, metrics: NO_METRICS },
    ...(batch === undefined ? {} : { batch }),
  });
  running.add(runner);
  await runner.start();
  return {
    runner,
    models: readModels({
      database,
      progress: runner,
      store,
      shardOf,
      metrics: NO_METRICS,
      catalogueReached: async () => undefined,
    }),
    level: async () => {
      for (let shard = 0; shard < shards; shard++) {
        const head = await store.head(`ledger-${String(shard)}`);
        await Promise.all(projectors.map(({ name }) => arrived(runner, name, shard, head)));
      }
      while ((await database.query(`SELECT FROM projection_models WHERE state = 'building'`)).length > 0) {
        if (!running.has(runner)) throw new Error('stopped while it was built');
        await pause(5);
      }
    },
  };
};

/** Waits for a model that is being built, too; one that stops or fails at an event never arrives. */
const arrived = async (
  runner: ProjectorRunner<LedgerRecord>,
  name: string,
  shard: number,
  revision: number,
): Promise<void> => {
  const until = performance.now() + ARRIVAL_MAX_MS;
  while (running.has(runner)) {
    try {
      await runner.reached(name, shard, revision, 50);
      return;
    } catch (error) {
      const stuck = runner
        .health()
        .find(({ projector, at, state }) => projector === name && (at !== null || state === 'halted'));
      if (stuck !== undefined || performance.now() > until) {
        throw new Error(stuck?.reason ?? `${name} does not arrive`, { cause: error });
      }
      await pause(5);
    }
  }
  throw new Error(`${name} was stopped before it arrived`);
};
