import type { Row, Sql, SqlValue } from '@drawdown/ports';

interface Plan {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

/** Rows of a table that a statement looks at; it is run for that. */
export const looksAt = async (
  database: Sql,
  table: string,
  statement: string,
  parameters: readonly SqlValue[],
): Promise<number> => {
  const [row] = await database.query<Row & { 'QUERY PLAN': readonly { Plan: Plan }[] }>(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${statement}`,
    parameters,
  );
  const plan = row?.['QUERY PLAN'][0]?.Plan;
  if (plan === undefined) throw new Error('there is no plan');
  return looksOf(plan, table);
};

const looksOf = (plan: Plan, table: string): number => {
  const { 'Actual Rows': rows, 'Actual Loops': loops, 'Rows Removed by Filter': removed = 0 } = plan;
  const own = plan['Relation Name'] === table ? (rows + removed) * loops : 0;
  return (plan.Plans ?? []).reduce((sum, inner) => sum + looksOf(inner, table), own);
};
