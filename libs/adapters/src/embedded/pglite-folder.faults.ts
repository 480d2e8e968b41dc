import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openPgliteDatabase } from './pglite-database';
import { clusterOf } from './pglite-folder';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'pglite-damaged-'));
const template = path.join(root, 'template');

beforeAll(async () => {
  const db = await openPgliteDatabase(template);
  await db.run('CREATE TABLE t (n integer PRIMARY KEY); INSERT INTO t VALUES (1)');
  await db.close();
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

const truncateAll = (folder: string): void => {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (entry.isFile()) fs.truncateSync(path.join(folder, entry.name), 0);
  }
};

const overwriteAll = (folder: string): void => {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isFile()) fs.writeFileSync(file, Buffer.alloc(fs.statSync(file).size, 9));
  }
};

describe('FLT-40: a damaged folder of the embedded database', () => {
  test.each([
    ['an empty control file', (cluster: string) => fs.truncateSync(path.join(cluster, 'global/pg_control'), 0)],
    ['no control file', (cluster: string) => fs.rmSync(path.join(cluster, 'global/pg_control'))],
    ['a control file of garbage', (cluster: string) => overwriteAll(path.join(cluster, 'global'))],
    ['an empty version file', (cluster: string) => fs.truncateSync(path.join(cluster, 'PG_VERSION'), 0)],
    ['a log that is cut off', (cluster: string) => truncateAll(path.join(cluster, 'pg_wal'))],
    ['no log', (cluster: string) => fs.rmSync(path.join(cluster, 'pg_wal'), { recursive: true })],
    ['a catalog that is cut off', (cluster: string) => truncateAll(path.join(cluster, 'base/5'))],
    ['a catalog of garbage', (cluster: string) => overwriteAll(path.join(cluster, 'base/5'))],
    ['no tables at all', (cluster: string) => fs.rmSync(path.join(cluster, 'base'), { recursive: true })],
    ['no transaction states', (cluster: string) => truncateAll(path.join(cluster, 'pg_xact'))],
    ['no configuration', (cluster: string) => fs.rmSync(path.join(cluster, 'postgresql.conf'))],
  ])('with %s is thrown away, and the database works, empty', async (_, damage) => {
    const folder = path.join(root, 'damaged');
    fs.rmSync(folder, { recursive: true, force: true });
    fs.cpSync(template, folder, { recursive: true });
    damage(clusterOf(folder));
    const told: string[] = [];
    const db = await openPgliteDatabase(folder, { onEmptied: (reason) => void told.push(reason) });
    expect(told).toEqual([expect.stringMatching(/could not be opened/)]);
    await db.run('CREATE TABLE t (n integer PRIMARY KEY)');
    expect(await db.query('SELECT * FROM t')).toEqual([]);
    await db.close();
  });
});
