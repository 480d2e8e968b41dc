import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseUnavailable, NO_LOG, type ReadDatabase } from '@drawdown/ports';
import { openPgliteDatabase } from './pglite-database';
import { clusterOf, stateOf } from './pglite-folder';
import { makeCluster, preparedCluster } from './pglite-prepared';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'pglite-'));
const template = path.join(root, 'template');
const opened: ReadDatabase[] = [];
let folders = 0;
/** FLT-40 says 10 s, which is for a machine that does nothing else. */
const BACK_MAX_MS = 30_000;

const open = async (folder: string) => {
  const told: string[] = [];
  const logged: string[] = [];
  const log = { ...NO_LOG, error: (_: unknown, message: string) => void logged.push(message) };
  const db = await openPgliteDatabase(folder, { log, onEmptied: (reason) => void told.push(reason) });
  opened.push(db);
  return { db, told, logged };
};

/** A closed database with one table `t` and one row, 1. */
const filled = (): string => {
  const folder = path.join(root, `copy-${String((folders += 1))}`);
  fs.cpSync(template, folder, { recursive: true });
  return folder;
};

const rowsOf = async (db: ReadDatabase): Promise<unknown[]> =>
  (await db.query('SELECT n FROM t ORDER BY n')).map(({ n }) => n);

