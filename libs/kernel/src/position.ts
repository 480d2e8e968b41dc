/**
 * How far a caller has seen: the last revision per shard, and the catalogue's global position. Opaque to callers;
 * written `0.1234`, `0.1234~3.17`, `c.9~0.12`.
 */
export type Position = ReadonlyMap<string, number>;

/** The component of a position that stands for the catalogue (rate cards, keys, clocks, presets). */
export const CATALOGUE = 'c';

const PART = /^(c|0|[1-9]\d{0,4})\.(0|[1-9]\d{0,15})$/;

export const positionOf = (part: string | number, revision: number): Position => new Map([[String(part), revision]]);

export const formatPosition = (position: Position): string =>
  [...position]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([part, revision]) => `${part}.${String(revision)}`)
    .join('~');

/** Reads what {@link formatPosition} wrote; `undefined` for anything else. */
export const parsePosition = (text: string): Position | undefined => {
  const position = new Map<string, number>();
  for (const item of text.split('~')) {
    const match = PART.exec(item);
    if (match?.[1] === undefined || match[2] === undefined || position.has(match[1])) return undefined;
    const revision = Number(match[2]);
    if (!Number.isSafeInteger(revision)) return undefined;
    position.set(match[1], revision);
  }
  return position;
};

/** The least position that covers both. */
export const coverBoth = (a: Position, b: Position): Position => {
  const both = new Map(a);
  for (const [part, revision] of b) both.set(part, Math.max(revision, both.get(part) ?? -1));
  return both;
};
