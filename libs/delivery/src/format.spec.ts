import { openTestDatabase } from '@drawdown/adapters/testing';
import { DatabaseUnavailable, NO_LOG, NO_METRICS, type ReadDatabase, type Sql } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { bringToFormat, DatabaseTooNew, STEPS } from './format';
import { ProjectorRunner } from './runner';
import { type Counted, counting, decode, STREAM } from './testing/counting';

let database: ReadDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));

const bring = (steps?: readonly (readonly string[])[]) => database.transaction((tx) => bringToFormat(tx, steps));

/** Everything that makes a table what it is, of all tables. */
const shape = async (sql: Sql): Promise<unknown> => [
  await sql.query(`SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
                   WHERE table_schema = 'public' ORDER BY 1, ordinal_position`),
  await sql.query(`SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`),
];

const version = async (): Promise<unknown> => {
  const [row] = await database.query('SELECT version FROM projection_format');
  return row?.['version'];
};

/** What is there, and what a later release might add. */
const LATER = [
  ...STEPS,
  ['ALTER TABLE projection_models ADD COLUMN note text', 'CREATE TABLE notes (n integer PRIMARY KEY)'],
  ['ALTER TABLE notes ADD COLUMN text text NOT NULL DEFAULT $$none$$'],
];

describe('the format of the read models’ own tables', () => {
  test.each(LATER.map((_, found) => [found]))('from format %i leads to the same tables as from none', async (found) => {
    await bring(LATER);
    const wanted = await shape(database);
    await database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await bring(LATER.slice(0, found));
    await bring(LATER);
    expect(await shape(database)).toEqual(wanted);
    expect(await version()).toBe(LATER.length);
  });

  test('is written down where there was none, and what is in the tables stays', async () => {
    for (const statement of STEPS[0] ?? []) await database.run(statement);
    await database.query(`INSERT INTO projection_checkpoints VALUES ('sums_v1_g1', 0, 41)`);
    await bring();
    expect(await version()).toBe(STEPS.length);
    expect(await database.query('SELECT revision FROM projection_checkpoints')).toEqual([{ revision: '41' }]);
  });

  test('FLT-46: a step that breaks off leaves the format before it; again, it is completed', async () => {
    await bring();
    const before = await shape(database);
    await expect(bring([...LATER, ['SELECT 1 / 0']])).rejects.toMatchObject({ code: '22012' });
    expect(await shape(database)).toEqual(before);
    expect(await version()).toBe(STEPS.length);
    await bring(LATER);
    expect(await version()).toBe(LATER.length);
  });

  test('of a later release is refused, with both numbers, and nothing is changed or read', async () => {
    await bring(LATER);
    const before = await shape(database);
    const runner = new ProjectorRunner<Counted>({
      ...{ store: inMemoryEventStore(), database, projectors: [counting('sums')], shards: 1, decode },
      ...{ stream: () => STREAM, weigh: () => 1, log: NO_LOG, metrics: NO_METRICS },
    });
    const refusal = await runner.start().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DatabaseTooNew);
    expect(refusal).toMatchObject({ code: 'database_too_new', found: LATER.length, known: STEPS.length });
    expect(runner.trouble).toContain(`format ${String(LATER.length)}`);
    await expect(runner.serving('sums')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await runner.stop();
    expect(await shape(database)).toEqual(before);
  });
});
