import { REMEMBERED_DAYS } from '@drawdown/domain/events';
import type { Row, Sql } from '@drawdown/ports';

/** Suffix of the serving tables of each read model. */
const suffixes = async (database: Sql): Promise<ReadonlyMap<string, string>> => {
  const rows = await database.query<Row & { projector: string; suffix: string }>(
    `SELECT projector, '_v' || version || '_g' || generation AS suffix FROM projection_models
     WHERE state = 'serving' ORDER BY version, generation`,
  );
  return new Map(rows.map(({ projector, suffix }) => [projector, suffix]));
};

const SLICE_SUMS = `SELECT t.organization_id, t.wallet, t.id, t.debited, t.debt,
    (SELECT coalesce(sum(split_part(slice, '=', 2)::numeric), 0) FROM regexp_split_to_table(t.slices, ' ') slice
     WHERE slice <> '') AS drawn
  FROM transactions t WHERE t.kind = 'consumption'`;

/** Of each wallet the balance, the number and the spending that its transactions come to. */
const FROM_TRANSACTIONS = `SELECT DISTINCT ON (organization_id, wallet) organization_id, wallet, balance_after, sequence,
    sum(debited) FILTER (WHERE kind = 'consumption') OVER (PARTITION BY organization_id, wallet) AS spent
  FROM transactions ORDER BY organization_id, wallet, sequence DESC`;

const CUBE = `SELECT d.organization_id, d.wallet, d.workspace_id, d.service_type, d.user_id, d.model, d.resource_type,
    d.resource_id, h.hour, h.credits, h.transactions
  FROM breakdown_hours h LEFT JOIN breakdown_dimensions d ON d.dimension = h.dimension`;

const CUBE_FROM_TRANSACTIONS = `SELECT organization_id, wallet, workspace_id, service_type, user_id, model, resource_type,
    resource_id, date_trunc('hour', event_time, 'UTC') AS hour, sum(debited) AS credits, count(*) AS transactions
  FROM transactions WHERE kind = 'consumption' GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`;

const BURN_FROM_TRANSACTIONS = `SELECT organization_id, wallet, date_trunc('hour', event_time, 'UTC') AS hour,
    sum(debited) AS credits
  FROM transactions WHERE kind = 'consumption' GROUP BY 1, 2, 3`;

/** Of which days they are depends on when holds gave back what had ended: that is compared with balances as of then. */
const DAYS = 'SELECT organization_id, wallet, sum(change) AS change FROM balance_days GROUP BY 1, 2';
const DAYS_FROM_TRANSACTIONS = `SELECT organization_id, wallet, sum(credited - debited) AS change FROM transactions
  GROUP BY 1, 2`;

/** Rows that are in one of two results only. */
const differs = (a: string, b: string): string => `(${a} EXCEPT ALL ${b}) UNION ALL (${b} EXCEPT ALL ${a})`;

/**
 * What must return no row on any database (the page of invariants, Queries). Tables without suffix. SQL-3 is per unit;
 * SQL-6 counts what holds may overdraw as held.
 */
