import type { TransactionKind } from '@drawdown/domain/events';
import type { Instant, Json } from '@drawdown/kernel';
import type { Row } from '@drawdown/ports';
import { formatCursor, parseCursor } from '../cursor';
import { Bindings, limitOf, type ModelReader, pageOf, type Rows } from '../model-reader';
import type {
  Answer,
  Explanation,
  Reading,
  ReadModels,
  TransactionDocument,
  TransactionFilter,
  TransactionPlace,
  UsageFilter,
} from '../read-models';
import { type Bounds, boundsOf } from '../time-range';
import { explain, type EventSource } from './explanation';
import { readSlices, transactionIdOf, uuidOf } from './rows';
import { treeOf } from './tree';

/** The read model that has them. */
export const TRANSACTIONS_MODEL = 'transactions';
const MODEL = TRANSACTIONS_MODEL;

export interface TransactionRow extends Row {
  readonly revision: string;
  readonly idx: number;
  readonly id: string;
  readonly kind: TransactionKind;
  readonly wallet: string;
  readonly sequence: string;
  readonly debited: string;
  readonly credited: string;
  readonly balance_before: string;
  readonly balance_after: string;
  readonly debt: string;
  readonly uncovered: string;
  readonly service_type: string | null;
  readonly resource_type: string | null;
  readonly resource_id: string | null;
  readonly user_id: string | null;
  readonly workspace_id: string | null;
  readonly model: string | null;
  readonly task_id: string | null;
  readonly parent_transaction_id: string | null;
  readonly refunded_transaction_id: string | null;
  readonly usage_quantity: string | null;
  readonly usage_unit: string | null;
  readonly latency_ms: string | null;
  readonly policy_version: number;
  readonly event_time: Instant;
  readonly booked_at: Instant;
  readonly actor: string;
  readonly slices: string;
  readonly rate_card: string | null;
  readonly rate_card_version: number | null;
  readonly price: Json;
}

export const transactionDocument = (row: TransactionRow): TransactionDocument => ({
  id: transactionIdOf(row.id),
  kind: row.kind,
  wallet: row.wallet,
  credits_debited: row.debited,
  credits_credited: row.credited,
  service_type: row.service_type,
  resource_type: row.resource_type,
  resource_id: row.resource_id,
  user_id: row.user_id,
  workspace_id: row.workspace_id,
  usage_quantity: row.usage_quantity,
  usage_unit: row.usage_unit,
  rate_applied: row.price,
  balance_before: row.balance_before,
  balance_after: row.balance_after,
  parent_transaction_id: row.parent_transaction_id,
  refunded_transaction_id: row.refunded_transaction_id,
  task_id: row.task_id,
  event_time: row.event_time,
  booked_at: row.booked_at,
  actor: row.actor,
  rate_card: row.rate_card,
  rate_card_version: row.rate_card_version,
  policy_version: row.policy_version,
  model: row.model,
  latency_ms: row.latency_ms === null ? null : Number(row.latency_ms),
  slices: readSlices(row.slices),
  sequence: Number(row.sequence),
  debt: row.debt,
  uncovered: row.uncovered,
});

/** Transactions with their rates, as {@link TransactionRow}s; `source` is a table or a query in parentheses. */
export const select = (suffix: string, source = `transactions${suffix}`): string =>
  `SELECT t.*, r.rate_card, r.rate_card_version, r.price
   FROM ${source} t LEFT JOIN rates${suffix} r ON r.rate = t.rate`;

/** Conditions on what usage is attributed to; the columns have the same names in every table. */
export const usageConditions = (filter: UsageFilter, bindings: Bindings, table: string): string[] => {
  const is = (column: string, value: string | null | undefined): string =>
    bindings.given(value, (wanted) => `${table}.${column} = ${wanted}`);
  return [
    is('wallet', filter.wallet),
    is('service_type', filter.serviceType),
    is('workspace_id', filter.workspaceId),
    is('user_id', filter.userId),
    is('resource_id', filter.resourceId),
    is('model', filter.model),
  ];
};

type TransactionQueries = Pick<
  ReadModels,
  'transactions' | 'transaction' | 'transactionTree' | 'transactionPlace' | 'explanation'
>;

