import { WITHIN_A_SECOND } from '@drawdown/delivery';
import { type Charged, organizationsOf, readUsage, type UsageEvent, writeUsage } from '@drawdown/domain/events';
import type { Instant } from '@drawdown/kernel';
import { type Row, type Sql, TEXT } from '@drawdown/ports';
import { formatCursor, parseCursor } from './cursor';
import type { LedgerProjector } from './ledger-record';
import { Bindings, limitOf, type ModelReader, pageOf, type Rows } from './model-reader';
import type { PageRequest, QuarantineEntry, QuarantineFilter, Reading, ReadModels } from './read-models';
import { type Cell, columns } from './rows';

interface QuarantineDeltas {
  /** By identity: the last of a batch says why it is there now. */
  readonly entered: Map<string, { readonly since: Instant; readonly row: Cell[] }>;
  /** Usage that came to an end, in whole events: hardly any of it was ever in quarantine. */
  readonly charged: Charged[];
  readonly refused: UsageEvent[];
}

const ENTRIES = columns({
  ...{ organization_id: 'text', source: 'text', id: 'text', code: 'text', detail: 'text', event_time: 'timestamptz' },
  ...{ quarantined_at: 'timestamptz', state: 'text', usage: 'json' },
});
const ENDED = columns({ organization_id: 'text', source: 'text', id: 'text', state: 'text' });

/** `quarantine`: usage that could not be charged, whole, until the same identity is charged or refused. */
export const quarantine: LedgerProjector<QuarantineDeltas> = {
  name: 'quarantine',
  version: 2,
  freshness: WITHIN_A_SECOND,
  tableNames: ['quarantine'],
  tables: (suffix) => [
    `CREATE TABLE quarantine${suffix} (
       organization_id ${TEXT} NOT NULL, source ${TEXT} NOT NULL, id ${TEXT} NOT NULL, code ${TEXT} NOT NULL, detail ${TEXT} NOT NULL,
       event_time timestamptz NOT NULL, quarantined_at timestamptz NOT NULL,
       state ${TEXT} NOT NULL CHECK (state IN ('open', 'charged', 'refused')), usage json NOT NULL,
       PRIMARY KEY (organization_id, source, id))`,
    `CREATE INDEX ON quarantine${suffix} (organization_id) WHERE state = 'open'`,
    `CREATE INDEX ON quarantine${suffix} (quarantined_at, organization_id, source, id)`,
  ],
  begin: () => ({ entered: new Map(), charged: [], refused: [] }),
  apply: (deltas, { event, bookedAt }) => {
    if (event.type === 'UsageCharged') deltas.charged.push(event.data);
    if (event.type === 'UsageRefused') deltas.refused.push(event.data.usage);
    if (event.type !== 'UsageQuarantined') return;
    const { usage, code, detail } = event.data;
    const { organizationId, source, id, time } = usage;
    const identity = `${organizationId}\n${source}\n${id}`;
    // In quarantine since the first time, for the reason of the last.
    const since = deltas.entered.get(identity)?.since ?? bookedAt;
    const row = [organizationId, source, id, code, detail, time, since, 'open', JSON.stringify(writeUsage(usage))];
    deltas.entered.set(identity, { since, row });
  },
  save: async (tx, suffix, deltas) => {
    if (deltas.entered.size > 0) {
      await tx.query(
        `INSERT INTO quarantine${suffix} AS q (${ENTRIES.list}) SELECT * FROM ${ENTRIES.source}
         ON CONFLICT (organization_id, source, id) DO UPDATE
           SET code = excluded.code, detail = excluded.detail, state = 'open', usage = excluded.usage`,
        ENTRIES.parameters([...deltas.entered.values()].map(({ row }) => row)),
      );
    }
    await end(tx, suffix, deltas);
  },
};

