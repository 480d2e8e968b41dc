import type { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import type { Cluster } from '@drawdown/adapters/cluster/testing/cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { allowance } from '@drawdown/adapters/testing/allowance';
import type { Seeded } from '../seeded';
import { until } from '../until';
import { say } from './say';

/** After which the group takes a worker for dead. */
const SESSION_MS = 6_000;
/** Longer than that, whoever owns the shards meanwhile. */
const FROZEN_LEAST_MS = 1.5 * SESSION_MS;
/** For the shards to change hands, on a machine that others use. */
const MOVED_MAX_MS = 60_000;
/** From the catalogue of faults: from the start of the servers, or the last kill, until all is well. */
const BACK_MS = 30_000;
/** A process that has run for so long has most likely done something. */
const GROWN_MS = 2_000;

/** Something that goes wrong, and what it is called where it is told. */
export interface Fault {
  readonly what: string;
  readonly strike: () => Promise<void>;
}

/** What is started again by itself when it is killed. */
export const victimsIn = ({ apps, eventStore }: Cluster): readonly AppProcess[] => [
  ...apps,
  ...(eventStore === null ? [] : [eventStore]),
];

/** SIGKILL of each process in turn, so often in all, in an order that the seed says; each is started again at once. */
export const kills = (cluster: Cluster, seeded: Seeded, count: number): Fault[] => {
  const victims = victimsIn(cluster);
  const all = Array.from({ length: count }, (_, i) => victims[i % victims.length]).flatMap((victim) => victim ?? []);
  return shuffled(all, seeded).map((victim) => ({ what: `kill -9 ${victim.name}`, strike: () => victim.kill() }));
};

/** Tells how often each process was struck by a kill; answers how often that was in all. */
export const tellStruck = (cluster: Cluster): number => {
  const victims = victimsIn(cluster);
  const all = victims.flatMap(({ struck }) => struck);
  const grown = all.filter((ranMs) => ranMs >= GROWN_MS).length;
  const each = victims.map(({ name, struck }) => `${name} ${String(struck.length)}`).join(', ');
  say(`${String(all.length)} kills struck a process, ${String(grown)} of them one that was 2 s old or more: ${each}`);
  return all.length;
};

const restartKafka = async ({ kafka }: Cluster): Promise<void> => {
  await kafka?.kill();
  await kafka?.restart();
};

const restartPostgres = async ({ postgres }: Cluster): Promise<void> => {
  await postgres?.kill();
  await postgres?.again();
};

/** The servers that are others' programs, killed and started again. */
export const restarts = (cluster: Cluster): Fault[] => [
  { what: 'kill -9 Kafka, and start', strike: () => restartKafka(cluster) },
  { what: 'kill -9 PostgreSQL, and start', strike: () => restartPostgres(cluster) },
];

/** All processes and all servers at once, as when a machine loses its power, each started again; waits until all are back. */
export const powerCut = (cluster: Cluster): Fault => ({
  what: 'kill -9 everything, and start',
  strike: async () => {
    const processes = victimsIn(cluster).map((victim) => victim.kill());
    await Promise.all([...processes, restartKafka(cluster), restartPostgres(cluster)]);
    const started = performance.now();
    await cluster.ready();
    const backMs = performance.now() - started;
    say(`everything is back ${(backMs / 1000).toFixed(1)} s after the servers were`);
    expect(backMs).toBeLessThan(BACK_MS * allowance());
  },
});

/** A worker that stands still until another owns its shards, and does not know when it goes on: it comes to own some again. */
export const freezing = (cluster: Cluster, shards: number): Fault => ({
  what: 'SIGSTOP worker-1 until worker-2 owns all shards',
  strike: async () => {
    const [frozen, other] = [cluster.app('worker-1'), cluster.app('worker-2')];
    const owned = (worker: AppProcess): Promise<number> => worker.metric('drawdown_shards_owned');
    await until('worker-1 owns shards', MOVED_MAX_MS, async () => (await owned(frozen)) > 0);
    frozen.freeze();
    const from = performance.now();
    const frozenMs = (): number => performance.now() - from;
    try {
      await until('worker-2 owns all', MOVED_MAX_MS, async () => (await owned(other)) === shards);
      say(`worker-2 owns all ${String(shards)} shards ${(frozenMs() / 1000).toFixed(1)} s after worker-1 stopped`);
      await sleep(Math.max(0, FROZEN_LEAST_MS - frozenMs()));
      expect(await owned(other)).toBe(shards);
      expect(frozenMs()).toBeGreaterThan(SESSION_MS);
    } finally {
      frozen.thaw();
    }
    // What the woken one says of itself is old until it has heard of its group: that the other gave some up is not.
    const half = Math.floor(shards / 2);
    const backMs = await until('worker-1 owns its share again', MOVED_MAX_MS, async () => {
      const [its, others] = await Promise.all([owned(frozen), owned(other)]);
      return its >= half && others >= half && its + others === shards;
    });
    const fenced = await Promise.all([frozen, other].map((worker) => worker.metric('drawdown_shard_fenced_total')));
    say(`worker-1 has its share again ${(backMs / 1000).toFixed(1)} s after SIGCONT; fenced: ${fenced.join(' and ')}`);
  },
});

export const shuffled = <T>(items: readonly T[], seeded: Seeded): T[] => {
  const rest = [...items];
  return items.flatMap(() => rest.splice(seeded.below(rest.length), 1));
};
