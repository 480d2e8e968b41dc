import { DRAWDOWN_NAMESPACE, formatDecimal, uuidText, uuidV5Bytes } from '@drawdown/kernel';
import type { Sql } from '@drawdown/ports';
import { type Consumption, forConsumption } from '../consumption';
import type { LedgerProjector } from '../ledger-record';
import { columns } from '../rows';
import { startOf } from '../time-range';

/** Consumption of one combination of dimensions, by hour (its first instant). */
interface Cell {
  readonly of: Consumption;
  readonly hours: Map<string, { credits: bigint; transactions: number }>;
}
/** Cells by organization and key. */
type BreakdownDeltas = Map<string, Map<string, Cell>>;

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

const keyOf = ({ wallet, workspaceId, serviceType, userId, model, resourceType, resourceId }: Consumption): string =>
  part(wallet) +
  part(workspaceId) +
  part(serviceType) +
  part(userId) +
  part(model) +
  part(resourceType) +
  part(resourceId);

/** The row of a combination: derived from it, so that no table has to be asked for its number. */
const dimensionOf = (organizationId: string, key: string): string =>
  uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, `dimension\n${organizationId}\n${key}`));

/** `breakdown`: gross consumption per combination of dimensions and UTC hour of event time. */
export const breakdown: LedgerProjector<BreakdownDeltas> = {
  name: 'breakdown',
  version: 1,
  tableNames: ['breakdown_hours', 'breakdown_dimensions'],
  tables,
  begin: () => new Map(),
  apply: (deltas, record) => forConsumption(record, (consumption) => add(deltas, consumption)),
  save: async (tx, suffix, deltas) => {
    const cells = new Map<string, Cell>();
    for (const [organizationId, byKey] of deltas) {
      for (const [key, cell] of byKey) cells.set(dimensionOf(organizationId, key), cell);
    }
    if (cells.size > 0) await save(tx, suffix, cells);
  },
};

const add = (deltas: BreakdownDeltas, consumption: Consumption): void => {
  let byKey = deltas.get(consumption.organizationId);
  if (byKey === undefined) deltas.set(consumption.organizationId, (byKey = new Map<string, Cell>()));
  const key = keyOf(consumption);
  let cell = byKey.get(key);
  if (cell === undefined) byKey.set(key, (cell = { of: consumption, hours: new Map() }));
  const hour = startOf(consumption.eventTime, 'hour');
  const sums = cell.hours.get(hour);
  if (sums === undefined) cell.hours.set(hour, { credits: consumption.credits, transactions: 1 });
  else {
    sums.credits += consumption.credits;
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
    const of = cells.get(dimension)?.of;
    if (of === undefined) throw new Error(`${dimension} was not among the rows`);
    const { organizationId, wallet, workspaceId, serviceType, userId, model, resourceType, resourceId } = of;
    return [dimension, organizationId, wallet, workspaceId, serviceType, userId, model, resourceType, resourceId];
  });
  await tx.query(
    `INSERT INTO breakdown_dimensions${suffix} (${DIMENSIONS.list}) SELECT * FROM ${DIMENSIONS.source}
     ON CONFLICT DO NOTHING`,
    DIMENSIONS.parameters(dimensions),
  );
};
