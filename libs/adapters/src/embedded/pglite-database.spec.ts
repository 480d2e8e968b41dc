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

  test('knows how large its tables are while they grow: a page of a list is read from its index, not sorted out of all', async () => {
    await db.query('CREATE TABLE grown (owner text, place integer, filling text)');
    const add = (from: number, to: number) =>
      db.query(
        `INSERT INTO grown SELECT 'o', place, repeat('x', 100) FROM generate_series($1::integer, $2::integer) AS place`,
        [from, to],
      );
    await add(1, 1);
    await db.query('CREATE UNIQUE INDEX ON grown (owner, place)'); // the planner remembers a table of one row
    await db.query('CREATE INDEX ON grown (owner)');
    const plan = async (): Promise<string> =>
      JSON.stringify(await db.query(`EXPLAIN SELECT * FROM grown WHERE owner = 'o' ORDER BY place DESC LIMIT 50`));
    await add(2, 40_000);
    await db.query('SELECT pg_stat_force_next_flush()');
    for (let i = 0; i < 100; i++) await db.query('SELECT 1');
    expect(await plan()).not.toContain('Sort');
  });

  test('knows more statement texts than it keeps parsed', async () => {
    for (let i = 0; i < 700; i++) expect(await db.query(`SELECT ${String(i)} AS i`)).toEqual([{ i }]);
    expect(await db.query('SELECT 0 AS i')).toEqual([{ i: 0 }]);
    const [row] = await db.query('SELECT count(*) < 700 AS bounded FROM pg_prepared_statements');
    expect(row).toEqual({ bounded: true });
  });
});
