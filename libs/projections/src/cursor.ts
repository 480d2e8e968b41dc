import { createHash } from 'node:crypto';
import { parseInstant } from '@drawdown/kernel';
import { InvalidCursor } from './read-models';

/**
 * Cursors: where a page ended, opaque to callers. They name the list and what it was filtered by, so that one is of no
 * use to another list; what a page had resolved (a period's beginning) comes along, so that all pages mean the same.
 */
export type CursorPart = string | number | null;

/** What a part must be, so that a forged one is refused here and not by the database: a `place` fits its integers, `instant?` may be null. */
export type PartType = keyof typeof FITS;

const isText = (part: unknown): boolean => typeof part === 'string' && !part.includes('\0');
const isInstant = (part: unknown): boolean => typeof part === 'string' && parseInstant(part) === part;

const FITS = {
  string: isText,
  number: Number.isSafeInteger,
  place: (part: unknown) => Number.isInteger(part) && Math.abs(Number(part)) <= 2_147_483_647,
  instant: isInstant,
  'instant?': (part: unknown) => part === null || isInstant(part),
} as const;

/** What tells one list from another: its name and filters, in any form. */
const listHash = (list: unknown): string =>
  createHash('sha256').update(JSON.stringify(list)).digest('base64url').slice(0, 12);

export const formatCursor = (list: unknown, parts: readonly CursorPart[]): string =>
  Buffer.from(JSON.stringify([listHash(list), ...parts]), 'utf8').toString('base64url');

/** The parts, of the given types; none without a cursor. Throws {@link InvalidCursor}. */
export const parseCursor = (
  cursor: string | null | undefined,
  list: unknown,
  types: readonly PartType[],
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
  const fits = types.every((type, index) => FITS[type](parts[index]));
  if (!fits) throw new InvalidCursor('the cursor is none that a page answered');
  return parts as readonly CursorPart[];
};
