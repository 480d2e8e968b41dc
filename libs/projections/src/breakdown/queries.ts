import { DAY_MICROS, divide, formatDecimal, HOUR_MICROS, type Instant, shift, storedSum } from '@drawdown/kernel';
import type { Row } from '@drawdown/ports';
import { AFTER_TIMEOUT_MS, Bindings, type ModelReader, type Rows } from '../model-reader';
import {
  AnswerTooLarge,
  type Breakdown,
  type BreakdownKey,
  type Reading,
  ReadModelBehind,
  type ReadModels,
  type Spending,
  type TimeRange,
  type UsageFilter,
} from '../read-models';
import { usageConditions } from '../transactions/queries';
import { type Bounds, boundsOf, startOf } from '../time-range';

const MODEL = 'breakdown';
/** Has what hours do not tell apart: the edges of a range that begins or ends inside one. */
const EDGES = 'transactions';

/** Buckets of one answer: 90 days by the hour, and then some. */
export const BUCKETS_MAX = 5_000;

/** The column of a key; all tables name it alike. */
const COLUMN: Readonly<Record<BreakdownKey, string>> = {
  workspace: 'workspace_id',
  service_type: 'service_type',
  user: 'user_id',
  model: 'model',
  resource: 'resource_id',
  agent: 'resource_id',
  wallet: 'wallet',
};

export const breakdownQueries = (reader: ModelReader): Pick<ReadModels, 'breakdown' | 'spending'> => ({
  breakdown: async (reading, query) => {
    const agents = query.by === 'agent' ? [`resource_type = 'agent'`] : [];
    const column = COLUMN[query.by];
    const grouping = { hours: `d.${column}`, edges: `t.${column}`, also: agents };
    const { rows, asOf } = await sums<{ key: string | null }>(reader, reading, query, grouping);
    return { value: breakdownOf(rows), asOf };
  },
  spending: async (reading, query) => {
    const bounds = boundsOf(query, reading.now);
    const start = (time: string): string => `date_trunc('${query.bucket}', ${time}, 'UTC')`;
    const grouping = { hours: start('h.hour'), edges: start('t.event_time'), also: [] };
    const { rows, asOf } = await sums<{ key: Instant }>(reader, reading, query, grouping);
    return { value: spendingOf(rows, bounds, query.bucket, reading.now), asOf };
  },
});

interface Grouping {
  /** Expressions of the key, in the table of hours and of transactions. */
  readonly hours: string;
  readonly edges: string;
  readonly also: readonly string[];
}

interface SumRow extends Row {
  readonly credits: string;
  readonly transactions: string;
}

/**
 * Exact sums by key over any range. Whole hours come from the cube, the rest of a ragged range from the transactions,
 * of these only what the cube has seen, too, and not before they have got as far (INV-DEL-10).
 */
const sums = async <K>(
  reader: ModelReader,
  reading: Reading,
  query: UsageFilter & TimeRange,
  grouping: Grouping,
): Promise<Rows<SumRow & K>> => {
  const pieces = cut(boundsOf(query, reading.now));
  const until = performance.now() + AFTER_TIMEOUT_MS;
  for (;;) {
    const answer = await reader.ask<SumRow & K>(MODEL, reading, async (suffix) => {
      const bindings = new Bindings();
      const organization = bindings.add(reading.organizationId);
      const parts = [hoursSql(suffix, organization, pieces, query, grouping, bindings)];
      let also: string | undefined;
      if (pieces.edges.length > 0) {
        const edges = await reader.progress.serving(EDGES);
        also = `(SELECT revision FROM projection_checkpoints WHERE model = ${bindings.add(EDGES + edges)} AND shard = $2)`;
        parts.push(edgesSql(edges, organization, pieces, query, grouping, bindings));
      }
      return {
        sql: `SELECT key, sum(credits) AS credits, sum(transactions) AS transactions
              FROM (${parts.join(' UNION ALL ')}) AS parts GROUP BY key`,
        parameters: bindings.values,
        ...(also === undefined ? {} : { also }),
      };
    });
    if (pieces.edges.length === 0) return answer;
    const [[shard, seen] = ['0', -1]] = answer.asOf.position;
    if (Number(answer.also ?? -1) >= seen) return answer;
    const left = until - performance.now();
    if (left <= 0) throw new ReadModelBehind('the transactions are behind the breakdown');
    await reader.progress.reached(EDGES, Number(shard), seen, left);
  }
};

/** A range as whole hours `[first, last)` and ragged edges; null: no bound. */
interface Pieces {
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly edges: readonly { readonly from: Instant; readonly to: Instant }[];
}

