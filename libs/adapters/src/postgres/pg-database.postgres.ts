import { NEVER } from '@drawdown/kernel';
import { DatabaseUnavailable, type ReadDatabase, type Sql } from '@drawdown/ports';
import { readDatabaseConformance } from '@drawdown/ports/testing';
import { Client } from 'pg';
import { allowance } from '../testing/allowance';
import { openPgDatabase } from './pg-database';
import { dropDatabase, newDatabase, testServer } from './testing/postgres-server';

/** FLT-44, on a machine that does nothing else. */
const TOLD_MAX_MS = 2_000;

/** Resolves once it holds; the test's own limit ends it otherwise. */
const until = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
};

describe('PostgreSQL', () => {
  let url: string;
  beforeAll(async () => {
    url = await newDatabase(testServer());
  });
  afterAll(() => dropDatabase(url));

  readDatabaseConformance(async () => openPgDatabase(url));
});

describe('on a real PostgreSQL', () => {
  let db: ReadDatabase;
  let pooled: number[] = [];
  const metrics = {
    count: () => undefined,
    observe: () => undefined,
    gauge: (name: string, value: number) => void (name === 'database_pool_waiting' && pooled.push(value)),
  };
  let server: string;
  /** Somebody else's connection: an operator, another process. */
  let other: Client;

  beforeAll(async () => {
    server = await newDatabase(testServer());
    other = new Client({ connectionString: server });
    await other.connect();
  });
  afterAll(async () => {
    await other.end();
    await dropDatabase(server);
  });
  beforeEach(() => {
    pooled = [];
    db = openPgDatabase(server, { poolSize: 2, metrics });
  });
  afterEach(() => db.close());

  test.each(['Asia/Shanghai', 'America/Los_Angeles'])(
    'FLD-42, FLT-73: times are UTC, and days have 24 hours, in a database whose own zone is %s and whose dates look otherwise',
    async (zone) => {
      const url = await newDatabase(testServer());
      const elsewhere = openPgDatabase(url);
      try {
        await elsewhere.run(`DO $$ BEGIN
          EXECUTE format('ALTER DATABASE %I SET timezone = ''${zone}''', current_database());
          EXECUTE format('ALTER DATABASE %I SET datestyle = ''SQL, DMY''', current_database());
          EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database());
        END $$`);
        await elsewhere.close();
        const db = openPgDatabase(url);
        const times = [
          '0001-01-01T00:00:00.000000Z',
          '1880-02-29T00:00:00.000000Z',
          '2026-03-08T10:00:00.500000Z',
          NEVER,
        ];
        const sql = `SELECT $1::timestamptz[] AS times, '2026-03-08T00:00:00Z'::timestamptz + interval '1 day' AS next, 'a'::bytea AS bytes`;
        const read = await db.query(sql, [times]).finally(() => db.close());
        expect(read).toEqual([{ times, next: '2026-03-09T00:00:00.000000Z', bytes: Uint8Array.of(97) }]);
      } finally {
        await dropDatabase(url);
      }
    },
  );

  test('transactions are read committed in a database where they are serializable', async () => {
    const url = await newDatabase(testServer());
    const elsewhere = openPgDatabase(url);
    try {
      await elsewhere.run(`DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''serializable''', current_database());
      END $$`);
      await elsewhere.close();
      const db = openPgDatabase(url);
      const level = `SELECT current_setting('transaction_isolation') AS level`;
      const levels = Promise.all([db.query(level), db.transaction((tx) => tx.query(level))]).finally(() => db.close());
      expect(await levels).toEqual([[{ level: 'read committed' }], [{ level: 'read committed' }]]);
    } finally {
      await dropDatabase(url);
    }
  });

  test('FLT-44: with all connections taken a query is unavailable, and afterwards all are back', async () => {
    let letGo: () => void = () => undefined;
    const isLetGo = new Promise<void>((resolve) => (letGo = resolve));
    const held = [0, 1].map(() => db.transaction(() => isLetGo));
    try {
      const from = performance.now();
      await expect(db.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
      expect(performance.now() - from).toBeLessThan(TOLD_MAX_MS * allowance());
      expect(Math.max(...pooled)).toBe(1);
    } finally {
      letGo();
    }
    await Promise.all(held);
    const both = [0, 1].map(() =>
      db.transaction(async (tx) => tx.query('SELECT pg_backend_pid() AS pid, pg_sleep(0.1)')),
    );
    const [[first], [second]] = (await Promise.all(both)) as [{ pid: number }[], { pid: number }[]];
    expect(first?.pid).not.toBe(second?.pid);
    expect(pooled.at(-1)).toBe(0);
  });

  test('FLT-40: a connection that is cut in a transaction makes it unavailable, and the next call gets another', async () => {
    await other.query('DROP TABLE IF EXISTS cut; CREATE TABLE cut (n integer)');
    const torn = db.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await tx.query('INSERT INTO cut VALUES (1)');
      await other.query('SELECT pg_terminate_backend($1)', [row?.pid]);
      await tx.query('INSERT INTO cut VALUES (2)');
    });
    await expect(torn).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(await db.query('SELECT * FROM cut')).toEqual([]);
  });

  test('connections that are cut while nobody uses them are replaced', async () => {
    await Promise.all([0, 1].map(() => db.query('SELECT pg_sleep(0.1)')));
    await other.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity 
                       WHERE application_name = 'drawdown' AND datname = current_database()`);
    const theirs = `SELECT FROM pg_stat_activity WHERE application_name = 'drawdown' AND datname = current_database()`;
    await until(async () => (await other.query(theirs)).rows.length === 0);
    await new Promise((resolve) => setImmediate(resolve)); // what they said last has arrived, too, and is read now
    expect(await db.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a table changed by somebody else is read as it is now; a transaction has to be done again', async () => {
    await other.query('DROP TABLE IF EXISTS changed; CREATE TABLE changed (n integer); INSERT INTO changed VALUES (1)');
    const read = (sql: Sql) => sql.query('SELECT * FROM changed');
    await Promise.all([0, 1].map(() => db.transaction(read)));
    await other.query('ALTER TABLE changed ADD COLUMN name text');
    expect(await read(db)).toEqual([{ n: 1, name: null }]);
    for (let i = 0; i < 8; i++) await db.transaction(read);
    await other.query('ALTER TABLE changed DROP COLUMN name');
    await expect(db.transaction(read)).rejects.toMatchObject({ code: '0A000' });
    expect(await db.transaction(read)).toEqual([{ n: 1 }]);
  });

  test('statements and idle transactions have a limit, and plans follow their tables', async () => {
    const settings = `SELECT current_setting('plan_cache_mode') AS plans,
                             current_setting('statement_timeout') AS statement,
                             current_setting('idle_in_transaction_session_timeout') AS idle`;
    const all = { plans: 'force_custom_plan', idle: '30s' };
    expect(await db.query(settings)).toEqual([{ ...all, statement: '5s' }]);
    expect(await db.transaction((tx) => tx.query(settings))).toEqual([{ ...all, statement: '1min' }]);
    expect(await db.query(settings)).toEqual([{ ...all, statement: '5s' }]);
  });

  test('FLT-43: a serialization failure keeps its code, which asks for the whole transaction again', async () => {
    const failing = db.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$`);
    await expect(failing).rejects.toMatchObject({ code: '40001' });
  });

  test('while a script runs the server looks every ten seconds whether its client is still there', async () => {
    await other.query('DROP TABLE IF EXISTS looked');
    await db.run("CREATE TABLE looked AS SELECT current_setting('client_connection_check_interval') AS every");
    expect(await db.query('SELECT every FROM looked')).toEqual([{ every: '10s' }]);
    await other.query('DROP TABLE looked');
  });

  test('scripts of several processes run one after the other', async () => {
    const second = openPgDatabase(server);
    for (let round = 0; round < 10; round++) {
      await other.query('DROP TABLE IF EXISTS raced');
      const script = 'CREATE TABLE IF NOT EXISTS raced (n integer PRIMARY KEY)';
      await Promise.all(Array.from({ length: 8 }, (_, i) => (i % 4 === 0 ? db : second).run(script)));
    }
    await second.close();
  });
});
