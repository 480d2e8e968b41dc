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

/** The database, and what it is asked. */
const listening = (): { heard: Sql; asked: (readonly [string, readonly SqlValue[]])[] } => {
  const asked: (readonly [string, readonly SqlValue[]])[] = [];
  const query: Sql['query'] = (statement, parameters = []) => {
    asked.push([statement, parameters]);
    return database.query(statement, parameters);
  };
  return { heard: { query }, asked };
};

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
  const { heard, asked } = listening();
  await saveLots(heard, '_v9_g1', deltas);
  const [count] = await database.query(`SELECT count(*)::text AS replaced FROM lots_v9_g1 WHERE NOT shown`);
  expect(count).toEqual({ replaced: String(5 * BEGUN) });
  await database.run('UPDATE lots_v9_g1 SET replaced = false');
  const [question] = asked;
  if (question === undefined) throw new Error('nothing was asked');
  expect(await looksAt(database, 'lots_v9_g1', ...question)).toBeLessThanOrEqual(BEGUN * 7);
});

test('many that begin in one wallet do not each look at all of its lots; the last replaces all others, and the one before it the last', async () => {
  const LIVE = 2_000;
  await emptyDatabase(database);
  const { level, runner } = await projected(inMemoryEventStore(), database, { projectors: [balances] });
  await level();
  await runner.stop();
  // The first and the last of those that begin are used up already.
  await database.run(`
    INSERT INTO lots_v9_g1 (organization_id, lot_id, wallet, sequence, credit_type, priority, effective_at, activated,
      funding, amount, returned, remaining, held, consumed, expired, voided, forfeited)
    SELECT 'org', 'lot_' || l, 'credits', l, 'purchased', 1, '2026-03-01', true,
      'adjustment', 10, 0, 10 - used, 0, used, 0, 0, 0
    FROM generate_series(1, ${String(LIVE + BEGUN)}) AS l,
      LATERAL (SELECT CASE WHEN l IN (${String(LIVE + 1)}, ${String(LIVE + BEGUN)}) THEN 10 ELSE 0 END AS used) AS u`);
  const deltas = balances.begin();
  for (let n = 1; n <= BEGUN; n++) organizationIn(deltas, 'org').begun.push(`lot_${String(LIVE + n)}`);
  const { heard, asked } = listening();
  await saveLots(heard, '_v9_g1', deltas);
  const replaced = await database.query(`SELECT lot_id FROM lots_v9_g1 WHERE replaced ORDER BY sequence`);
  expect(replaced.map(({ lot_id }) => lot_id)).toEqual([LIVE + 1, LIVE + BEGUN].map((n) => `lot_${String(n)}`));
  await database.run('UPDATE lots_v9_g1 SET replaced = false');
  const [question] = asked;
  if (question === undefined) throw new Error('nothing was asked');
  expect(await looksAt(database, 'lots_v9_g1', ...question)).toBeLessThanOrEqual(3 * (LIVE + BEGUN));
});
