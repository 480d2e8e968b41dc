import { openTestDatabase } from '@drawdown/adapters/testing';
import type { Row } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { fileDatabase, projected } from './testing';

const database = fileDatabase(openTestDatabase);

test('every text column of the read models is compared by its bytes, whatever the database is set to', async () => {
  await (await projected(inMemoryEventStore(), database)).level();
  const columns = await database.query<Row & { column: string; collation: string | null }>(
    `SELECT table_name || '.' || column_name AS column, collation_name AS collation FROM information_schema.columns
     WHERE table_schema = 'public' AND data_type = 'text' ORDER BY 1`,
  );
  expect(columns.length).toBeGreaterThan(60);
  expect(columns.filter(({ collation }) => collation !== 'C')).toEqual([]);
});
