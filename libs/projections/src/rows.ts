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

/** Rows as a list of SELECT, with its parameters from `$1` on. */
export interface RowSource {
  readonly selected: string;
  readonly parameters: readonly SqlValue[];
}

/**
 * For rows of many columns: `cells` by column, of all rows, in the order of `types` (as for {@link columns}). A column
 * that says the same in all rows is one value. `unnest` stands in the list and not in FROM, which would write the rows
 * down, on disk where they are many, before the first is used (of 14 µs of the server per row it takes 3). At least one row.
 */
export const rowSource = (types: Readonly<Record<string, string>>, cells: readonly (readonly Cell[])[]): RowSource => {
  const parameters: SqlValue[] = [];
  const selected: string[] = [];
  for (const [index, type] of Object.values(types).entries()) {
    const column = cells[index] ?? [];
    const first = column[0] ?? null;
    // The first is always an array: it says how many rows there are.
    const isSame = index > 0 && column.every((cell) => cell === first);
    parameters.push(isSame ? first : column);
    const parameter = `$${String(index + 1)}::${type}`;
    selected.push(isSame ? parameter : `unnest(${parameter}[])`);
  }
  return { selected: selected.join(', '), parameters };
};