/** `events` reads the log, for what is explained from it. */
export const transactionQueries = (reader: ModelReader, events: EventSource): TransactionQueries => {
  /** The latest of an id: one whose identity was used again long after comes twice. */
  const one = async (reading: Reading, id: string): Promise<Answer<TransactionRow> | undefined> => {
    const uuid = uuidOf(id);
    if (uuid === undefined) return undefined;
    const { rows, asOf } = await reader.ask<TransactionRow>(MODEL, reading, (suffix) => ({
      sql: `${select(suffix)} WHERE t.organization_id = $3 AND t.id = $4::uuid`,
      parameters: [reading.organizationId, uuid],
      order: 'revision DESC, idx DESC',
    }));
    return rows[0] === undefined ? undefined : { value: rows[0], asOf };
  };
  const place = (organizationId: string, { revision, idx }: TransactionRow): TransactionPlace => ({
    shard: reader.shardOf(organizationId),
    revision: Number(revision),
    index: idx,
  });
  return {
    transactions: (reading, query) => list(reader, reading, query ?? {}),
    transaction: async (reading, id) => {
      const found = await one(reading, id);
      return found === undefined ? undefined : { ...found, value: transactionDocument(found.value) };
    },
    transactionPlace: async (reading, id) => {
      const found = await one(reading, id);
      return found === undefined ? undefined : { ...found, value: place(reading.organizationId, found.value) };
    },
    transactionTree: async (reading, id) => {
      const uuid = uuidOf(id);
      if (uuid === undefined) return undefined;
      const { rows, asOf } = await askTree(reader, reading, uuid);
      const value = treeOf(id, rows.map(transactionDocument), TREE_NODES_MAX);
      return value === undefined ? undefined : { value, asOf };
    },
    explanation: async (reading, id): Promise<Answer<Explanation> | undefined> => {
      const found = await one(reading, id);
      if (found === undefined) return undefined;
      const { value, asOf } = found;
      return { value: await explain(transactionDocument(value), place(reading.organizationId, value), events), asOf };
    },
  };
};

/** Nodes of one tree that are read at most; see {@link treeOf}. */
export const TREE_NODES_MAX = 10_000;

/**
 * The transaction and all that names it as an ancestor, circles included, which {@link treeOf} opens. One that is its own
 * ancestor comes once: UNION drops what is there already. OFFSET 0 has each step go through the index of parents; joined, the
 * planner would read all transactions at each level.
 */
const askTree = (reader: ModelReader, reading: Reading, uuid: string): Promise<Rows<TransactionRow>> =>
  reader.ask<TransactionRow>(MODEL, reading, (suffix) => ({
    sql: `WITH RECURSIVE tree (id) AS (
            SELECT id FROM transactions${suffix} WHERE organization_id = $3 AND id = $4::uuid
            UNION
            SELECT child.id FROM tree CROSS JOIN LATERAL (
              SELECT c.id FROM transactions${suffix} c
              WHERE c.organization_id = $3 AND c.parent_transaction_id = 'txn_' || tree.id OFFSET 0) AS child)
          ${select(
            suffix,
            `(SELECT id FROM tree LIMIT ${String(TREE_NODES_MAX + 1)}) AS node CROSS JOIN LATERAL (
              SELECT * FROM transactions${suffix} WHERE id = node.id OFFSET 0)`,
          )}`,
    parameters: [reading.organizationId, uuid],
    order: 'revision, idx',
  }));

/** What a filter says, without what the present time makes of a period: equal for all pages of one list. */
const listOf = (organizationId: string, order: string, query: TransactionFilter): unknown => {
  const { wallet, kind, serviceType, workspaceId, userId, resourceId, model, taskId, parentTransactionId } = query;
  const usage = [wallet, kind, serviceType, workspaceId, userId, resourceId, model, taskId, parentTransactionId];
  const range = [query.period, query.from, query.to];
  return ['transactions', organizationId, order, ...[...usage, ...range].map((part) => part ?? null)];
};

const list = async (
  reader: ModelReader,
  reading: Reading,
  query: NonNullable<Parameters<ReadModels['transactions']>[1]>,
): ReturnType<ReadModels['transactions']> => {
  const { order = 'desc' } = query;
  const limit = limitOf(query);
  const listed = listOf(reading.organizationId, order, query);
  const [revision, idx, from, to] = parseCursor(query.cursor, listed, ['number', 'place', 'instant?', 'instant?']);
  // A period ends and begins where the first page had it, or rows would fall out between two pages.
  const bounds = revision === undefined ? boundsOf(query, reading.now) : ({ from, to } as Bounds);
  const { rows, asOf } = await reader.ask<TransactionRow>(MODEL, reading, (suffix) => {
    const bindings = new Bindings();
    const next = order === 'desc' ? '<' : '>';
    const conditions = [
      `t.organization_id = ${bindings.add(reading.organizationId)}`,
      ...usageConditions(query, bindings, 't'),
      bindings.given(query.kind, (kind) => `t.kind = ${kind}`),
      bindings.given(query.taskId, (task) => `t.task_id = ${task}`),
      bindings.given(query.parentTransactionId, (parent) => `t.parent_transaction_id = ${parent}`),
      bindings.given(bounds.from, (start) => `t.event_time >= ${start}::timestamptz`),
      bindings.given(bounds.to, (end) => `t.event_time < ${end}::timestamptz`),
      revision === undefined
        ? 'true'
        : `(t.revision, t.idx) ${next} (${bindings.add(revision)}::bigint, ${bindings.add(idx ?? null)}::integer)`,
    ];
    return {
      sql: `${select(suffix)} WHERE ${conditions.join(' AND ')}
            ORDER BY t.revision ${order}, t.idx ${order} LIMIT ${bindings.add(limit + 1)}::integer`,
      parameters: bindings.values,
      order: `revision ${order}, idx ${order}`,
    };
  });
  const cursorOf = (last: TransactionRow): string =>
    formatCursor(listed, [Number(last.revision), last.idx, bounds.from, bounds.to]);
  return { value: pageOf(rows, limit, transactionDocument, cursorOf), asOf };
};
