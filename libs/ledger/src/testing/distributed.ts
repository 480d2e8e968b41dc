import { preset, START } from '@drawdown/domain/testing';
import type { OrganizationCommand } from '@drawdown/domain';
import { type EventStore, inProcessStream, type Log, NO_LOG, type Stream, type StreamRecord } from '@drawdown/ports';
import { inMemoryEventStore, inMemorySnapshots, type ManualClock, manualClock } from '@drawdown/ports/testing';
import { viewAsOf } from '../as-of';
import type { CommandResult } from '../ledger';
import { LocalCatalogue } from '../catalogue/local-catalogue';
import { RemoteLedger, type RemoteReads } from '../remote/remote-ledger';
import { shardOf } from '../shard-of';
import { realSleep, type Sleep } from '../sleep';
import { owningShards, Worker } from '../worker/worker';
import { CountedMetrics } from './recording';
import { createCard, grant, mustBeAccepted, SENDER } from './world';

export interface WorkerProcess {
  readonly worker: Worker;
  readonly catalogue: LocalCatalogue;
  readonly metrics: CountedMetrics;
  stop(): Promise<void>;
}

export interface ApiProcess {
  readonly ledger: RemoteLedger;
  readonly catalogue: LocalCatalogue;
  readonly metrics: CountedMetrics;
  run(command: OrganizationCommand, of: string, key?: string): Promise<CommandResult>;
  /** Gone without a word: nobody follows its replies any more. */
  die(): Promise<void>;
}

export interface DistributedWorld {
  readonly store: EventStore;
  readonly stream: Stream;
  readonly clock: ManualClock;
  readonly shards: number;
  readonly shardOf: (organizationId: string) => number;
  /** Another worker process; `joined` unless the test gives it its partitions and batches itself. */
  worker(options?: {
    readonly joined?: boolean;
    readonly store?: EventStore;
    readonly sleep?: Sleep;
    readonly newTopics?: ReadonlySet<string>;
    readonly log?: Log;
    readonly measureMs?: number;
  }): Promise<WorkerProcess>;
  /** Another api process, which reads organizations by folding the log. */
  api(options?: {
    readonly stream?: Stream;
    readonly sleep?: Sleep;
    readonly activeOrganizations?: RemoteReads['activeOrganizations'];
  }): Promise<ApiProcess>;
  /** Everything that a partition of a topic holds. */
  recordsOf(topic: string): Promise<readonly StreamRecord[]>;
  close(): Promise<void>;
}

/** One organization of each of four shards, in their order. */
export const ORGANIZATIONS: readonly string[] = ['org-4', 'acme', 'org-11', 'org-1'];

/** Organizations with a card that prices every unit at one credit, and credits to spend. */
export const furnish = async ({ catalogue, run }: ApiProcess, credits = '100', ids = ORGANIZATIONS): Promise<void> => {
  await createCard({ catalogue });
  for (const id of ids) {
    const make = { type: 'CreateOrganization', name: id, preset: preset(), plan: null, testClock: null } as const;
    for (const command of [make, { type: 'AssignRateCard', rateCard: 'card' } as const, grant(credits)]) {
      await mustBeAccepted(run(command, id));
    }
  }
};

type Given = Partial<Pick<DistributedWorld, 'store' | 'stream' | 'shards'>>;

/** The write path of the distributed form, all its processes in this one: on the in-process stream and a store in memory. */
export const openDistributed = (given: Given = {}): DistributedWorld => {
  const { store = inMemoryEventStore(), stream = inProcessStream(), shards = 4 } = given;
  const [snapshots, clock] = [inMemorySnapshots(), manualClock(START)];
  const stopping = new AbortController();
  const closers: (() => Promise<void>)[] = [];

  const catalogueOf = async (own: EventStore, api: () => RemoteLedger | null): Promise<LocalCatalogue> => {
    const lastPriced = (card: string, version: number) => api()?.lastPriced(card, version) ?? Promise.resolve(null);
    const catalogue = new LocalCatalogue(own, clock, lastPriced);
    await catalogue.start();
    const following = catalogue.follow(stopping.signal);
    closers.push(() => following);
    return catalogue;
  };

  const world: DistributedWorld = {
    ...{ store, stream, clock, shards },
    shardOf: (organizationId) => shardOf(organizationId, shards),
    worker: async ({
      joined = true,
      store: own = store,
      sleep = realSleep,
      newTopics,
      log = NO_LOG,
      measureMs,
    } = {}) => {
      const metrics = new CountedMetrics();
      const catalogue = await catalogueOf(own, () => null);
      const shared = { store: own, catalogue, clock, metrics, log };
      const owner = owningShards({ ...shared, snapshots, sleep });
      const worker = new Worker({
        ...shared,
        stream,
        owner,
        shards,
        ...(newTopics === undefined ? {} : { newTopics }),
        ...(measureMs === undefined ? {} : { measureMs }),
      });
      if (joined) await worker.start();
      closers.push(() => worker.stop());
      return { worker, catalogue, metrics, stop: () => worker.stop() };
    },
    api: async ({ stream: own = stream, sleep = realSleep, activeOrganizations: given } = {}) => {
      let ledger: RemoteLedger | null = null;
      const metrics = new CountedMetrics();
      const catalogue = await catalogueOf(store, () => ledger);
      const read: RemoteLedger['read'] = (id, _, view) =>
        // Without a tick: virtual time would go on meanwhile.
        viewAsOf(store, world.shardOf(id), id, { instant: clock.now() }, view, {
          letOthersGoOn: () => Promise.resolve(),
        });
      const isActive = async (id: string): Promise<boolean> =>
        (await read(id, null, ({ status }) => status === 'active'))?.value ?? false;
      const allActive = async (ids: readonly string[]): Promise<ReadonlySet<string>> => {
        const active = await Promise.all(ids.map(isActive));
        return new Set(ids.filter((_, i) => active[i]));
      };
      const activeOrganizations = given ?? allActive;
      const asking = new RemoteLedger({
        ...{ stream: own, store, catalogue, clock, log: NO_LOG, metrics, shards, sleep, read, activeOrganizations },
      });
      ledger = asking;
      await asking.start();
      closers.push(() => asking.stop());
      return {
        ledger: asking,
        ...{ catalogue, metrics },
        run: (command, of, key) => asking.run(of, command, SENDER, key === undefined ? null : { key, hash: 'hash' }),
        die: () => asking.stop(),
      };
    },
    recordsOf: async (topic) => {
      const found: StreamRecord[] = [];
      for (const [partition, { oldest, end }] of (await stream.boundsOf(topic)).entries()) {
        if (oldest === end) continue;
        for await (const { records } of stream.follow(topic, partition, oldest, stopping.signal)) {
          found.push(...records);
          if ((records.at(-1)?.offset ?? 0) >= end - 1) break;
        }
      }
      return found;
    },
    close: async () => {
      stopping.abort();
      await Promise.all(closers.map((closer) => closer()));
      await stream.close();
    },
  };
  return world;
};

/** Waits for a condition; fails after 10 s. */
export const eventually = async (isTrue: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + 10_000; !(await isTrue());) {
    if (performance.now() > end) throw new Error('did not become true within 10 s');
    await realSleep(5);
  }
};
