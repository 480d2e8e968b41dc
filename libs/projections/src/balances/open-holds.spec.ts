import { openTestDatabase } from '@drawdown/adapters/testing';
import { authorizeHold, granted, START, TestLedger } from '@drawdown/domain/testing';
import type { ReadDatabase, SqlValue } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { emptyDatabase, fileDatabase, projected, TestLog } from '../testing';
import { looksAt } from '../testing/looks';
import { balances } from './projector';

const ENDED = 5_000;
const READING = { organizationId: 'org_0', now: START };

const database = fileDatabase(openTestDatabase);

test('open holds are found without a look at those that have ended', async () => {
  await emptyDatabase(database);
  const asked: (readonly [string, readonly SqlValue[]])[] = [];
  const heard: ReadDatabase = {
    query: (statement, parameters = []) => {
      asked.push([statement, parameters]);
      return database.query(statement, parameters);
    },
    transaction: (work) => database.transaction(work),
    run: (script) => database.run(script),
    close: () => database.close(),
  };
  const ledger = new TestLedger({ id: 'org_0' });
  granted('lot', '10')(ledger);
  authorizeHold('open', '1')(ledger);
  const store = inMemoryEventStore();
  const drafts = ledger.log.flatMap((fact) =>
    fact.kind === 'event' ? [{ event: fact.event, organizationId: 'org_0', at: fact.at }] : [],
  );
  await new TestLog(store).write(drafts);
  const { models, level } = await projected(store, heard, { projectors: [balances] });
  await level();
  await database.run(`
    INSERT INTO holds_v9_g1
    SELECT 'org_0', 'ended-' || n, 'credits', 1000 + n, 1, 0, 0, 0, 'released', '2026-03-02'
    FROM generate_series(1, ${String(ENDED)}) AS n;
    ANALYZE holds_v9_g1`);
  asked.length = 0;
  const listed = await models.holds(READING, { state: 'open' });
  expect(listed.value['data']).toHaveLength(1);
  expect((await models.organizationFigures(READING))?.value.holds).toHaveLength(1);
  const looks: number[] = [];
  for (const [statement, parameters] of asked.filter(([text]) => text.includes('FROM holds_v9_g1'))) {
    looks.push(await looksAt(database, 'holds_v9_g1', statement, parameters));
  }
  expect(looks).toEqual([1, 1]);
});
