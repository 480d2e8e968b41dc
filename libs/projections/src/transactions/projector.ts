import { WITHIN_A_SECOND } from '@drawdown/delivery';
import { REMEMBERED_DAYS } from '@drawdown/domain/events';
import { type Sql, TEXT } from '@drawdown/ports';
import type { LedgerProjector } from '../ledger-record';
import { columns, rowSource } from '../rows';
import { addBookings, addCharges, begin, type TransactionDeltas } from './rows';
import { cellsOf, NAMES, TRANSACTION_COLUMNS } from './transaction-columns';

const TRANSACTIONS = NAMES.join(', ');
const RATES = columns({
  ...{ rate: 'uuid', rate_card: 'text', rate_card_version: 'integer', rate_index: 'integer' },
  ...{ price: 'json', rounding: 'json' },
});

const tables = (suffix: string): readonly string[] => [
  `CREATE TABLE transactions${suffix} (
     organization_id ${TEXT} NOT NULL, revision bigint NOT NULL, idx integer NOT NULL, id uuid NOT NULL, kind ${TEXT} NOT NULL,
     wallet ${TEXT} NOT NULL, sequence bigint NOT NULL, debited numeric NOT NULL CHECK (debited >= 0),
     credited numeric NOT NULL CHECK (credited >= 0), balance_before numeric NOT NULL, balance_after numeric NOT NULL,
     debt numeric NOT NULL, uncovered numeric NOT NULL, service_type ${TEXT}, resource_type ${TEXT}, resource_id ${TEXT},
     user_id ${TEXT}, workspace_id ${TEXT}, model ${TEXT}, task_id ${TEXT}, parent_transaction_id ${TEXT},
     refunded_transaction_id ${TEXT}, usage_quantity numeric, usage_unit ${TEXT}, latency_ms bigint, rate uuid,
     policy_version integer NOT NULL, event_time timestamptz NOT NULL, booked_at timestamptz NOT NULL,
     actor ${TEXT} NOT NULL, slices ${TEXT} NOT NULL,
     CONSTRAINT balance_moves CHECK (balance_after - balance_before = credited - debited))`,
  `CREATE TABLE rates${suffix} (
     rate uuid PRIMARY KEY, rate_card ${TEXT} NOT NULL, rate_card_version integer NOT NULL, rate_index integer NOT NULL,
     price json NOT NULL, rounding json NOT NULL)`,
];

/** As long as an identity is remembered. */
const SPAN = `date_bin('${String(REMEMBERED_DAYS)} days', booked_at, '2000-01-01T00:00:00Z'::timestamptz)`;

/** All there are: rows are only added while the table is filled. */
const indexes = (suffix: string): readonly string[] => {
  const table = `transactions${suffix}`;
  const parent = 'parent_transaction_id';
  return [
    `CREATE UNIQUE INDEX IF NOT EXISTS ${table}_pkey ON ${table} (organization_id, revision, idx)`,
    // An identity is charged once while it is remembered (INV-INT-1), and its id follows from it: two charges of one lie so
    // far apart that no span of that length has both. Two that lie nearer, in neighbouring spans, the checks of the books find.
    `CREATE UNIQUE INDEX IF NOT EXISTS ${table}_id_idx ON ${table} (id, ${SPAN})`,
    `CREATE INDEX IF NOT EXISTS ${table}_organization_id_event_time_idx ON ${table} (organization_id, event_time)`,
    `CREATE INDEX IF NOT EXISTS ${table}_organization_id_${parent}_idx ON ${table} (organization_id, ${parent})
     WHERE ${parent} IS NOT NULL`,
    `CREATE INDEX IF NOT EXISTS ${table}_organization_id_task_id_idx ON ${table} (organization_id, task_id)
     WHERE task_id IS NOT NULL`,
  ];
};

/** `transactions`: one row for each, in booking order by (revision, index) of the organization's shard. */
export const transactions: LedgerProjector<TransactionDeltas> = {
  name: 'transactions',
  version: 4,
  freshness: WITHIN_A_SECOND,
  tableNames: ['transactions', 'rates'],
  tables,
  indexes,
  begin,
  apply: (deltas, record) => {
    const { event } = record;
    switch (event.type) {
      case 'UsageCharged':
        addCharges(deltas, event.data, record);
        return;
      case 'UsageQuarantined':
      case 'UsageRefused':
      case 'UsageConflicted':
        return;
      default:
        addBookings(deltas, event, record);
    }
  },
  save: async (tx: Sql, suffix: string, { columns: transactionColumns, rates }: TransactionDeltas) => {
    if (rates.size > 0) {
      // In one order everywhere: shards that meet at a rate wait for each other, never in a circle.
      const sorted = [...rates].sort(([a], [b]) => (a < b ? -1 : 1));
      await tx.query(
        `INSERT INTO rates${suffix} (${RATES.list}) SELECT * FROM ${RATES.source} ON CONFLICT DO NOTHING`,
        RATES.parameters(
          sorted.map(([key, { card, version, index, price, rounding }]) => [
            ...[key, card, version, index],
            ...[JSON.stringify(price), JSON.stringify(rounding)],
          ]),
        ),
      );
    }
    const cells = cellsOf(transactionColumns);
    if (cells[0]?.length === 0) return;
    const { selected, parameters } = rowSource(TRANSACTION_COLUMNS, cells);
    await tx.query(`INSERT INTO transactions${suffix} (${TRANSACTIONS}) SELECT ${selected}`, parameters);
  },
};
