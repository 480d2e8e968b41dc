/** The database of the read models as an operator has it: a session of one's own beside the product's. */
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { parsePosition } from '@drawdown/kernel';
import type { ReadDatabase } from '@drawdown/ports';
import { until } from './until';

export const inReadDatabase = async <T>(url: string, work: (database: ReadDatabase) => Promise<T>): Promise<T> => {
  const database = openPgDatabase(url, { poolSize: 1 });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
};

/** The last revision in each read model, by its name; of the one shard that there is. */
export const checkpointsOf = (database: ReadDatabase): Promise<ReadonlyMap<string, number>> =>
  database
    .query<{ model: string; revision: string }>('SELECT model, revision FROM projection_checkpoints ORDER BY model')
    .then((rows) => new Map(rows.map(({ model, revision }) => [model, Number(revision)])));

export const revisionOf = (position: string): number => parsePosition(position)?.get('0') ?? Number.NaN;

/**
 * Resolves to how long it took until every read model had come to a position and answers: a new one is said to be
 * serving in a transaction of its own, after that which brought it there.
 */
export const untilAllCameTo = (position: string, limitMs: number, database: ReadDatabase): Promise<number> =>
  until(`all read models at ${position}`, limitMs, async () => {
    const [short] = await database.query<{ made: string; behind: string }>(
      `SELECT count(*) AS made, count(*) FILTER (WHERE state <> 'serving' OR revision IS NULL OR revision < $1) AS behind
       FROM projection_models
       LEFT JOIN projection_checkpoints ON model = projector || '_v' || version || '_g' || generation`,
      [revisionOf(position)],
    );
    return Number(short?.made) > 0 && Number(short?.behind) === 0;
  });
