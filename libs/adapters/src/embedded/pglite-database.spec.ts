import { type ReadDatabase } from '@drawdown/ports';
import { readDatabaseConformance } from '@drawdown/ports/testing';
import { openPgliteDatabase } from './pglite-database';
import { folders } from './testing/folders';

const freshFolder = folders();
const open = (): Promise<ReadDatabase> => openPgliteDatabase(freshFolder());

readDatabaseConformance(open);

describe('the embedded database', () => {
  let db: ReadDatabase;
  beforeAll(async () => {
    db = await open();
  });
  afterAll(() => db.close());

  test('plans follow their tables, and memory is used with restraint', async () => {
    const [row] = await db.query(`SELECT current_setting('plan_cache_mode') AS plans,
                                         current_setting('shared_buffers') AS buffers`);
    expect(row).toEqual({ plans: 'force_custom_plan', buffers: '32MB' });
  });

  test('FLD-62: a statement is parsed once and executed by its name from then on', async () => {
    const statement = 'SELECT $1::int AS again';
    for (let i = 0; i < 20; i++) expect(await db.query(statement, [i])).toEqual([{ again: i }]);
    const parsed = await db.query('SELECT custom_plans FROM pg_prepared_statements WHERE statement = $1', [statement]);
    expect(parsed).toEqual([{ custom_plans: '20' }]);
  });

  test('knows more statement texts than it keeps parsed', async () => {
    for (let i = 0; i < 700; i++) expect(await db.query(`SELECT ${String(i)} AS i`)).toEqual([{ i }]);
    expect(await db.query('SELECT 0 AS i')).toEqual([{ i: 0 }]);
    const [row] = await db.query('SELECT count(*) < 700 AS bounded FROM pg_prepared_statements');
    expect(row).toEqual({ bounded: true });
  });
});
