import { DatabaseUnavailable, type ReadDatabase } from './read-database';
import { gate, newTable, numbers } from './read-database-samples.conformance';
import { transactionsAreApart, transactionsAreWhole } from './read-database-transactions.conformance';
import { valuesComeBack, valuesGoThere } from './read-database-values.conformance';

/** What every read database must do, with no exceptions: where two differ, the adapter translates. */
export const readDatabaseConformance = (open: () => Promise<ReadDatabase>): void => {
  describe('as a read database', () => {
    let db: ReadDatabase;
    beforeAll(async () => {
      db = await open();
    }, 60_000);
    afterAll(() => db.close());

    valuesGoThere(() => db);
    valuesComeBack(() => db);
    transactionsAreWhole(() => db);
    transactionsAreApart(() => db);
    failuresAreSaid(() => db, open);
  });
};

const failuresAreSaid = (db: () => ReadDatabase, open: () => Promise<ReadDatabase>): void => {
  test.each([
    ['a syntax error', 'SELEC 1', [], '42601'],
    ['an unknown column', 'SELECT nothing_of_that_name', [], '42703'],
    ['an unknown table', 'SELECT * FROM nothing_of_that_name', [], '42P01'],
    ['a division by zero', 'SELECT 1 / $1::integer', [0], '22012'],
    ['a parameter that is no number', 'SELECT $1::numeric', ['12,5'], '22P02'],
    ['a NUL in a text', 'SELECT $1::text', ['a\u0000b'], '22021'],
    ['a parameter too few', 'SELECT $1::text, $2::text', ['a'], '08P01'],
    ['two statements where one is meant', 'SELECT 1; SELECT 2', [], '42601'],
  ])('%s is an error with its SQLSTATE, and the next query works', async (_, statement, parameters, code) => {
    await expect(db().query(statement, parameters)).rejects.toMatchObject({ code });
    expect(await db().query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('FLT-42: a question that there is no room for is unavailable; who saves is told what the server says', async () => {
    const full = `DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$`;
    await expect(db().query(full)).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(db().transaction((tx) => tx.query(full))).rejects.toMatchObject({ code: '53100' });
    expect(await db().query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('runs a script of several statements, all of them or none', async () => {
    const [first, second] = [await newTable(db(), 'n integer'), await newTable(db(), 'n integer')];
    await db().run(`INSERT INTO ${first} VALUES (1); INSERT INTO ${second} VALUES (2); -- and a comment`);
    expect([await numbers(db(), first), await numbers(db(), second)]).toEqual([[1], [2]]);
    const failing = db().run(`INSERT INTO ${first} VALUES (3); SELECT 1 / 0; INSERT INTO ${second} VALUES (4)`);
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect([await numbers(db(), first), await numbers(db(), second)]).toEqual([[1], [2]]);
  });

  test('once closed it rejects everything as unavailable, after what was under way', async () => {
    const other = await open();
    const [begun, finish] = [gate(), gate()];
    const underWay = other.transaction(async (tx) => {
      begun.open();
      await finish.passed;
      return tx.query('SELECT 1 AS one');
    });
    await begun.passed;
    const closing = other.close();
    await expect(other.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    finish.open();
    expect(await underWay).toEqual([{ one: 1 }]);
    await closing;
    await expect(other.query('SELECT 1')).rejects.toMatchObject({ code: 'database_unavailable' });
    await expect(other.transaction(async () => 1)).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(other.run('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await other.close();
  }, 60_000);
};
