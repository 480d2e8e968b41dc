import type { ReadDatabase } from '@drawdown/ports';
import { openPgliteDatabase } from './embedded/pglite-database';
import { openPgDatabase } from './postgres/pg-database';
import { dropDatabase, newDatabase, TEST_SERVER } from './postgres/testing/postgres-server';

/** An empty read database of the caller's own, which is gone after `close`: on PostgreSQL where there is one for the tests. */
export const openTestDatabase = async (): Promise<ReadDatabase> => {
  const server = process.env[TEST_SERVER];
  if (server === undefined) return openPgliteDatabase(undefined);
  const url = await newDatabase(server);
  const database = openPgDatabase(url);
  return {
    query: (statement, parameters) => database.query(statement, parameters),
    transaction: (work) => database.transaction(work),
    run: (script) => database.run(script),
    close: async () => {
      await database.close();
      await dropDatabase(url);
    },
  };
};
