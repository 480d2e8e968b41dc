import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type KafkaBroker, startKafkaBroker } from '../../kafka/testing/broker';
import { freePorts } from '../../testing/ports';
import { PostgresServer } from '../../postgres/testing/postgres-server';
import { AppProcess } from './app-process';
import { DIST } from './dist';
import { startStoreProcess, storeUrl } from './store-process';

/** Each read model for itself; or those of amounts in one process, which reads the log once for all of them. */
const PROJECTORS = {
  apart: ['balance-projector', 'breakdown-projector', 'burn-rate-projector', 'transactions-projector'],
  together: ['projectors', 'transactions-projector'],
} as const;
export type ProjectorProcesses = keyof typeof PROJECTORS;
/** Further settings by process. */
const OWN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  projectors: { DRAWDOWN_READ_MODELS: 'balances,breakdown,burn_rate' },
};

/** A group that has lost members without a word waits for the end of their sessions (6 s), more than once at worst. */
const SHARED_OUT_MAX_MS = 60_000;

export interface ClusterOptions {
  /** Where everything lies that is kept. */
  readonly folder: string;
  readonly shards?: number;
  readonly workers?: number;
  /** `apart` where nothing is said. */
  readonly projectors?: ProjectorProcesses;
  /** Addresses of servers that are there already; the others are started. */
  readonly eventStoreUrl?: string;
  readonly kafka?: string;
  readonly postgresUrl?: string;
  /** Port of the API; a free one where absent. */
  readonly port?: number;
  readonly adminKey?: string;
  /** Further settings of all processes. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further settings of single ones, by their names. */
  readonly own?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Told each line that a process prints. */
  readonly said?: (name: string, line: string) => void;
  /** Servers of the usual speed, slower to start. */
  readonly forBench?: boolean;
}

/** The servers that were started here; null where one was there already. */
export interface StartedServers {
  readonly eventStore: AppProcess | null;
  readonly kafka: KafkaBroker | null;
  readonly postgres: PostgresServer | null;
}

/** The distributed form on one machine: every process for itself, on real servers and the double of the event store. */
export interface Cluster extends StartedServers {
  /** Of the API. */
  readonly url: string;
  readonly adminKey: string;
  /** Addresses of the servers, by the variable that names them to a process. */
  readonly addresses: Readonly<Record<'EVENTSTORE_URL' | 'KAFKA_BROKERS' | 'DATABASE_URL', string>>;
  /** api, worker-1 …, relay and the projectors, in the order in which they are stopped. */
  readonly apps: readonly AppProcess[];
  app(name: string): AppProcess;
  /** Resolves when all are ready, and the shards have owners. */
  ready(): Promise<void>;
  /** Stops all in order; what was started here is gone then. */
  stop(): Promise<void>;
}

/** Starts it and resolves when every process is ready. What was started is stopped again where that fails. */
export const startCluster = async (options: ClusterOptions): Promise<Cluster> => {
  mkdirSync(options.folder, { recursive: true });
  chmodSync(options.folder, 0o711); // PostgreSQL runs as somebody else where root starts it
  const servers = await startServers(options);
  const cluster = await assembled(options, servers);
  try {
    for (const app of cluster.apps) app.start();
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};

export type Addressed = StartedServers & Pick<Cluster, 'addresses'>;

const saying = ({ said }: ClusterOptions): Pick<ClusterOptions, 'said'> => (said === undefined ? {} : { said });

/** Starts what is not there already; what was started is stopped again where one fails. */
export const startServers = async (options: ClusterOptions): Promise<Addressed> => {
  const { folder, forBench = false } = options;
  const settled = await Promise.allSettled([
    options.eventStoreUrl === undefined
      ? startStoreProcess({ folder: path.join(folder, 'event-store'), ...saying(options) })
      : null,
    options.kafka === undefined ? startKafkaBroker({ folder: path.join(folder, 'kafka'), forBench }) : null,
    options.postgresUrl === undefined ? PostgresServer.start({ folder: path.join(folder, 'postgres') }) : null,
  ]);
  const [eventStore, kafka, postgres] = settled.map((one) => (one.status === 'fulfilled' ? one.value : null)) as [
    ...[AppProcess | null, KafkaBroker | null, PostgresServer | null],
  ];
  const failed = settled.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') {
    await stopServers({ eventStore, kafka, postgres });
    throw failed.reason;
  }
  const addresses = {
    EVENTSTORE_URL: options.eventStoreUrl ?? (eventStore === null ? '' : storeUrl(eventStore)),
    KAFKA_BROKERS: options.kafka ?? kafka?.address ?? '',
    DATABASE_URL: options.postgresUrl ?? postgres?.url() ?? '',
  };
  return { eventStore, kafka, postgres, addresses };
};

export const stopServers = async ({ eventStore, kafka, postgres }: StartedServers): Promise<void> => {
  await Promise.all([eventStore?.stop(), kafka?.stop(), postgres?.stop()]);
};

/** Resolves when the workers own all shards among them, and each one some: until then some commands find no owner. */
const sharedOut = async (workers: readonly AppProcess[], shards: number): Promise<void> => {
  const least = Math.min(1, Math.floor(shards / workers.length));
  for (const end = performance.now() + SHARED_OUT_MAX_MS; ; await pause(100)) {
    const owned = await Promise.all(workers.map((worker) => worker.metric('drawdown_shards_owned')));
    if (owned.reduce((sum, count) => sum + count, 0) === shards && owned.every((count) => count >= least)) return;
    if (performance.now() > end) throw new Error(`the workers own ${owned.join(' + ')} of ${String(shards)} shards`);
  }
};

const assembled = async (options: ClusterOptions, servers: Addressed): Promise<Cluster> => {
  const { folder, workers = 2, shards = 4, adminKey = `ddk_${randomBytes(18).toString('base64url')}` } = options;
  const names = [
    'api',
    ...Array.from({ length: workers }, (_, i) => `worker-${String(i + 1)}`),
    'relay',
    ...PROJECTORS[options.projectors ?? 'apart'],
  ];
  const ports = await freePorts(names.length);
  const shared = {
    ...{ HOST: '127.0.0.1', DRAWDOWN_ADMIN_KEY: adminKey, DRAWDOWN_TEST_CLOCKS: '1', ...servers.addresses },
    DRAWDOWN_SHARDS: String(shards),
    ...options.environment,
  };
  const apps = names.map((name, i) => {
    const port = (name === 'api' ? options.port : undefined) ?? ports[i] ?? 0;
    const file = path.join(DIST, `apps/${name.replace(/^worker-\d+$/, 'worker')}/src/main.js`);
    const place = { PORT: String(port), DRAWDOWN_DATA: path.join(folder, name) };
    const environment = { ...OWN[name], ...shared, ...options.own?.[name], ...place };
    return new AppProcess({ name, file, environment, port, ...saying(options) });
  });
  const app = (name: string): AppProcess => {
    const found = apps.find((one) => one.name === name);
    if (found === undefined) throw new RangeError(`there is no process ${name}`);
    return found;
  };
  return {
    ...servers,
    ...{ apps, app, adminKey, url: app('api').url },
    ready: async () => {
      await Promise.all(apps.map((one) => one.ready()));
      const owners = apps.filter(({ name }) => name.startsWith('worker-'));
      await sharedOut(owners, shards);
    },
    stop: async () => {
      for (const one of apps) await one.stop();
      await stopServers(servers);
    },
  };
};
