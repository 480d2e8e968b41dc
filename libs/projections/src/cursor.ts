import { createHash } from 'node:crypto';
import { InvalidCursor } from './read-models';

/**
 * Cursors: where a page ended, opaque to callers. They name the list and what it was filtered by, so that one is of no
 * use to another list; what a page had resolved (a period's beginning) comes along, so that all pages mean the same.
 */
export type CursorPart = string | number | null;

/** What tells one list from another: its name and filters, in any form. */
const listHash = (list: unknown): string =>
  createHash('sha256').update(JSON.stringify(list)).digest('base64url').slice(0, 12);

export const formatCursor = (list: unknown, parts: readonly CursorPart[]): string =>
  Buffer.from(JSON.stringify([listHash(list), ...parts]), 'utf8').toString('base64url');

/** The parts, of the given types (`string?` may be null); none without a cursor. Throws {@link InvalidCursor}. */
export const parseCursor = (
  cursor: string | null | undefined,
  list: unknown,
  types: readonly ('string' | 'number' | 'string?')[],
): readonly CursorPart[] => {
  if (cursor === null || cursor === undefined) return [];
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch (error) {
    throw new InvalidCursor('the cursor is none that a page answered', { cause: error });
  }
  if (
    !Array.isArray(read) ||
    read.length !== types.length + 1 ||
    Buffer.from(cursor, 'base64url').toString('base64url') !== cursor
  ) {
    throw new InvalidCursor('the cursor is none that a page answered');
  }
  const [hash, ...parts] = read as readonly unknown[];
  if (hash !== listHash(list)) throw new InvalidCursor('the cursor is of a list with other filters');
  const fits = types.every((type, index) => {
    const part = parts[index];
    if (type === 'number') return Number.isSafeInteger(part);
    return typeof part === 'string' || (type === 'string?' && part === null);
  });
  if (!fits) throw new InvalidCursor('the cursor is none that a page answered');
  return parts as readonly CursorPart[];
};
