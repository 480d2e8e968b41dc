import { openTestDatabase } from '@drawdown/adapters/testing';
import type { Sql, SqlValue } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { emptyDatabase, fileDatabase, projected } from '../testing';
import { looksAt } from '../testing/looks';
import { saveLots } from './changes';
import { organizationIn } from './deltas';
import { balances } from './projector';

const ORGANIZATIONS = 3_000;
const BEGUN = 300;
const database = fileDatabase(openTestDatabase);

test('a lot that begins replaces those of its wallet and type, without a look at other wallets', async () => {
  await emptyDatabase(database);
  const { level, runner } = await projected(inMemoryEventStore(), database, { projectors: [balances] });
  await level();
  await runner.stop();
  // Six of each, of which five are used up. Nothing says how many there are, as while a read model is filled.
  await database.run(`
    INSERT INTO lots_v9_g1 (organization_id, lot_id, wallet, sequence, credit_type, priority, effective_at, activated,
      funding, amount, returned, remaining, held, consumed, expired, voided, forfeited)
    SELECT 'org_' || o, 'lot_' || o || '_' || l, 'credits', l, 'purchased', 1, '2026-03-01', true,
      'adjustment', 10, 0, CASE l WHEN 6 THEN 10 ELSE 0 END, 0, CASE l WHEN 6 THEN 0 ELSE 10 END, 0, 0, 0
    FROM generate_series(1, ${String(ORGANIZATIONS)}) AS o, generate_series(1, 6) AS l`);
  const deltas = balances.begin();
  for (let n = 1; n <= BEGUN; n++) organizationIn(deltas, `org_${String(n)}`).begun.push(`lot_${String(n)}_6`);
  const asked: (readonly [string, readonly SqlValue[]])[] = [];
  const heard: Sql = {
    query: (statement, parameters = []) => {
      asked.push([statement, parameters]);
      return database.query(statement, parameters);
    },
  };
  await saveLots(heard, '_v9_g1', deltas);
  const [count] = await database.query(`SELECT count(*)::text AS replaced FROM lots_v9_g1 WHERE NOT shown`);
  expect(count).toEqual({ replaced: String(5 * BEGUN) });
  await database.run('UPDATE lots_v9_g1 SET replaced = false');
  const [question] = asked;
  if (question === undefined) throw new Error('nothing was asked');
  expect(await looksAt(database, 'lots_v9_g1', ...question)).toBeLessThanOrEqual(BEGUN * 7);
});
