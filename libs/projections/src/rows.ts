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

/** Rows as a SELECT in parentheses, for FROM, with its parameters from `$1` on. */
export interface RowSource {
  readonly source: string;
  readonly parameters: readonly SqlValue[];
}

/**
 * For rows of many columns: a column that says the same in all rows is one value instead of an array of which `unnest`
 * makes cells again. At least one row; `types` as for {@link columns}.
 */
export const rowSource = (types: Readonly<Record<string, string>>, rows: readonly (readonly Cell[])[]): RowSource => {
  const parameters: SqlValue[] = [];
  const [selected, arrays, names]: [string[], string[], string[]] = [[], [], []];
  for (const [column, [name, type]] of Object.entries(types).entries()) {
    const first = rows[0]?.[column] ?? null;
    // The first is always an array: it says how many rows there are.
    const isSame = column > 0 && rows.every((row) => row[column] === first);
    parameters.push(isSame ? first : rows.map((row) => row[column] ?? null));
    const parameter = `$${String(column + 1)}::${type}`;
    selected.push(isSame ? `${parameter} AS ${name}` : name);
    if (isSame) continue;
    arrays.push(`${parameter}[]`);
    names.push(name);
  }
  const source = `(SELECT ${selected.join(', ')} FROM unnest(${arrays.join(', ')}) AS cells (${names.join(', ')}))`;
  return { source, parameters };
};
