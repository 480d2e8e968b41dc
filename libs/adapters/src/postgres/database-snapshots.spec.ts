import { DatabaseUnavailable, type Log, type ReadDatabase, type SqlValue } from '@drawdown/ports';
import { snapshotsConformance } from '@drawdown/ports/testing';
import { openTestDatabase } from '../testing';
import { databaseSnapshots } from './database-snapshots';

const MEGABYTE = 1024 * 1024;

let database: ReadDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

describe('before anything was saved', () => {
  test('there is nothing, and looking for it makes no table', async () => {
    const snapshots = databaseSnapshots(database);
    expect(await snapshots.list('ledger-0')).toEqual([]);
    expect(await snapshots.load('ledger-0', 1)).toBeUndefined();
    expect(await database.query("SELECT 1 FROM pg_class WHERE relname LIKE 'ledger_snapshot%'")).toEqual([]);
  });
});

snapshotsConformance(async () => databaseSnapshots(database));

test('what one process saved another loads', async () => {
  await databaseSnapshots(database).save('ledger-1', () => ({ revision: 12, parts: [Buffer.from('state')] }));
  const another = databaseSnapshots(database);
  expect(await another.list('ledger-1')).toEqual([12]);
  expect(Buffer.from((await another.load('ledger-1', 12)) ?? []).toString()).toBe('state');
});

test('two owners that save the same shard at once do not spoil each other: both are there, and whole', async () => {
  const owners = [databaseSnapshots(database), databaseSnapshots(database)];
  const bytes = Buffer.alloc(2 * MEGABYTE + 3, 'x');
  await Promise.all(
    owners.flatMap((owner, n) =>
      [7, 8 + n].map((revision) => owner.save('ledger-2', () => ({ revision, parts: [bytes] }))),
    ),
  );
  const [reader] = owners;
  expect(await reader?.list('ledger-2')).toEqual([9, 8, 7]);
  for (const revision of [7, 8, 9])
    expect((await reader?.load('ledger-2', revision))?.byteLength).toBe(bytes.byteLength);
});

test('a part that is not answered is asked for once more', async () => {
  const bytes = Buffer.alloc(2 * MEGABYTE, 'x');
  await databaseSnapshots(database).save('ledger-4', () => ({ revision: 1, parts: [bytes] }));
  let away = true;
  const query = (statement: string, parameters?: readonly SqlValue[]) => {
    if (!statement.includes('part = ') || !away) return database.query(statement, parameters);
    away = false;
    return Promise.reject(new DatabaseUnavailable('nobody is there'));
  };
  const loaded = await databaseSnapshots({ ...database, query } as ReadDatabase).load('ledger-4', 1);
  expect([away, loaded?.byteLength]).toEqual([false, bytes.byteLength]);
});

describe.each([
  ['a part is missing', 'DELETE FROM ledger_snapshot_parts WHERE name = $1 AND part = 1'],
  ['a part is another', "UPDATE ledger_snapshot_parts SET content = 'y' WHERE name = $1 AND part = 2"],
  ['its length is another', 'UPDATE ledger_snapshots SET bytes = bytes - 1 WHERE name = $1'],
])('%s', (_what, damage) => {
  test('counts as missing, and the log says so', async () => {
    const warn = jest.fn();
    const log: Log = { info: () => undefined, warn, error: () => undefined };
    const snapshots = databaseSnapshots(database, log);
    await snapshots.save('ledger-3', () => ({ revision: 1, parts: [Buffer.alloc(2 * MEGABYTE + 10, 'x')] }));
    await database.query(damage, ['ledger-3']);
    expect(await snapshots.load('ledger-3', 1)).toBeUndefined();
    expect(warn).toHaveBeenCalledWith({ name: 'ledger-3', revision: 1 }, expect.stringContaining('damaged'));
  });
});