const QUERIES: Readonly<Record<string, string>> = {
  'SQL-1': `SELECT * FROM lots WHERE amount + returned <> remaining + consumed + expired + voided + forfeited
              OR remaining < 0 OR held < 0 OR held > remaining`,
  'SQL-2': `SELECT w.* FROM wallets w WHERE settled <> (SELECT coalesce(sum(remaining), 0) FROM lots l
                WHERE l.organization_id = w.organization_id AND l.wallet = w.wallet) - debt
              OR held <> (SELECT coalesce(sum(held), 0) FROM lots l
                WHERE l.organization_id = w.organization_id AND l.wallet = w.wallet)
                       + (SELECT coalesce(sum(overdraft), 0) FROM holds h
                WHERE h.organization_id = w.organization_id AND h.wallet = w.wallet)`,
  'SQL-3': `SELECT w.unit FROM lots l JOIN wallets w USING (organization_id, wallet) GROUP BY w.unit
            HAVING sum(amount + returned) <> sum(remaining + consumed + expired + voided + forfeited)`,
  'SQL-4': `SELECT * FROM (SELECT *, lag(balance_after, 1, 0::numeric) OVER w AS prev, lag(sequence, 1, 0) OVER w AS prev_seq
              FROM transactions WINDOW w AS (PARTITION BY organization_id, wallet ORDER BY sequence)) t
            WHERE balance_before <> prev OR sequence <> prev_seq + 1
              OR balance_after - balance_before <> credited - debited`,
  'SQL-4 booking order': `SELECT * FROM (SELECT *, lag(sequence, 1, 0) OVER w AS prev_seq FROM transactions
              WINDOW w AS (PARTITION BY organization_id, wallet ORDER BY revision, idx)) t WHERE sequence <> prev_seq + 1`,
  'SQL-4 wallets': `SELECT w.* FROM wallets w LEFT JOIN (${FROM_TRANSACTIONS}) t USING (organization_id, wallet)
            WHERE w.settled <> coalesce(t.balance_after, 0) OR w.sequence <> coalesce(t.sequence, 0)
              OR w.lifetime_spent <> coalesce(t.spent, 0)`,
  'SQL-5 cube': differs(CUBE, CUBE_FROM_TRANSACTIONS),
  'SQL-5 burn rate': differs('SELECT * FROM burn_hours', BURN_FROM_TRANSACTIONS),
  'SQL-5 balance days': differs(DAYS, DAYS_FROM_TRANSACTIONS),
  'SQL-6': `SELECT w.* FROM wallets w WHERE
              (SELECT coalesce(sum(held), 0) FROM holds h WHERE h.organization_id = w.organization_id AND h.wallet = w.wallet)
              <> (SELECT coalesce(sum(held), 0) FROM lots l WHERE l.organization_id = w.organization_id AND l.wallet = w.wallet)`,
  'SQL-9': `SELECT id FROM
              (SELECT id, booked_at - lag(booked_at) OVER (PARTITION BY id ORDER BY booked_at) AS since FROM transactions) t
            WHERE since < interval '${String(REMEMBERED_DAYS)} days'`,
  'INV-LOT-8': `SELECT * FROM (${SLICE_SUMS}) s WHERE debited <> drawn + debt`,
};

const OWNERS: Readonly<Record<string, string>> = {
  lots: 'balances',
  wallets: 'balances',
  holds: 'balances',
  transactions: 'transactions',
  breakdown_hours: 'breakdown',
  breakdown_dimensions: 'breakdown',
  burn_hours: 'burn_rate',
  balance_days: 'balance_days',
};

/** Throws where the books in the read models do not add up. All of them must have come equally far. */
export const assertBooks = async (database: Sql): Promise<void> => {
  const byProjector = await suffixes(database);
  const found: string[] = [];
  for (const [name, sql] of Object.entries(QUERIES)) {
    const missing = new Set<string>();
    const named = sql.replace(/\b(FROM|JOIN) ([a-z_]+)\b/g, (all: string, word: string, table: string) => {
      const owner = OWNERS[table];
      if (owner === undefined) return all;
      const suffix = byProjector.get(owner);
      if (suffix === undefined) missing.add(owner);
      return `${word} ${table}${suffix ?? ''}`;
    });
    if (missing.size > 0) continue; // a read model that does not run here
    const rows = await database.query(`SELECT * FROM (${named}) AS wrong LIMIT 5`);
    if (rows.length > 0) found.push(`${name}: ${JSON.stringify(rows)}`);
  }
  if (found.length > 0) throw new Error(`the books do not add up\n${found.join('\n')}`);
};

/**
 * A checksum over the rows of each serving table, by the table's name without suffix: equal where two databases, or two
 * generations, say the same (INV-DEL-3).
 */
export const checksums = async (database: Sql): Promise<Readonly<Record<string, string>>> => {
  const sums: Record<string, string> = {};
  const models = await database.query<Row & { tables: readonly string[] }>(
    `SELECT tables FROM projection_models WHERE state = 'serving' ORDER BY projector`,
  );
  for (const table of models.flatMap(({ tables }) => tables)) {
    const named = await database.query<Row & { column_name: string; data_type: string }>(
      'SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position',
      [table],
    );
    const cells = named.map(({ column_name: column, data_type: type }) =>
      type === 'numeric' ? `trim_scale(${column})` : column,
    );
    const [sum] = await database.query<Row & { sum: string }>(
      `SELECT count(*) || ' ' || coalesce(md5(string_agg(line, E'\\n' ORDER BY line)), '') AS sum
       FROM (SELECT concat_ws('|', ${cells.map((cell) => `coalesce(${cell}::text, '∅')`).join(', ')}) AS line FROM ${table}) lines`,
    );
    sums[table.replace(/_v\d+_g\d+$/, '')] = sum?.sum ?? '';
  }
  return sums;
};
