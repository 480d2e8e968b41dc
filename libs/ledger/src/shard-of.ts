import { hash } from 'node:crypto';

/** The shard of an organization: a pure function of its id and the store's shard count, for the life of the store (INV-LED-14). */
export const shardOf = (organizationId: string, shards: number): number =>
  shards === 1 ? 0 : Number.parseInt(hash('sha256', organizationId).slice(0, 8), 16) % shards;

/** Organizations whose shards are remembered: finding one anew costs as much as reading a usage record does. */
const REMEMBERED = 20_000;

/** {@link shardOf} for who asks it of every usage event. The count never changes once `shards` gives it. */
export const rememberingShards = (shards: () => number): ((organizationId: string) => number) => {
  const known = new Map<string, number>();
  return (organizationId) => {
    let shard = known.get(organizationId);
    if (shard === undefined) {
      shard = shardOf(organizationId, shards());
      if (known.size >= REMEMBERED) known.clear();
      known.set(organizationId, shard);
    }
    return shard;
  };
};
