import type { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { dropDatabase, newDatabase } from '@drawdown/adapters/postgres/testing/postgres-server';
import { NO_LOG, NO_METRICS } from '@drawdown/ports';
import { type ClusterWorld, startFurther } from './cluster-world';
import { untilCommitted, untilTrue } from './commits';

/** Charges per second until processes of their own have filled these read models anew, in an empty database, and they answer. */
export const rebuildRate = async (
  { cluster, ...world }: ClusterWorld,
  apps: readonly string[],
  models: readonly string[],
  charges: number,
): Promise<number> => {
  const url = await newDatabase(cluster.addresses.DATABASE_URL);
  const database = openPgDatabase(url, { log: NO_LOG, metrics: NO_METRICS, poolSize: 1 });
  const processes: AppProcess[] = [];
  try {
    processes.push(...(await startFurther({ cluster, ...world }, apps, { DATABASE_URL: url })));
    const rows = 'SELECT count(DISTINCT projector)::int AS made FROM projection_models';
    await untilTrue(
      'the first tables',
      async () => (await database.query<{ made: number }>(rows).catch(() => []))[0]?.made !== undefined,
    );
    const started = performance.now();
    await untilCommitted({ cluster, ...world }, models, database);
    // Filled is not enough: only with its indexes does a model answer.
    const building = `SELECT FROM projection_models WHERE state = 'building' AND projector = ANY($1::text[])`;
    await untilTrue('the models answer', async () => (await database.query(building, [models])).length === 0);
    return (charges / (performance.now() - started)) * 1000;
  } finally {
    for (const one of processes) await one.stop();
    await database.close();
    await dropDatabase(url);
  }
};