/** Only organizations that have something in quarantine are looked at, and where nobody has, nothing is. */
const end = async (tx: Sql, suffix: string, { charged, refused }: QuarantineDeltas): Promise<void> => {
  const organizations = new Set(refused.map(({ organizationId }) => organizationId));
  for (const each of charged) for (const organizationId of organizationsOf(each)) organizations.add(organizationId);
  if (organizations.size === 0) return;
  const open = await tx.query<{ organization_id: string }>(
    `SELECT organization_id FROM unnest($1::text[]) AS o (organization_id)
     WHERE EXISTS (SELECT FROM quarantine${suffix} WHERE state = 'open')
       AND EXISTS (SELECT FROM quarantine${suffix} q WHERE q.organization_id = o.organization_id AND q.state = 'open')`,
    [[...organizations]],
  );
  if (open.length === 0) return;
  const wanted = new Set(open.map(({ organization_id: id }) => id));
  const ended = [
    ...charged
      .filter((each) => organizationsOf(each).some((organizationId) => wanted.has(organizationId)))
      .flatMap(({ charges }) => charges.map(({ usage }) => ({ usage, state: 'charged' }))),
    ...refused.map((usage) => ({ usage, state: 'refused' })),
  ]
    .filter(({ usage }) => wanted.has(usage.organizationId))
    .map(({ usage: { organizationId, source, id }, state }) => [organizationId, source, id, state]);
  await tx.query(
    `UPDATE quarantine${suffix} q SET state = d.state FROM ${ENDED.source} AS d (${ENDED.list})
     WHERE q.organization_id = d.organization_id AND q.source = d.source AND q.id = d.id AND q.state = 'open'`,
    ENDED.parameters(ended),
  );
};

type EntryRow = Row & QuarantineEntry & { readonly usage: Parameters<typeof readUsage>[0] };

const FIRST = '0001-01-01T00:00:00.000000Z' as Instant;

export const quarantineQueries = (reader: ModelReader): Pick<ReadModels, 'quarantine' | 'quarantinedUsage'> => ({
  quarantine: async (query) => {
    const { rows, asOf } = await entries(reader, query, query.now, query.after);
    return { value: pageOf(rows, limitOf(query), entryOf, (last) => cursorAfter(last, query)), asOf };
  },
  quarantinedUsage: async (query) => {
    const open = { ...query, state: 'open' } as const;
    const { rows } = await entries(reader, open, FIRST, query.after ?? null);
    const { data, next_cursor } = pageOf(
      rows,
      limitOf(open),
      ({ usage }) => readUsage(usage),
      (last) => cursorAfter(last, open),
    );
    return { usages: data, next_cursor };
  },
});

const entryOf = (row: EntryRow): QuarantineEntry => ({
  organization_id: row.organization_id,
  source: row.source,
  id: row.id,
  code: row.code,
  detail: row.detail,
  event_time: row.event_time,
  quarantined_at: row.quarantined_at,
  state: row.state,
  usage: row.usage,
});

const listOf = ({ organizationId, code, state }: QuarantineFilter): unknown => [
  'quarantine',
  organizationId ?? null,
  code ?? null,
  state ?? null,
];

const cursorAfter = (last: EntryRow, filter: QuarantineFilter): string =>
  formatCursor(listOf(filter), [last.quarantined_at, last.organization_id, last.source, last.id]);

const entries = (
  reader: ModelReader,
  query: QuarantineFilter & PageRequest,
  now: Instant,
  after: Reading['after'],
): Promise<Rows<EntryRow>> => {
  const seen = parseCursor(query.cursor, listOf(query), ['instant', 'string', 'string', 'string']);
  return reader.askAll<EntryRow>(quarantine.name, after, now, (suffix) => {
    const bindings = new Bindings();
    const conditions = [
      bindings.given(query.organizationId, (organization) => `organization_id = ${organization}`),
      bindings.given(query.code, (code) => `code = ${code}`),
      bindings.given(query.state, (state) => `state = ${state}`),
    ];
    if (seen.length > 0) {
      const [at, ...rest] = seen.map((part) => bindings.add(part));
      conditions.push(
        `(quarantined_at, organization_id, source, id) > (${String(at)}::timestamptz, ${rest.join(', ')})`,
      );
    }
    const order = 'quarantined_at, organization_id, source, id';
    return {
      sql: `SELECT * FROM quarantine${suffix} WHERE ${conditions.join(' AND ')}
            ORDER BY ${order} LIMIT ${bindings.add(limitOf(query) + 1)}::integer`,
      parameters: bindings.values,
      order,
    };
  });
};
