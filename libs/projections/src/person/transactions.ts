import type { Instant } from '@drawdown/kernel';
import { formatCursor, parseCursor } from '../cursor';
import { Bindings, limitOf, type ModelReader, pageOf } from '../model-reader';
import { boundsOf } from '../time-range';
import {
  select,
  transactionDocument,
  TRANSACTIONS_MODEL,
  type TransactionRow,
  usageConditions,
} from '../transactions/queries';
import type { PersonModels, PersonQuery, PersonTransaction } from './person';

type Row = TransactionRow & { readonly organization_id: string };

/**
 * A person's transactions over several organizations, latest booking first. Within an organization booking times never
 * go back (INV-TIM-1), so that its rows are read along its own order, a page of each, and merged.
 */
export const personTransactions =
  (reader: ModelReader): PersonModels['personTransactions'] =>
  async (readings, query) => {
    const limit = limitOf(query);
    const list = listOf(query);
    const [before, ...place] = parseCursor(query.cursor, list, ['instant', 'string', 'number', 'place', 'instant']);
    // A period begins where the first page had it, or rows would fall out between two pages.
    const since = (place[3] as Instant | undefined) ?? query.now;
    const froms = readings.map((reading) => boundsOf(query, reading.onTestClock ? reading.now : since).from);
    const { rows, asOf } = await reader.askAll<Row>(TRANSACTIONS_MODEL, query.after, query.now, (suffix) => {
      const bindings = new Bindings();
      const organizations = bindings.add(readings.map(({ organizationId }) => organizationId));
      const conditions = [
        't.organization_id = o.organization_id',
        `(o.since IS NULL OR t.event_time >= o.since)`,
        bindings.given(query.to, (end) => `t.event_time < ${end}::timestamptz`),
        ...usageConditions(query, bindings, 't'),
        before === undefined ? 'true' : afterPlace(bindings, [before, ...place]),
      ];
      const most = `LIMIT ${bindings.add(limit + 1)}::integer`;
      return {
        sql: select(
          suffix,
          `(SELECT own.* FROM unnest(${organizations}::text[], ${bindings.add(froms)}::timestamptz[]) AS o (organization_id, since)
            CROSS JOIN LATERAL (
              SELECT t.* FROM transactions${suffix} t WHERE ${conditions.join(' AND ')}
              ORDER BY t.revision DESC, t.idx DESC ${most}) AS own
            ORDER BY ${ORDER} ${most})`,
        ),
        parameters: bindings.values,
        order: ORDER,
      };
    });
    const cursorOf = ({ booked_at, organization_id, revision, idx }: Row): string =>
      formatCursor(list, [booked_at, organization_id, Number(revision), idx, since]);
    return { value: pageOf(rows, limit, documentOf, cursorOf), asOf };
  };

const ORDER = 'booked_at DESC, organization_id, revision DESC, idx DESC';

const documentOf = (row: Row): PersonTransaction => ({
  organization_id: row.organization_id,
  ...transactionDocument(row),
});

/** What comes after the last row of the page before, in {@link ORDER}. */
const afterPlace = (bindings: Bindings, place: readonly (string | number | null)[]): string => {
  const [bookedAt = '', organization = '', revision = '', idx = ''] = place
    .slice(0, 4)
    .map((part) => bindings.add(part));
  return `(t.booked_at < ${bookedAt}::timestamptz OR t.booked_at = ${bookedAt}::timestamptz AND (
    t.organization_id > ${organization} OR t.organization_id = ${organization}
      AND (t.revision, t.idx) < (${revision}::bigint, ${idx}::integer)))`;
};

/** Equal for all pages of one list; the organizations are not part of it: they may change meanwhile. */
const listOf = ({ userId, serviceType, workspaceId, resourceId, model, period, from, to }: PersonQuery): unknown => [
  'person transactions',
  ...[userId, serviceType, workspaceId, resourceId, model, period, from, to].map((part) => part ?? null),
];
