import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { DIST } from '@drawdown/adapters/cluster/testing/dist';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { openKafkaStream } from '@drawdown/adapters/kafka/kafka-stream';
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { type OrganizationCommand, type Preset, SHIPPED_PRESETS, SYSTEM } from '@drawdown/domain';
import { credits, ONE } from '@drawdown/kernel';
import { FollowedCatalogue, LocalLedger } from '@drawdown/ledger';
import { type EventStore, NO_LOG, NO_METRICS, type ReadDatabase, type Stream } from '@drawdown/ports';
import { ORGANIZATIONS, organizationName, RATES } from '../usage-sample';
import { NO_SNAPSHOTS } from './replay';

const SENDER = { actor: SYSTEM, requestId: 'bench' };

const enterprise = (): Preset => {
  const preset = SHIPPED_PRESETS.find(({ key }) => key === 'enterprise');
  if (preset === undefined) throw new Error('the preset is not shipped any more');
  return preset;
};

const grantOf = (priority: number): OrganizationCommand => ({
  ...{ type: 'GrantCredits', wallet: 'credits', creditType: 'purchased', amount: credits(1_000_000n * ONE) },
  ...{ priority, effectiveAt: null, expiresAt: null, scope: null, cap: null, costBasis: null, reason: 'bench' },
});

/** What makes each organization: three lots of a million credits. */
const COMMANDS: readonly OrganizationCommand[] = [
  { type: 'CreateOrganization', name: 'bench', preset: enterprise(), plan: null, testClock: null },
  { type: 'AssignRateCard', rateCard: 'bench' },
  ...[10, 20, 30].map(grantOf),
];

/** Further settings of the cluster that is measured, to find the best ones. */
export interface Shape {
  readonly shards: number;
  readonly workers: number;
}

/** The distributed form on this machine, filled with organizations, and this process' own connections to its servers. */
export interface ClusterWorld extends Shape {
  readonly cluster: Cluster;
  readonly store: EventStore;
  readonly stream: Stream;
  readonly database: ReadDatabase;
  /** Process ids by name, the servers' included. */
  pids(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export const openWorld = async (shape: Shape): Promise<ClusterWorld> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawdown-bench-'));
  const cluster = await startCluster({ folder, ...shape, projectors: 'together', forBench: true });
  const { EVENTSTORE_URL, KAFKA_BROKERS, DATABASE_URL } = cluster.addresses;
  const store = openEventStoreDb(EVENTSTORE_URL);
  const stream = openKafkaStream({ brokers: [KAFKA_BROKERS], clientId: 'bench' });
  const database = openPgDatabase(DATABASE_URL, { log: NO_LOG, metrics: NO_METRICS, poolSize: 2 });
  const pids = (): Record<string, number> => ({
    ...Object.fromEntries(cluster.apps.map(({ name, pid }) => [name, pid])),
    'event-store': cluster.eventStore?.pid ?? 0,
    kafka: cluster.kafka?.pid ?? 0,
    postgres: Number(readFileSync(path.join(folder, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]),
    bench: process.pid,
  });
  const stop = async (): Promise<void> => {
    await Promise.all([database.close(), stream.close(), store.close()]);
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...shape, cluster, store, stream, database, pids, stop };
};

/**
 * Makes the rate card over HTTP, and the organizations by the ledger itself in this process, on the same log, while no
 * worker runs: through the stream their 25,000 commands take minutes of a small machine.
 */
export const fillWorld = async ({ cluster, store, shards }: ClusterWorld): Promise<void> => {
  await makeRateCard(cluster);
  const workers = cluster.apps.filter(({ name }) => name.startsWith('worker'));
  for (const worker of workers) await worker.stop();
  await cluster.app('transactions-projector').stop(); // its rows are waited for in one row of the bench only
  const ports = { store, clock: systemClock(), log: NO_LOG, metrics: NO_METRICS, snapshots: NO_SNAPSHOTS };
  const followed = new FollowedCatalogue(ports);
  await followed.start();
  const ledger = new LocalLedger(shards, { ...ports, catalogue: followed.catalogue });
  await ledger.start();
  const names = Array.from({ length: ORGANIZATIONS }, (_, n) => organizationName(n));
  for (const command of COMMANDS) {
    await Promise.all(
      names.map(async (name) => {
        const { accepted } = await ledger.run(name, command, SENDER, null);
        if (!accepted) throw new Error(`${command.type} was refused`);
      }),
    );
  }
  await ledger.stop();
  await followed.stop();
  for (const worker of workers) worker.start();
};

/** Further processes of the product on the servers of the cluster, started; whoever asked for them stops them. */
export const startFurther = async (
  { cluster }: ClusterWorld,
  names: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly AppProcess[]> => {
  const ports = await freePorts(names.length);
  const processes = names.map((name, i) => {
    const port = ports[i] ?? 0;
    const own = { ...cluster.addresses, HOST: '127.0.0.1', PORT: String(port), ...environment };
    return new AppProcess({ name, file: path.join(DIST, `apps/${name}/src/main.js`), environment: own, port });
  });
  for (const one of processes) one.start();
  return processes;
};

const makeRateCard = async ({ url, adminKey }: Cluster): Promise<void> => {
  const post = async (route: string, body: unknown): Promise<void> => {
    const headers = {
      authorization: `Bearer ${adminKey}`,
      'content-type': 'application/json',
      'idempotency-key': route,
    };
    const response = await fetch(url + route, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${route}: ${String(response.status)} ${await response.text()}`);
  };
  await post('/v1/rate-cards', { key: 'bench', name: 'bench', unit: 'credit' });
  await post('/v1/rate-cards/bench/versions', { rates: RATES });
  await post('/v1/rate-cards/bench/versions/1/activate', { effective_from: '2020-01-01T00:00:00Z' });
};
