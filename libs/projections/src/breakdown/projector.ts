import type { Attribution } from '@drawdown/domain/events';
import { DRAWDOWN_NAMESPACE, formatDecimal, type Instant, uuidText, uuidV5Bytes } from '@drawdown/kernel';
import type { Sql } from '@drawdown/ports';
import { forConsumption } from '../consumption';
import type { LedgerProjector } from '../ledger-record';
import { columns } from '../rows';
import { hoursOf } from '../time-range';

/** Consumption of one combination of dimensions, by hour (its first instant). */
interface Cell {
  readonly of: WalletCells;
  readonly attribution: Attribution;
  readonly hours: Map<string, { credits: bigint; transactions: number }>;
}
/** Cells of one wallet, by the key of what they are attributed to. */
interface WalletCells {
  readonly organizationId: string;
  readonly wallet: string;
  readonly byKey: Map<string, Cell>;
}
/** By organization and wallet. */
type BreakdownDeltas = Map<string, Map<string, WalletCells>>;

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
     dimension uuid PRIMARY KEY, organization_id text NOT NULL, wallet text NOT NULL, workspace_id text,
     service_type text, user_id text, model text, resource_type text, resource_id text)`,
  `CREATE INDEX ON breakdown_dimensions${suffix} (organization_id)`,
];

/** Unambiguous whatever stands in a value: it begins with its length. */
const part = (value: string | null): string => (value === null ? '-' : `${String(value.length)}:${value}`);

const keyOf = ({ workspaceId, serviceType, userId, model, resourceType, resourceId }: Attribution): string =>
  part(workspaceId) + part(serviceType) + part(userId) + part(model) + part(resourceType) + part(resourceId);

/** The row of a combination: derived from it, so that no table has to be asked for its number. */
const dimensionOf = ({ organizationId, wallet }: WalletCells, key: string): string =>
  uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, `dimension\n${organizationId}\n${part(wallet)}${key}`));

/** `breakdown`: gross consumption per combination of dimensions and UTC hour of event time. */
export const breakdown: LedgerProjector<BreakdownDeltas> = {
  name: 'breakdown',
  version: 1,
  tableNames: ['breakdown_hours', 'breakdown_dimensions'],
  tables,
  begin: () => new Map(),
  apply: (deltas, record) => {
    const hourOf = hoursOf();
    forConsumption<WalletCells>(record, {
      wallet: (organizationId, wallet) => cellsOf(deltas, organizationId, wallet),
      consumed: (cells, eventTime, credits, by) => {
        add(cells, hourOf(eventTime), credits, by);
      },
    });
  },
  save: async (tx, suffix, deltas) => {
    const cells = new Map<string, Cell>();
    for (const wallets of deltas.values()) {
      for (const of of wallets.values()) {
        for (const [key, cell] of of.byKey) cells.set(dimensionOf(of, key), cell);
      }
    }
    if (cells.size > 0) await save(tx, suffix, cells);
  },
};

const cellsOf = (deltas: BreakdownDeltas, organizationId: string, wallet: string): WalletCells => {
  let wallets = deltas.get(organizationId);
  if (wallets === undefined) deltas.set(organizationId, (wallets = new Map<string, WalletCells>()));
  let cells = wallets.get(wallet);
  if (cells === undefined) wallets.set(wallet, (cells = { organizationId, wallet, byKey: new Map() }));
  return cells;
};

const add = (cells: WalletCells, hour: Instant, credits: bigint, by: Attribution): void => {
  const key = keyOf(by);
  let cell = cells.byKey.get(key);
  if (cell === undefined) {
    const { workspaceId, serviceType, userId, model, resourceType, resourceId } = by;
    const attribution = { workspaceId, serviceType, userId, model, resourceType, resourceId };
    cell = { of: cells, attribution, hours: new Map() };
    cells.byKey.set(key, cell);
  }
  const sums = cell.hours.get(hour);
  if (sums === undefined) cell.hours.set(hour, { credits, transactions: 1 });
  else {
    sums.credits += credits;
    sums.transactions += 1;
  }
};

const save = async (tx: Sql, suffix: string, cells: ReadonlyMap<string, Cell>): Promise<void> => {
  const rows = [...cells].flatMap(([dimension, { hours }]) =>
    [...hours].map(([hour, { credits, transactions }]) => [dimension, hour, formatDecimal(credits), transactions]),
  );
  // xmax is 0 in a row that was inserted: only then may its dimensions be new, once an hour instead of every time.
  const begun = await tx.query<{ dimension: string }>(
    `WITH saved AS (
       INSERT INTO breakdown_hours${suffix} AS h (${HOURS.list}) SELECT * FROM ${HOURS.source}
       ON CONFLICT (dimension, hour) DO UPDATE
         SET credits = h.credits + excluded.credits, transactions = h.transactions + excluded.transactions
       RETURNING dimension, xmax = 0 AS inserted)
     SELECT DISTINCT dimension FROM saved WHERE inserted`,
    HOURS.parameters(rows),
  );
  if (begun.length === 0) return;
  const dimensions = begun.map(({ dimension }) => {
    const cell = cells.get(dimension);
    if (cell === undefined) throw new Error(`${dimension} was not among the rows`);
    const { organizationId, wallet } = cell.of;
    const { workspaceId, serviceType, userId, model, resourceType, resourceId } = cell.attribution;
    return [dimension, organizationId, wallet, workspaceId, serviceType, userId, model, resourceType, resourceId];
  });
  await tx.query(
    `INSERT INTO breakdown_dimensions${suffix} (${DIMENSIONS.list}) SELECT * FROM ${DIMENSIONS.source}
     ON CONFLICT DO NOTHING`,
    DIMENSIONS.parameters(dimensions),
  );
};
