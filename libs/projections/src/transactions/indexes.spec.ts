import { openTestDatabase } from '@drawdown/adapters/testing';
import type { Charge } from '@drawdown/domain/events';
import { granted, START, TestLedger, used } from '@drawdown/domain/testing';
import type { EventStore, ReadDatabase, Row } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { type Draft, emptyDatabase, type Projected, projected, stopAll, TestLog } from '../testing';
import { transactions } from './projector';

let database: ReadDatabase;
let store: EventStore;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await stopAll();
  await database.close();
});
beforeEach(async () => {
  await emptyDatabase(database);
  store = inMemoryEventStore();
});

const run = (): Promise<Projected> => projected(store, database, { projectors: [transactions] });

const charges = (count: number): Draft[] => {
  const ledger = new TestLedger({ id: 'org_0' });
  granted('lot', '1000')(ledger);
  for (let n = 0; n < count; n++) used('1', { organizationId: 'org_0', id: `u${String(n)}` })(ledger);
  return ledger.log.flatMap((fact) => (fact.kind === 'charge' ? [{ charge: fact.charge, at: fact.at }] : []));
};

/** Columns of each index, and whether it is unique. */
const indexesOf = async (table: string): Promise<string[]> => {
  const rows = await database.query<Row & { indexdef: string }>(
    `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = $1`,
    [table],
  );
  return rows.map(({ indexdef }) => indexdef.replace(/ INDEX .* USING btree/, '')).sort();
};

const ALL = [
  'CREATE (organization_id, event_time)',
  'CREATE (organization_id, parent_transaction_id) WHERE (parent_transaction_id IS NOT NULL)',
  'CREATE (organization_id, task_id) WHERE (task_id IS NOT NULL)',
  `CREATE UNIQUE (id, date_bin('40 days'::interval, booked_at, '2000-01-01 00:00:00+00'::timestamp with time zone))`,
  'CREATE UNIQUE (organization_id, revision, idx)',
];

test('a fresh installation has every index that questions about transactions need', async () => {
  const now = await run();
  await now.level();
  expect(await indexesOf('transactions_v4_g1')).toEqual(ALL);
});

test('a model that was filled, or built anew, has every index when it answers', async () => {
  await new TestLog(store).write(charges(5), 2);
  const now = await run();
  await now.level();
  expect(await indexesOf('transactions_v4_g1')).toEqual(ALL);
  await now.runner.rebuild('transactions');
  expect(await indexesOf('transactions_v4_g2')).toEqual(ALL);
});

test('INV-INT-1: an identity that the log charges twice keeps the model from answering, and health says so', async () => {
  const [first] = charges(1);
  const charge = (first as { readonly charge: Charge }).charge;
  await new TestLog(store).write([1, 2].map((): Draft => ({ charge, at: START })));
  const now = await run();
  await expect(now.level()).rejects.toThrow('transactions_v4_g1 is filled and does not answer');
  const [health] = now.runner.health();
  expect(health?.state).toBe('halted');
  expect(health?.reason).toContain('could not create unique index "transactions_v4_g1_id_idx"');
  await expect(now.runner.serving('transactions')).rejects.toThrow('is being built');
});
