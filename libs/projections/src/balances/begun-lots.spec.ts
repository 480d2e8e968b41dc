import { openTestDatabase } from '@drawdown/adapters/testing';
import type { Sql, SqlValue } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { emptyDatabase, fileDatabase, projected } from '../testing';
import { looksAt } from '../testing/looks';
import { saveLots } from './changes';
import { type BalanceDeltas, organizationIn } from './deltas';
import { balances } from './projector';

const ORGANIZATIONS = 3_000;
const BEGUN = 300;
const database = fileDatabase(openTestDatabase);

/** Empty tables of lots with these in them; nothing says how many there are, as while a read model is filled. */
const lotsThere = async (rows: string): Promise<void> => {
  await emptyDatabase(database);
  const { level, runner } = await projected(inMemoryEventStore(), database, { projectors: [balances] });
  await level();
  await runner.stop();
  await database.run(`
    INSERT INTO lots_v9_g1 (organization_id, lot_id, wallet, sequence, credit_type, priority, effective_at, activated,
      funding, amount, returned, remaining, held, consumed, expired, voided, forfeited)
    SELECT organization_id, lot_id, 'credits', sequence, 'purchased', 1, '2026-03-01', true,
      'adjustment', 10, 0, 10 - used, 0, used, 0, 0, 0
    FROM (${rows}) AS lots (organization_id, lot_id, sequence, used)`);
};

/** Saves, and answers the first question that is asked for it. */
const saved = async (deltas: BalanceDeltas): Promise<readonly [string, readonly SqlValue[]]> => {
  const asked: (readonly [string, readonly SqlValue[]])[] = [];
  const query: Sql['query'] = (statement, parameters = []) => {
    asked.push([statement, parameters]);
    return database.query(statement, parameters);
  };
  await saveLots({ query }, '_v9_g1', deltas);
  const [question] = asked;
  if (question === undefined) throw new Error('nothing was asked');
  return question;
};

/** Lots that a question looks at which was answered already. */
const looksOf = async (question: readonly [string, readonly SqlValue[]]): Promise<number> => {
  await database.run('UPDATE lots_v9_g1 SET replaced = false');
  return looksAt(database, 'lots_v9_g1', ...question);
};

test('a lot that begins replaces those of its wallet and type, without a look at other wallets', async () => {
  // Six of each, of which five are used up.
  await lotsThere(`
    SELECT 'org_' || o, 'lot_' || o || '_' || l, l, CASE l WHEN 6 THEN 0 ELSE 10 END
    FROM generate_series(1, ${String(ORGANIZATIONS)}) AS o, generate_series(1, 6) AS l`);
  const deltas = balances.begin();
  for (let n = 1; n <= BEGUN; n++) organizationIn(deltas, `org_${String(n)}`).begun.push(`lot_${String(n)}_6`);
  const question = await saved(deltas);
  const [count] = await database.query(`SELECT count(*)::text AS replaced FROM lots_v9_g1 WHERE NOT shown`);
  expect(count).toEqual({ replaced: String(5 * BEGUN) });
  expect(await looksOf(question)).toBeLessThanOrEqual(BEGUN * 7);
});

test('many that begin in one wallet do not each look at all of its lots; the last replaces all others, and the one before it the last', async () => {
  const LIVE = 2_000;
  // The first and the last of those that begin are used up already.
  await lotsThere(`
    SELECT 'org', 'lot_' || l, l, CASE WHEN l IN (${String(LIVE + 1)}, ${String(LIVE + BEGUN)}) THEN 10 ELSE 0 END
    FROM generate_series(1, ${String(LIVE + BEGUN)}) AS l`);
  const deltas = balances.begin();
  for (let n = 1; n <= BEGUN; n++) organizationIn(deltas, 'org').begun.push(`lot_${String(LIVE + n)}`);
  const question = await saved(deltas);
  const replaced = await database.query(`SELECT lot_id FROM lots_v9_g1 WHERE replaced ORDER BY sequence`);
  expect(replaced.map(({ lot_id }) => lot_id)).toEqual([LIVE + 1, LIVE + BEGUN].map((n) => `lot_${String(n)}`));
  expect(await looksOf(question)).toBeLessThanOrEqual(3 * (LIVE + BEGUN));
});
