import { hash } from 'node:crypto';

/** The shard of an organization: a pure function of its id and the store's shard count, for the life of the store (INV-LED-14). */
export const shardOf = (organizationId: string, shards: number): number =>
  shards === 1 ? 0 : Number.parseInt(hash('sha256', organizationId).slice(0, 8), 16) % shards;
