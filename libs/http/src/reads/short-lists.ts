import type { JsonObject } from '@drawdown/kernel';
import { LIMIT_DEFAULT } from '../fields/query-fields';
import { invalidCursor } from '../problems/problem';

/** A cursor of these lists: the list's name and, opaque to callers, where its page ended. */
const CURSOR = /^([a-z]+)\.([\w-]{1,400})$/;

/** Where the page before ended; null without a cursor. Throws the problem of one that is of another list. */
export const endBefore = (list: string, cursor: string | undefined): string | null => {
  if (cursor === undefined) return null;
  const [, name, end] = CURSOR.exec(cursor) ?? [];
  if (name !== list || end === undefined) throw invalidCursor();
  return Buffer.from(end, 'base64url').toString('utf8');
};

/** Rows before a page of a list to whose end rows are added and from which none is taken. */
export const placeBefore = (list: string, cursor: string | undefined): number => {
  const end = endBefore(list, cursor) ?? '0';
  if (!/^(0|[1-9][0-9]{0,5})$/.test(end)) throw invalidCursor();
  return Number(end);
};

/** Cuts a page off the rows that come after the page before; `endOf` says where it ends, by its last row and their number. */
export const shortPage = <T>(
  list: string,
  rest: readonly T[],
  limit: string | undefined,
  show: (row: T) => JsonObject,
  endOf: (last: T, rows: number) => string,
): JsonObject => {
  const rows = rest.slice(0, Number(limit ?? LIMIT_DEFAULT));
  const last = rows.at(-1);
  const isMore = last !== undefined && rest.length > rows.length;
  const end = isMore ? Buffer.from(endOf(last, rows.length), 'utf8').toString('base64url') : null;
  return { data: rows.map(show), next_cursor: end === null ? null : `${list}.${end}` };
};
