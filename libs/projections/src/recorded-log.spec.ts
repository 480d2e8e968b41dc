import { openTestDatabase } from '@drawdown/adapters/testing';
import { recordedLog } from '@drawdown/domain/testing';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { createHash } from 'node:crypto';
import { projectors } from './projectors';
import { checksums, fileDatabase, projected } from './testing';

const database = fileDatabase(openTestDatabase);

const digestOf = (parts: readonly (string | undefined)[]): string =>
  createHash('sha256').update(parts.join('\n').replaceAll(/\s+/g, ' ')).digest('hex').slice(0, 16);

test('tables, and the rows that a log of an earlier release gives, belong to the version of a projector: who changes them raises it', async () => {
  const store = inMemoryEventStore();
  for (const { stream, revision, ...event } of recordedLog()) await store.append(stream, revision, [event]);
  await (await projected(store, database)).level();
  const sums = await checksums(database);
  const found = projectors.map(({ name, version, tables, tableNames, indexes }) => {
    const rows = tableNames.map((table) => sums[table]);
    return `${name} ${String(version)}: ${digestOf([...tables(''), ...(indexes?.('') ?? []), ...rows])}`;
  });
  // An installation keeps the tables of a version when it is upgraded, with the rows in them, and goes on filling them.
  expect(found).toEqual([
    'balances 8: 3de4fd9863e1770d',
    'breakdown 1: c9402e5dbdc780fb',
    'burn_rate 1: 2ba7fb70d3c5e2a3',
    'transactions 3: 664e2b8210574dfb',
    'quarantine 1: 874337beadec6366',
    'balance_days 2: c93ce8615a7c2ce6',
  ]);
});
