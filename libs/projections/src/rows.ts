import type { SqlValue } from '@drawdown/ports';

/** A value of a row on its way to the database; amounts and instants as text. */
export type Cell = string | number | boolean | null;

/** Many rows as one parameter per column: what `unnest` makes rows of again. */
export interface Columns {
  /** Names, comma-separated. */
  readonly list: string;
  /** `unnest(…)` of the parameters from `$1` on. */
  readonly source: string;
  /** The parameters for these rows, whose cells stand in the order of the names. */
  readonly parameters: (rows: readonly (readonly Cell[])[]) => SqlValue[];
}

/** Columns by name, each with its type in SQL. */
export const columns = (types: Readonly<Record<string, string>>): Columns => {
  const names = Object.keys(types);
  const casts = Object.values(types).map((type, index) => `$${String(index + 1)}::${type}[]`);
  return {
    list: names.join(', '),
    source: `unnest(${casts.join(', ')})`,
    parameters: (rows) => names.map((_, column) => rows.map((row) => row[column] ?? null)),
  };
};
