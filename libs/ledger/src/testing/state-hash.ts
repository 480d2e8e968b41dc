import type { Json } from '@drawdown/kernel';
import { createHash } from 'node:crypto';
import { types } from 'node:util';
import type { ShardState } from '../fold';
import type { IdentityIndex } from '../identity-index';

/** One JSON for one value: maps and objects by key, bigints and bytes as text. What was restored may be of another realm. */
export const canonical = (value: unknown): Json => {
  if (typeof value === 'bigint') return `${value.toString()}n`;
  if (value === undefined || value === null || typeof value !== 'object') return (value ?? null) as Json;
  if (types.isUint8Array(value)) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(canonical);
  const entries: [unknown, unknown][] = types.isMap(value) ? [...value] : Object.entries(value);
  const byKey = entries.map(([key, item]): [string, Json] => [String(key), canonical(item)]);
  return byKey.sort(([a], [b]) => (a < b ? -1 : 1));
};

/** Every entry, whatever order the tables have them in. */
const entriesOf = (identities: IdentityIndex): Json =>
  identities.dump().map(({ from, size, tables }) => {
    const entries: string[] = [];
    for (const words of tables) {
      for (let at = 0; at < words.length; at += 4) {
        if (words[at + 2] !== 0) entries.push(words.subarray(at, at + 4).join());
      }
    }
    return [from, size, ...entries.sort()];
  });

/**
 * SHA-256 over everything a shard's owner knows. What is due when is left out: it follows from the organizations, and
 * the owner may think that something is due which charges have used up since.
 */
export const stateHash = (state: ShardState): string => {
  const { commands, identities, lastPriced, offsets, revision, hash, bookedAt } = state;
  const organizations = [...state.residents.values()].map(
    ({ organization }) => [organization.id, organization] as const,
  );
  const all = [
    canonical(new Map(organizations)),
    // In the order in which they will be forgotten.
    canonical([...commands]),
    entriesOf(identities),
    canonical([lastPriced, offsets, revision, hash, bookedAt]),
  ];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
};
