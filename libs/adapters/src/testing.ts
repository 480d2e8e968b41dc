import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ReadDatabase } from '@drawdown/ports';
import { openPgliteDatabase } from './embedded/pglite-database';
import { openPgDatabase } from './postgres/pg-database';
import { dropDatabase, newDatabase, TEST_SERVER } from './postgres/testing/postgres-server';

/** An empty read database of the caller's own, which is gone after `close`: on PostgreSQL where there is one for the tests. */
export const openTestDatabase = async (): Promise<ReadDatabase> => {
  const server = process.env[TEST_SERVER];
  if (server === undefined) return openEmbedded();
  const url = await newDatabase(server);
  return goneAfterwards(openPgDatabase(url), () => dropDatabase(url));
};

const openEmbedded = async (): Promise<ReadDatabase> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawdown-database-'));
  return goneAfterwards(await openPgliteDatabase(folder), async () => rmSync(folder, { recursive: true, force: true }));
};

const goneAfterwards = (database: ReadDatabase, remove: () => Promise<void>): ReadDatabase => ({
  query: (statement, parameters) => database.query(statement, parameters),
  transaction: (work) => database.transaction(work),
  run: (script) => database.run(script),
  close: async () => {
    await database.close();
    await remove();
  },
});
