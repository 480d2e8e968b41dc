import type { Cell } from '../rows';

/** Columns of a transaction and their types. */
export const TRANSACTION_COLUMNS = {
  organization_id: 'text',
  revision: 'bigint',
  idx: 'integer',
  id: 'uuid',
  kind: 'text',
  wallet: 'text',
  sequence: 'bigint',
  debited: 'numeric',
  credited: 'numeric',
  balance_before: 'numeric',
  balance_after: 'numeric',
  debt: 'numeric',
  uncovered: 'numeric',
  service_type: 'text',
  resource_type: 'text',
  resource_id: 'text',
  user_id: 'text',
  workspace_id: 'text',
  model: 'text',
  task_id: 'text',
  parent_transaction_id: 'text',
  refunded_transaction_id: 'text',
  usage_quantity: 'numeric',
  usage_unit: 'text',
  latency_ms: 'bigint',
  rate: 'uuid',
  policy_version: 'integer',
  event_time: 'timestamptz',
  booked_at: 'timestamptz',
  actor: 'text',
  slices: 'text',
} as const;

export type TransactionColumn = keyof typeof TRANSACTION_COLUMNS;

/** What rows say in a column. As long as all say the same, it is kept once: half of the columns of most batches. */
export class Column {
  private readonly list: Cell[] = [];
  private rows = 0;

  add(cell: Cell): void {
    if (this.list.length > 1 || this.rows === 0) this.list.push(cell);
    else if (cell !== this.list[0]) {
      this.spread();
      this.list.push(cell);
    }
    this.rows += 1;
  }

  /** One cell for all rows, or one for each. */
  get cells(): readonly Cell[] {
    return this.list;
  }

  /** One cell for each row. */
  spread(): readonly Cell[] {
    const same = this.list[0] ?? null;
    while (this.list.length < this.rows) this.list.push(same);
    return this.list;
  }
}

/** Cells by column: rows of thirty-one cells are as many arrays for the garbage collector, columns are few. */
export type Columns = Readonly<Record<TransactionColumn, Column>>;

export const emptyColumns = (): Columns => {
  const columns: Partial<Record<TransactionColumn, Column>> = {};
  for (const name of NAMES) columns[name] = new Column();
  return columns as Columns;
};

export const NAMES = Object.keys(TRANSACTION_COLUMNS) as readonly TransactionColumn[];

/**
 * In the order of {@link NAMES}: the first cell for cell, which says how many rows there are. Rows stand by organization,
 * and within one as they were added: three of the indexes begin with it, and a batch of many organizations that jumps
 * between them costs the database a third more.
 */
export const cellsOf = (columns: Columns): (readonly Cell[])[] => {
  const organizations = columns.organization_id.spread();
  const places = placesByValue(organizations);
  return NAMES.map((name) => {
    const cells = name === 'organization_id' ? organizations : columns[name].cells;
    return places === undefined || cells.length < 2 ? cells : places.map((place) => cells[place] ?? null);
  });
};

/** Places of cells, those with the same value after each other; undefined where all have the same. */
const placesByValue = (cells: readonly Cell[]): readonly number[] | undefined => {
  const byValue = new Map<Cell, number[]>();
  for (const [place, cell] of cells.entries()) {
    const places = byValue.get(cell);
    if (places === undefined) byValue.set(cell, [place]);
    else places.push(place);
  }
  if (byValue.size < 2) return undefined;
  return [...byValue].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)).flatMap(([, places]) => places);
};
