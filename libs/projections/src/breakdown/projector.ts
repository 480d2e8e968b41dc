import { WITHIN_A_SECOND } from '@drawdown/delivery';
import { DRAWDOWN_NAMESPACE, formatDecimal, type Instant, uuidText, uuidV5Bytes } from '@drawdown/kernel';
import { type Sql, TEXT } from '@drawdown/ports';
import { forConsumption } from '../consumption';
import type { LedgerProjector } from '../ledger-record';
import { columns } from '../rows';
import { hoursOf } from '../time-range';
import { type Combination, Combinations, part } from './combinations';

/** Consumption of one wallet and combination, by hour (its first instant). */
interface Cell {
  readonly of: WalletCells;
  readonly by: Combination;
  readonly hours: Map<string, { credits: bigint; transactions: number }>;
}
interface WalletCells {
  readonly organizationId: string;
  readonly wallet: string;
  readonly cells: Map<Combination, Cell>;
}
interface BreakdownDeltas {
  readonly combinations: Combinations;
  /** By organization and wallet. */
  readonly wallets: Map<string, Map<string, WalletCells>>;
}

const HOURS = columns({ dimension: 'uuid', hour: 'timestamptz', credits: 'numeric', transactions: 'bigint' });
const DIMENSIONS = columns({
  ...{ dimension: 'uuid', organization_id: 'text', wallet: 'text', workspace_id: 'text', service_type: 'text' },
  ...{ user_id: 'text', model: 'text', resource_type: 'text', resource_id: 'text' },
});

const tables = (suffix: string): readonly string[] => [
  `CREATE TABLE breakdown_hours${suffix} (
     dimension uuid NOT NULL, hour timestamptz NOT NULL, credits numeric NOT NULL, transactions bigint NOT NULL,
     PRIMARY KEY (dimension, hour)) WITH (fillfactor = 70)`,
  `CREATE TABLE breakdown_dimensions${suffix} (
     dimension uuid PRIMARY KEY, organization_id ${TEXT} NOT NULL, wallet ${TEXT} NOT NULL, workspace_id ${TEXT},
     service_type ${TEXT}, user_id ${TEXT}, model ${TEXT}, resource_type ${TEXT}, resource_id ${TEXT})`,
  `CREATE INDEX ON breakdown_dimensions${suffix} (organization_id)`,
];

/** The row of a combination: derived from it, so that no table has to be asked for its number. */
const dimensionOf = ({ of: { organizationId, wallet }, by }: Cell): string =>
  uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, `dimension\n${organizationId}\n${part(wallet)}${by.key}`));

/** `breakdown`: gross consumption per combination of dimensions and UTC hour of event time. */
export const breakdown: LedgerProjector<BreakdownDeltas> = {
  name: 'breakdown',
  version: 2,
  freshness: WITHIN_A_SECOND,
  tableNames: ['breakdown_hours', 'breakdown_dimensions'],
  tables,
  begin: () => ({ combinations: new Combinations(), wallets: new Map() }),
  apply: (deltas, record) => {
    const hourOf = hoursOf();
    forConsumption<WalletCells>(record, {
      wallet: (organizationId, wallet) => cellsOf(deltas, organizationId, wallet),
      consumed: (of, eventTime, credits, by) => {
        add(cellOf(of, deltas.combinations.of(by)), hourOf(eventTime), credits);
      },
    });
  },
  save: async (tx, suffix, deltas) => {
    const cells = new Map<string, Cell>();
    for (const wallets of deltas.wallets.values()) {
      for (const of of wallets.values()) {
        for (const cell of of.cells.values()) cells.set(dimensionOf(cell), cell);
      }
    }
    if (cells.size > 0) await save(tx, suffix, cells);
  },
};

const cellsOf = (deltas: BreakdownDeltas, organizationId: string, wallet: string): WalletCells => {
  let wallets = deltas.wallets.get(organizationId);
  if (wallets === undefined) deltas.wallets.set(organizationId, (wallets = new Map<string, WalletCells>()));
  let cells = wallets.get(wallet);
  if (cells === undefined) wallets.set(wallet, (cells = { organizationId, wallet, cells: new Map() }));
  return cells;
};

const cellOf = (of: WalletCells, by: Combination): Cell => {
  let cell = of.cells.get(by);
  if (cell === undefined) of.cells.set(by, (cell = { of, by, hours: new Map() }));
  return cell;
};

const add = ({ hours }: Cell, hour: Instant, credits: bigint): void => {
  const sums = hours.get(hour);
  if (sums === undefined) hours.set(hour, { credits, transactions: 1 });
  else {
    sums.credits += credits;
    sums.transactions += 1;
  }
};

const save = async (tx: Sql, suffix: string, cells: ReadonlyMap<string, Cell>): Promise<void> => {
  // As the primary key begins: neighbours there cost the database an eighth less.
  const sorted = [...cells.keys()].sort();
  const [dimensions, hours, amounts, counts]: [string[], string[], string[], number[]] = [[], [], [], []];
  for (const dimension of sorted) {
    for (const [hour, { credits, transactions }] of cellAt(cells, dimension).hours) {
      dimensions.push(dimension);
      hours.push(hour);
      amounts.push(formatDecimal(credits));
      counts.push(transactions);
    }
  }
  // xmax is 0 in a row that was inserted: only then may its dimensions be new, once an hour instead of every time.
  const begun = await tx.query<{ dimension: string }>(
    `WITH saved AS (
       INSERT INTO breakdown_hours${suffix} AS h (${HOURS.list}) SELECT * FROM ${HOURS.source}
       ON CONFLICT (dimension, hour) DO UPDATE
         SET credits = h.credits + excluded.credits, transactions = h.transactions + excluded.transactions
       RETURNING dimension, xmax = 0 AS inserted)
     SELECT DISTINCT dimension FROM saved WHERE inserted`,
    [dimensions, hours, amounts, counts],
  );
  if (begun.length === 0) return;
  const rows = begun.map(({ dimension }) => {
    const { of, by } = cellAt(cells, dimension);
    const { organizationId, wallet } = of;
    const { workspaceId, serviceType, userId, model, resourceType, resourceId } = by;
    return [dimension, organizationId, wallet, workspaceId, serviceType, userId, model, resourceType, resourceId];
  });
  await tx.query(
    `INSERT INTO breakdown_dimensions${suffix} (${DIMENSIONS.list}) SELECT * FROM ${DIMENSIONS.source}
     ON CONFLICT DO NOTHING`,
    DIMENSIONS.parameters(rows),
  );
};

const cellAt = (cells: ReadonlyMap<string, Cell>, dimension: string): Cell => {
  const cell = cells.get(dimension);
  if (cell === undefined) throw new Error(`${dimension} was not among the rows`);
  return cell;
};
