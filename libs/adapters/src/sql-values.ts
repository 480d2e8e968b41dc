/** How values travel between TypeScript and PostgreSQL's text format: one form for every adapter, so that all answer alike. */
import { parseInstant } from '@drawdown/kernel';
import type { SqlValue } from '@drawdown/ports';

/** Statements that a server should parse only once; others are rare, and may change what parsed ones return. */
export const WORTH_A_NAME = /^\s*(?:select|insert|update|delete|with)\b/i;

/**
 * Settings of every session. After five executions PostgreSQL would keep the plan of a parsed statement, also when its
 * table has grown a thousandfold since, as read models do when they are filled (measured: 118 times as slow). Read committed is
 * what `ReadDatabase` promises; under more, upserts of one row that come from two shards fail and are done again. The others
 * are how values are written in the texts that are read here, whatever the server or database is set to; in another zone
 * years 1 and 9999 would be outside of what an instant can be, and some days would not have 24 hours.
 */
export const SESSION_SETTINGS: readonly string[] = [
  'plan_cache_mode=force_custom_plan',
  'default_transaction_isolation=read committed',
  'TimeZone=UTC',
  'DateStyle=ISO',
  'bytea_output=hex',
];

/** A parameter as PostgreSQL reads it; the server works out its type from the statement. */
export const sqlText = (value: SqlValue): string | null => {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value instanceof Date ? value.toISOString() : arrayText(value);
};

type Item = string | number | boolean | null;

/**
 * An array whose JSON has nothing escaped is one of PostgreSQL's but for its brackets: nearly all are. Written by the
 * engine in one piece, it costs a fraction of what putting it together from its items does.
 */
const arrayText = (items: readonly Item[]): string => {
  const json = JSON.stringify(items);
  if (json.includes('\\') || items.some(isNoJson)) return `{${items.map(itemText).join(',')}}`;
  return `{${json.slice(1, -1)}}`;
};

/** `NaN` and infinities, of which JSON makes nulls. */
const isNoJson = (item: Item): boolean => typeof item === 'number' && !Number.isFinite(item);

const itemText = (item: Item): string =>
  typeof item === 'string' ? `"${item.replace(/["\\]/g, '\\$&')}"` : item === null ? 'null' : String(item);

export type ReadText = (text: string) => unknown;

const asIs: ReadText = (text) => text;
const asNumber: ReadText = (text) => Number(text);

/** `2026-03-01 10:00:00.5+00` as the kernel writes instants; what is none (`infinity`, years past 9999) stays as it is. */
const asInstant: ReadText = (text) => {
  const spelled = text.replace(' ', 'T');
  return parseInstant(/[+-]\d\d$/.test(spelled) ? `${spelled}:00` : spelled) ?? text;
};

/** By type oid (pg_type.dat). What is not listed arrives as text: bigint, numeric, date, uuid, text … */
const READERS: ReadonlyMap<number, ReadText> = new Map<number, ReadText>([
  [16, (text) => text === 't'], // boolean
  [17, (text) => Uint8Array.from(Buffer.from(text.slice(2), 'hex'))], // bytea
  [21, asNumber], // smallint
  [23, asNumber], // integer
  [26, asNumber], // oid
  [700, asNumber], // real
  [701, asNumber], // double precision
  [114, (text) => JSON.parse(text) as unknown], // json
  [3802, (text) => JSON.parse(text) as unknown], // jsonb
  [1184, asInstant], // timestamptz
]);

/** Array types and the type of their elements. */
const ELEMENTS: ReadonlyMap<number, number> = new Map([
  ...[[1000, 16], [1001, 17], [1005, 21], [1007, 23], [1016, 20], [1021, 700], [1022, 701], [1231, 1700]], // prettier-ignore
  ...[
    [1009, 25],
    [1015, 1043],
    [1182, 1082],
    [1115, 1114],
    [1185, 1184],
    [199, 114],
    [3807, 3802],
    [2951, 2950],
  ],
] as [number, number][]);

/** How a column of this type is read from PostgreSQL's text format. */
export const readerOf = (oid: number): ReadText => {
  const element = ELEMENTS.get(oid);
  if (element === undefined) return READERS.get(oid) ?? asIs;
  const read = READERS.get(element) ?? asIs;
  return (text) => readArray(text, read);
};

/** Without quotes it is one in any case of letters, as the server reads it. */
const NULL = /^null$/i;

/** One item of an array literal: an opening or closing brace, a quoted item, or a bare one. */
const TOKEN = /[{}]|"((?:[^"\\]|\\.)*)"|([^,{}"]+)/gsy;

const readArray = (text: string, read: ReadText): unknown => {
  // `[2:4]={…}` is how an array that does not begin at 1 is written.
  TOKEN.lastIndex = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  const open: unknown[][] = [[]];
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const [all, quoted, bare] = token;
    const innermost = open.at(-1) ?? [];
    if (all === '{') open.push([]);
    else if (all === '}') {
      open.pop();
      open.at(-1)?.push(innermost);
    } else if (quoted !== undefined) innermost.push(read(quoted.replace(/\\(.)/gs, '$1')));
    else innermost.push(NULL.test(bare ?? '') ? null : read(bare ?? ''));
    if (text[TOKEN.lastIndex] === ',') TOKEN.lastIndex += 1;
  }
  return open[0]?.[0] ?? [];
};
