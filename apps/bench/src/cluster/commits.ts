import { setTimeout as pause } from 'node:timers/promises';
import { ledgerStream } from '@drawdown/domain';
import type { JsonObject } from '@drawdown/kernel';
import { USAGE_TOPIC } from '@drawdown/ledger';
import type { ReadDatabase, Row } from '@drawdown/ports';
import type { ClusterWorld } from './cluster-world';

/** Read models that show amounts: balance, breakdown and burn rate. */
export const AMOUNTS = ['balances', 'breakdown', 'burn_rate'];
export const EVERYTHING = [...AMOUNTS, 'transactions'];

const ASK_EVERY_MS = 50;
/** Not often: it runs on the processors that are measured. */
const STORED_EVERY_MS = 250;
/** The log itself is asked so much less often than the workers' counters: it answers with an event of each shard, some 400 KB. */
const LOG_EVERY = 20;
const COMMIT_MAX_MS = 240_000;

/** The value of a metric of the workers, summed over them and over labels; NaN where one does not answer at the moment. */
export const workersMetric = async (world: ClusterWorld, name: string): Promise<number> => {
  try {
    return await sumOf(world, name);
  } catch {
    return NaN; // it is asked again, for a limited time
  }
};

const sumOf = async ({ cluster, workers }: ClusterWorld, name: string): Promise<number> => {
  let total = 0;
  for (let worker = 1; worker <= workers; worker++) {
    const response = await fetch(`${cluster.app(`worker-${String(worker)}`).url}/metrics`);
    for (const line of (await response.text()).split('\n')) {
      if (line.startsWith(`drawdown_${name} `) || line.startsWith(`drawdown_${name}{`))
        total += Number(line.slice(line.lastIndexOf(' ')));
    }
  }
  return total;
};

/** Asks again and again; a server that does not answer for a moment, busy as it is, has not said no for good. */
export const untilTrue = async (
  what: string,
  condition: () => Promise<boolean>,
  everyMs = ASK_EVERY_MS,
): Promise<void> => {
  let cause: unknown;
  for (const end = performance.now() + COMMIT_MAX_MS; performance.now() < end; await pause(everyMs)) {
    try {
      if (await condition()) return;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
  }
  throw new Error(`${what}: not within ${String(COMMIT_MAX_MS / 1000)} s`, { cause });
};

/** Up to which offset an event's append has taken in its shard's partition of the usage topic, whose name has its identity. */
export const usageOffsetIn = (metadata: JsonObject | undefined, shard: number): number | undefined => {
  const { offsets = {} } = (metadata ?? {}) as { readonly offsets?: Record<string, Record<string, number>> };
  const source = Object.keys(offsets).find((name) => name.split('@')[0] === USAGE_TOPIC);
  return source === undefined ? undefined : offsets[source]?.[String(shard)];
};

/** How many usage events the log has taken in after these offsets of the topic, by the offsets that it records itself. */
const takenSince = async ({ store, shards }: ClusterWorld, from: readonly number[]): Promise<number> => {
  let taken = 0;
  for (let shard = 0; shard < shards; shard++) {
    const [last] = await store.read(ledgerStream(shard), await store.head(ledgerStream(shard)), 1);
    const offset = usageOffsetIn(last?.metadata, shard);
    if (offset !== undefined) taken += Math.max(0, offset + 1 - (from[shard] ?? 0));
  }
  return taken;
};

/**
 * Waits until so many usage events after these offsets are stored, by what the workers have counted since they were
 * started for them; answers how many exactly it was.
 */
export const untilStored = async (world: ClusterWorld, from: readonly number[], count: number): Promise<number> => {
  let asked = 0;
  await untilTrue(
    `${String(count)} stored`,
    async () =>
      (await workersMetric(world, 'charges_total')) >= count ||
      (++asked % LOG_EVERY === 0 && (await takenSince(world, from)) >= count),
    STORED_EVERY_MS,
  );
  return takenSince(world, from);
};

const checkpoints = (
  database: ReadDatabase,
): Promise<readonly (Row & { model: string; shard: number; revision: string })[]> =>
  database.query('SELECT model, shard, revision FROM projection_checkpoints');

/** The last revision of each shard. */
export const headsOf = ({ store, shards }: ClusterWorld): Promise<number[]> =>
  Promise.all(Array.from({ length: shards }, (_, shard) => store.head(ledgerStream(shard))));

/** How many events the read models named are behind these revisions of the log, the slowest in each shard, summed. */
const behind = async (heads: readonly number[], models: readonly string[], database: ReadDatabase): Promise<number> => {
  const rows = await checkpoints(database);
  let lag = 0;
  for (const [shard, head] of heads.entries()) {
    const revisions = models.map((name) => {
      const own = rows.filter(({ model, shard: of }) => of === shard && model.startsWith(`${name}_v`));
      return Math.max(-1, ...own.map(({ revision }) => Number(revision)));
    });
    lag += Math.max(0, head - Math.min(...revisions));
  }
  return lag;
};

/** The same, behind the log's present end. */
export const lagOf = async (
  world: ClusterWorld,
  models: readonly string[],
  database = world.database,
): Promise<number> => behind(await headsOf(world), models, database);

/**
 * Waits until the checkpoints of the read models named, in the database, have reached the log's ends. Those are asked for
 * again only when the checkpoints are there: each costs the store and us an event of some 400 KB.
 */
export const untilCommitted = async (
  world: ClusterWorld,
  models: readonly string[],
  database = world.database,
): Promise<void> => {
  do {
    const heads = await headsOf(world);
    await untilTrue(`${models.join(', ')} level`, async () => (await behind(heads, models, database)) === 0);
  } while ((await lagOf(world, models, database)) > 0);
};