const cut = ({ from, to }: Bounds): Pieces => {
  const first = from === null ? null : startOf(shift(from, HOUR_MICROS - 1n), 'hour');
  const last = to === null ? null : startOf(to, 'hour');
  if (from !== null && to !== null && first !== null && last !== null && first > last) {
    // Inside one hour.
    return { first: last, last, edges: from < to ? [{ from, to }] : [] };
  }
  const edges: { from: Instant; to: Instant }[] = [];
  if (from !== null && first !== null && from < first) edges.push({ from, to: first });
  if (to !== null && last !== null && last < to) edges.push({ from: last, to });
  return { first, last, edges };
};

const hoursSql = (
  suffix: string,
  organization: string,
  { first, last }: Pieces,
  filter: UsageFilter,
  { hours, also }: Grouping,
  bindings: Bindings,
): string => {
  const conditions = [
    `d.organization_id = ${organization}`,
    ...usageConditions(filter, bindings, 'd'),
    ...also.map((condition) => `d.${condition}`),
    bindings.given(first, (from) => `h.hour >= ${from}::timestamptz`),
    bindings.given(last, (to) => `h.hour < ${to}::timestamptz`),
  ];
  return `SELECT ${hours} AS key, h.credits, h.transactions
          FROM breakdown_dimensions${suffix} d JOIN breakdown_hours${suffix} h ON h.dimension = d.dimension
          WHERE ${conditions.join(' AND ')}`;
};

const edgesSql = (
  suffix: string,
  organization: string,
  { edges }: Pieces,
  filter: UsageFilter,
  { edges: key, also }: Grouping,
  bindings: Bindings,
): string => {
  const ranges = edges.map(({ from, to }) => {
    const [start, end] = [bindings.add(from), bindings.add(to)];
    return `(t.event_time >= ${start}::timestamptz AND t.event_time < ${end}::timestamptz)`;
  });
  const conditions = [
    `t.organization_id = ${organization}`,
    `t.kind = 'consumption'`,
    ...usageConditions(filter, bindings, 't'),
    ...also.map((condition) => `t.${condition}`),
    't.revision <= (SELECT revision FROM projection_checkpoints WHERE model = $1 AND shard = $2)',
    `(${ranges.join(' OR ')})`,
  ];
  return `SELECT ${key} AS key, t.debited AS credits, 1 AS transactions
          FROM transactions${suffix} t WHERE ${conditions.join(' AND ')}`;
};

interface KeyedSum {
  readonly key: string | null;
  readonly credits: string;
  readonly transactions: string | number;
}

/** The document of sums, each key once. */
export const breakdownOf = (rows: readonly KeyedSum[]): Breakdown => {
  const items = rows.map(({ key, credits, transactions }) => ({
    key,
    credits: storedSum(credits),
    transactions: Number(transactions),
  }));
  const total = items.reduce((sum, { credits }) => sum + credits, 0n);
  // Largest first; equal ones by key, what has none last.
  items.sort((a, b) => {
    if (a.credits !== b.credits) return a.credits > b.credits ? -1 : 1;
    if (a.key === null || b.key === null) return a.key === null ? 1 : -1;
    return a.key < b.key ? -1 : 1;
  });
  return {
    data: items.map(({ key, credits, transactions }) => ({
      key,
      credits: formatDecimal(credits),
      transactions,
      share_percent: sharePercent(credits, total),
    })),
    total: formatDecimal(total),
  };
};

/** `part` of `total` in percent with two decimals, cut. */
export const sharePercent = (part: bigint, total: bigint): string => {
  const hundredths = total === 0n ? 0n : divide(part * 10_000n, total, 'down');
  const text = hundredths.toString().padStart(3, '0');
  return `${text.slice(0, -2)}.${text.slice(-2)}`;
};

const spendingOf = (
  rows: readonly (SumRow & { readonly key: Instant })[],
  { from, to }: Bounds,
  bucket: 'day' | 'hour',
  now: Instant,
): Spending => {
  const sumsByStart = new Map(rows.map(({ key, credits }) => [key, storedSum(credits)]));
  const starts = [...sumsByStart.keys()].sort();
  const step = bucket === 'day' ? DAY_MICROS : HOUR_MICROS;
  const first = from === null ? (starts[0] ?? startOf(to ?? now, bucket)) : startOf(from, bucket);
  const newest = [startOf(now, bucket), starts.at(-1) ?? first].sort().at(-1) ?? first;
  const last = to === null ? newest : startOf(shift(to, -1n), bucket);
  const data: { start: Instant; credits: string }[] = [];
  let total = 0n;
  for (let start = first; start <= last; start = shift(start, step)) {
    const credits = sumsByStart.get(start) ?? 0n;
    if (data.length === BUCKETS_MAX) throw new AnswerTooLarge(`the range has more than ${String(BUCKETS_MAX)} buckets`);
    data.push({ start, credits: formatDecimal(credits) });
    total += credits;
  }
  return { data, total: formatDecimal(total) };
};