const tablesOf = (db: ReadDatabase) => db.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`);

/** Tries again while the database is being started; anything else it says is final. */
const onceBack = async <T>(ask: () => Promise<T>): Promise<T> => {
  for (const end = performance.now() + BACK_MAX_MS; ;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable) || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
};

beforeAll(async () => {
  const { db, told } = await open(template);
  await db.run('CREATE TABLE t (n integer PRIMARY KEY, filler text); ALTER TABLE t ALTER filler SET STORAGE EXTERNAL');
  await db.query('INSERT INTO t VALUES (1)');
  await db.close();
  expect(told).toEqual([]);
});

afterAll(async () => {
  await Promise.all(opened.map((db) => db.close()));
  fs.rmSync(root, { recursive: true, force: true });
});

describe('the folder of the embedded database', () => {
  test('keeps what was committed when it is closed', async () => {
    const folder = filled();
    expect(stateOf(folder)).toBe('usable');
    const first = await open(folder);
    await first.db.query('INSERT INTO t VALUES (2)');
    await first.db.close();
    const second = await open(folder);
    expect(await rowsOf(second.db)).toEqual([1, 2]);
    expect([...first.told, ...second.told]).toEqual([]);
  });

  test('FLT-40: keeps what was committed, and nothing else, when its process is killed in a transaction', async () => {
    const folder = filled();
    await killedWhileWriting(folder);
    const { db, told } = await open(folder);
    expect(await rowsOf(db)).toEqual([1, 2]);
    expect(told).toEqual([]);
    await db.query('INSERT INTO t VALUES (3)');
  });

  // PGlite would open it and answer with the rows it still finds: truncated tables are no error to it.
  test('is thrown away, loudly, where the machine stopped while it was open', async () => {
    const folder = filled();
    fs.writeFileSync(path.join(folder, 'state.json'), JSON.stringify({ state: 'open', boot: 'an earlier one' }));
    const { db, told, logged } = await open(folder);
    expect(told).toEqual(['the machine stopped while it was open']);
    expect(logged).toEqual([expect.stringMatching(/thrown away/)]);
    expect(await tablesOf(db)).toEqual([]);
    await db.run('CREATE TABLE t (n integer)');
    await db.close();
    const again = await open(folder);
    expect([again.told, await rowsOf(again.db)]).toEqual([[], []]);
  });

  test('is the same whether its cluster was prepared by the build or is made at the start', async () => {
    expect(preparedCluster()).not.toBeNull();
    const contents: unknown[] = [];
    for (const prepared of [preparedCluster(), null]) {
      const folder = fs.mkdtempSync(path.join(root, 'made-'));
      await makeCluster(clusterOf(folder), prepared);
      fs.writeFileSync(path.join(folder, 'state.json'), JSON.stringify({ state: 'closed', boot: '' }));
      const { db, told } = await open(folder);
      expect(told).toEqual([]);
      expect(await db.query('SELECT datname FROM pg_database')).toEqual([{ datname: 'postgres' }]);
      contents.push(await db.query('SELECT name, setting FROM pg_settings ORDER BY name'));
      contents.push(await db.query('SELECT relname, relkind, relpages > 0 AS filled FROM pg_class ORDER BY oid'));
    }
    const [settings, catalog, sameSettings, sameCatalog] = contents;
    expect([sameSettings, sameCatalog]).toEqual([settings, catalog]);
  });

  test.each([
    ['{"state":"closed","boot":"an earlier one"}', 'usable'],
    ['{"state":"open","boot":"an earlier one"}', { useless: 'the machine stopped while it was open' }],
    ['{"state":"creating","boot":"an earlier one"}', { useless: 'it was not completely made' }],
    ['{"state":"op', { useless: 'it was not completely made' }],
    ['', { useless: 'it was not completely made' }],
    ['{}', { useless: 'it was not completely made' }],
    [undefined, { useless: 'it was not completely made' }],
  ])('with the mark %p it is %p', (mark, state) => {
    const folder = fs.mkdtempSync(path.join(root, 'marked-'));
    expect(stateOf(folder)).toBe('new');
    fs.mkdirSync(clusterOf(folder));
    if (mark !== undefined) fs.writeFileSync(path.join(folder, 'state.json'), mark);
    expect(stateOf(folder)).toEqual(state);
  });

  test('does not let its log grow with all that was ever written', async () => {
    const { db } = await open(filled());
    await db.query(`INSERT INTO t SELECT 0, repeat('x', 200000)`);
    for (let i = 0; i < 1_000; i++) await db.query(`UPDATE t SET filler = $1 || filler WHERE n = 0`, [String(i % 10)]);
    const [written] = await db.query(`SELECT pg_current_wal_insert_lsn() - '0/0' > 200e6 AS enough`);
    expect(written).toEqual({ enough: true });
    const [kept] = await db.query('SELECT sum(size) < 130e6 AS little FROM pg_ls_waldir()');
    expect(kept).toEqual({ little: true });
  });
});

describe('the thread of the embedded database', () => {
  test('FLT-40: dies; what was under way is told, and it comes back by itself with what was committed', async () => {
    const folder = filled();
    const { db, told, logged } = await open(folder);
    const torn = db.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (2)');
      await breakEngine(folder, (statement) => tx.query(statement));
      return onceBack(() => tx.query('INSERT INTO t VALUES (3)'));
    });
    const behind = db.query('SELECT 1');
    await expect(torn).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(behind).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(await onceBack(() => rowsOf(db))).toEqual([1]);
    await db.transaction((tx) => tx.query('INSERT INTO t VALUES (4)'));
    expect(await rowsOf(db)).toEqual([1, 4]);
    expect([told, logged]).toEqual([[], [expect.stringMatching(/died/)]]);
  });

  test('can be closed while it is being started again', async () => {
    const folder = filled();
    const { db } = await open(folder);
    await expect(breakEngine(folder, (statement) => db.query(statement))).rejects.toBeInstanceOf(DatabaseUnavailable);
    await db.close();
    await expect(db.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
  });
});

/** Takes the log away when the engine needs its next file, on which it aborts, and puts it back before the restart. */
const breakEngine = async (folder: string, ask: (statement: string) => Promise<unknown>): Promise<unknown> => {
  const log = path.join(clusterOf(folder), 'pg_wal');
  fs.renameSync(log, `${log}.away`);
  try {
    await ask('SELECT pg_switch_wal()');
    return await ask('INSERT INTO t VALUES (9)');
  } finally {
    fs.renameSync(`${log}.away`, log);
  }
};

/** Runs a process that commits 2, writes 3 in a transaction, and is killed there. */
const killedWhileWriting = async (folder: string): Promise<void> => {
  const built = path.resolve(__dirname, '../../../../dist/libs/adapters/src/embedded/pglite-database.js');
  const program = `
    const { openPgliteDatabase } = require(${JSON.stringify(built)});
    openPgliteDatabase(${JSON.stringify(folder)}).then(async (db) => {
      await db.query('INSERT INTO t VALUES (2)');
      await db.transaction(async (tx) => {
        await tx.query('INSERT INTO t VALUES (3)');
        process.stdout.write('written');
        await new Promise(() => setInterval(() => undefined, 1000));
      });
    });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
};
