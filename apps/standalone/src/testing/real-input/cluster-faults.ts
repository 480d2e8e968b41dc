import type { Cluster } from '@drawdown/adapters/cluster/testing/cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Seeded } from '../seeded';

/** Longer than the 6 s after which the group takes a worker for dead. */
const FROZEN_MS = 9_000;

/** Something that goes wrong, and what it is called where it is told. */
export interface Fault {
  readonly what: string;
  readonly strike: () => Promise<void>;
}

/** SIGKILL of each process in turn, so often in all, in an order that the seed says; each is started again at once. */
export const kills = (cluster: Cluster, seeded: Seeded, count: number): Fault[] => {
  const { apps, eventStore } = cluster;
  const victims = [...apps, ...(eventStore === null ? [] : [eventStore])];
  const all = Array.from({ length: count }, (_, i) => victims[i % victims.length]).flatMap((victim) => victim ?? []);
  return shuffled(all, seeded).map((victim) => ({ what: `kill -9 ${victim.name}`, strike: () => victim.kill() }));
};

/** The servers that are others' programs, killed and started again. */
export const restarts = ({ kafka, postgres }: Cluster): Fault[] => [
  {
    what: 'kill -9 Kafka, and start',
    strike: async () => {
      await kafka?.kill();
      await kafka?.restart();
    },
  },
  {
    what: 'kill -9 PostgreSQL, and start',
    strike: async () => {
      await postgres?.kill();
      await postgres?.again();
    },
  },
];

/** A worker that stands still for so long that others take its shards, and does not know when it goes on. */
export const freezing = (cluster: Cluster): Fault => ({
  what: `SIGSTOP worker-1 for ${String(FROZEN_MS / 1000)} s`,
  strike: async () => {
    cluster.app('worker-1').freeze();
    await sleep(FROZEN_MS);
    cluster.app('worker-1').thaw();
  },
});

export const shuffled = <T>(items: readonly T[], seeded: Seeded): T[] => {
  const rest = [...items];
  return items.flatMap(() => rest.splice(seeded.below(rest.length), 1));
};
