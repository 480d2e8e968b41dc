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
    'balances 9: a9c564647fcd89eb',
    'breakdown 2: 21d0e83753118056',
    'burn_rate 2: 7f76db18805c891d',
    'transactions 4: 7d0a7c4cea9a59a6',
    'quarantine 2: b2fc31be342820f1',
    'balance_days 3: 3b0a47c84b534ff8',
  ]);
});
