import { readFileSync } from 'node:fs';
import path from 'node:path';
import { openTestDatabase } from '@drawdown/adapters/testing';
import { granted, TestLedger } from '@drawdown/domain/testing';
import type { EventStore } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { projectors } from './projectors';
import { checksums, draftsOf, fileDatabase, projected, stopAll, TestLog } from './testing';

const page = readFileSync(path.join(__dirname, '../../../deploy/runbooks/DrawdownProjectorHalted.md'), 'utf8');
/** What the page has an operator run, for one read model. */
const documented = (model: string): string => {
  const [, statement] = /```sql\n([^`]*)```/.exec(page) ?? [];
  if (statement?.includes("'balances'") !== true) throw new Error('the page has no such statement');
  return statement.replace("'balances'", `'${model}'`);
};

const database = fileDatabase(openTestDatabase);

const granting = async (): Promise<EventStore> => {
  const store = inMemoryEventStore();
  const ledger = new TestLedger({ id: 'acme' });
  for (const lot of ['one', 'two', 'three']) granted(lot, '10')(ledger);
  await new TestLog(store).write(draftsOf(ledger));
  return store;
};

const standing = async (): Promise<readonly string[]> => {
  const rows = await database.query<{ model: string }>(
    'SELECT DISTINCT model FROM projection_checkpoints WHERE revision >= 0 ORDER BY model',
  );
  return rows.map(({ model }) => model);
};

test('tables damaged by hand: what the page says fills that read model anew, and no other', async () => {
  const store = await granting();
  await (await projected(store, database)).level();
  await stopAll();
  const [whole, models] = [await checksums(database), await standing()];
  expect(models).toHaveLength(projectors.length);
  const [wallets] = await database.query<{ name: string }>(
    `SELECT name FROM projection_models, unnest(tables) name WHERE name LIKE 'wallets%'`,
  );
  await database.run(`DELETE FROM ${wallets?.name ?? ''}`);
  expect(await checksums(database)).not.toEqual(whole);

  await database.run(documented('balances'));
  expect(await standing()).toEqual(models.filter((model) => !model.startsWith('balances_v')));
  await (await projected(store, database)).level();
  expect(await checksums(database)).toEqual(whole);
  expect(await standing()).toEqual(models);
});

test('a name that no read model has is told, and nothing is dropped', async () => {
  await (await projected(await granting(), database)).level();
  await stopAll();
  const before = await standing();
  await expect(database.run(documented('balance'))).rejects.toThrow('there is no read model balance');
  expect(await standing()).toEqual(before);
});
