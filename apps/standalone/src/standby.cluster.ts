import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { DIST } from '@drawdown/adapters/cluster/testing/dist';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { insistOnCharge } from './testing/forms/charge';
import { crowdOneWallet } from './testing/forms/hot-wallet';
import {
  chargesIn,
  leftAfter,
  makeOneInEachShard,
  makeOrganizations,
  untilLeft,
  usageOf,
} from './testing/forms/organizations';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const SHARDS = 4;
const ORGANIZATIONS = 8;
/** From the catalogue of faults: from the kill to the next owner's work. */
const TAKEN_OVER_MS = 15_000;
const WAIT_MAX_MS = 60_000;

interface Loaded {
  readonly worker: string;
  /** −1: no snapshot. */
  readonly snapshotRevision: number;
  readonly revision: number;
}

const say = (line: string): void => {
  process.stdout.write(`standby: ${line}\n`);
};
const secondsSince = (from: number): string => ((performance.now() - from) / 1_000).toFixed(1);

let folder: string;
/** Names the call at which a process dies. */
let armed: string;
let cluster: Cluster;
/** What workers said of the shards that they loaded, in order. */
const loads: Loaded[] = [];
const said = (worker: string, line: string): void => {
  if (line.includes('"shard loaded"')) loads.push({ ...(JSON.parse(line) as Loaded), worker });
};
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-standby-'));
  chmodSync(folder, 0o711); // PostgreSQL runs as somebody else where root starts it
  armed = path.join(folder, 'crash-point');
  const preloaded = path.join(DIST, 'apps/standalone/src/testing/crash-points.js');
  const environment = { DRAWDOWN_LOG_LEVEL: 'info', NODE_OPTIONS: `--require ${preloaded}`, CRASH_POINT: armed };
  cluster = await startCluster({ folder, shards: SHARDS, workers: 2, adminKey: ADMIN_KEY, environment, said });
}, 240_000);
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

let usages = 0;
const usage = (organization: string): Record<string, unknown> => usageOf(organization, `u${String((usages += 1))}`, 1);
/** A usage each; told as unavailable it is sent again, until its shard has an owner. */
const chargeEach = async (organizations: readonly string[]): Promise<void> => {
  for (const each of organizations)
    expect(await insistOnCharge(cluster.url, usage(each))).toMatchObject({ outcome: 'charged' });
};
/** A second process of a kind that has one. */
const secondOf = async (name: string): Promise<AppProcess> => {
  const [port = 0] = await freePorts(1);
  const environment = {
    ...{ HOST: '127.0.0.1', PORT: String(port), DRAWDOWN_DATA: path.join(folder, `${name}-2`) },
    ...cluster.addresses,
  };
  const file = path.join(DIST, `apps/${name}/src/main.js`);
  const second = new AppProcess({ name: `${name}-2`, file, environment, port });
  second.start();
  await second.ready();
  return second;
};

test('FLT-23: 64 clients on one wallet are all answered, soon, and from few appends', async () => {
  const worked = (metric: string): Promise<number> =>
    Promise.all(['worker-1', 'worker-2'].map((name) => cluster.app(name).metric(`drawdown_${metric}`))).then(
      ([first = NaN, second = NaN]) => first + second,
    );
  const of = async () =>
    [await worked('append_batch_commands_sum'), await worked('append_batch_commands_count')] as const;
  const [sum, count] = await of();
  say(await crowdOneWallet(cluster.url));
  const [sumAfter, countAfter] = await of();
  const perAppend = (sumAfter - sum) / (countAfter - count);
  say(`${perAppend.toFixed(1)} commands and usages an append`);
  expect(perAppend).toBeGreaterThan(1);
}, 120_000);

/** What says that all is well again: a worker has loaded what it owns, projectors are level. */
const SEEN = {
  shard_loads_total: async () => {
    const loaded = ['worker-1', 'worker-2'].map((name) => cluster.app(name).metric('drawdown_shard_loads_total'));
    return (await Promise.all(loaded)).every((count) => count > 0);
  },
  projection_lag_events: async () => {
    const projectors = cluster.apps.filter(({ name }) => name.endsWith('-projector'));
    const lags = projectors.map((projector) => projector.metric('drawdown_projection_lag_events'));
    return (await Promise.all(lags)).every((lag) => lag === 0);
  },
};

test.each([
  ['FLT-02: a worker', 'append:before', 'shard_loads_total'],
  ['FLT-02: a worker', 'append:after', 'shard_loads_total'],
  // It goes on after the topic's last record: what it published is not even published twice.
  ['FLT-03: the relay', 'ledger:after', 'projection_lag_events'],
  ['FLT-04: a projector', 'rows:before', 'projection_lag_events'],
  ['FLT-04: a projector', 'rows:after', 'projection_lag_events'],
] as const)(
  '%s that dies at %s is started again, and what it was at is there once',
  async (_who, point, seenAs) => {
    const [organization = ''] = await makeOrganizations(cluster.url, 1);
    writeFileSync(armed, point);
    await chargeEach([organization]);
    await until('it died', WAIT_MAX_MS, async () => !existsSync(armed));
    await cluster.ready();
    const wallet = await untilLeft(cluster.url, organization, leftAfter(1));
    expect(await chargesIn(cluster.url, organization, wallet)).toBe(1);
    await until(`${seenAs} shows it`, WAIT_MAX_MS, SEEN[seenAs]);
  },
  120_000,
);

/** What counts that one of two wrote nothing, since the other had; whoever reads drops what a second relay publishes. */
const FENCED = { 'balance-projector': 'drawdown_projection_fenced_total', relay: null };

test.each(Object.entries(FENCED))(
  'FLT-08: while a %s is frozen a second one does its work; when it wakes up, nothing is there twice',
  async (name, fenced) => {
    const organizations = await makeOrganizations(cluster.url, ORGANIZATIONS);
    await chargeEach(organizations);
    const second = await secondOf(name);
    try {
      cluster.app(name).freeze();
      const from = performance.now();
      await chargeEach(organizations);
      for (const each of organizations) await untilLeft(cluster.url, each, leftAfter(2));
      say(`${name}: shown by the second one ${secondsSince(from)} s after the first was frozen`);
      expect(performance.now() - from).toBeLessThan(TAKEN_OVER_MS * allowance());
    } finally {
      cluster.app(name).thaw();
    }
    await chargeEach(organizations);
    await cluster.app(name).ready();
    if (fenced !== null) {
      await until(
        'the one that woke up is fenced',
        WAIT_MAX_MS,
        async () => (await cluster.app(name).metric(fenced)) > 0,
      );
    }
    for (const each of organizations) {
      const wallet = await untilLeft(cluster.url, each, leftAfter(3));
      expect(await chargesIn(cluster.url, each, wallet)).toBe(3);
    }
    await second.stop();
    await chargeEach(organizations);
    for (const each of organizations) await untilLeft(cluster.url, each, leftAfter(4));
  },
  180_000,
);

test('FLT-32: who takes a shard over begins with the snapshot of its last owner, and reads what came after it', async () => {
  const owned = (): Promise<number> => cluster.app('worker-2').metric('drawdown_shards_owned');
  const organizations = await makeOneInEachShard(cluster.url, SHARDS);
  await chargeEach(organizations);
  const before = loads.length;
  await cluster.app('worker-1').stop();
  await until('worker-2 owns all shards', WAIT_MAX_MS, async () => (await owned()) === SHARDS);
  // A shard in which nothing ever happened has no snapshot.
  const loadedBy = (worker: string, from: number): readonly Loaded[] =>
    loads.slice(from).filter((load) => load.worker === worker && load.revision >= 0);
  // What a process prints may come later than its answers.
  await until('it has said what it loaded', WAIT_MAX_MS, () => loadedBy('worker-2', before).length > 0);
  const moved = loadedBy('worker-2', before);
  for (const { snapshotRevision, revision } of moved) expect(snapshotRevision).toBe(revision);

  // Each shard has a snapshot now.
  await cluster.app('worker-2').stop();
  for (const name of ['worker-1', 'worker-2']) cluster.app(name).start();
  await cluster.ready();
  await chargeEach(organizations);
  const since = loads.length;
  const from = performance.now();
  await cluster.app('worker-2').killForGood();
  await chargeEach(organizations);
  say(`all shards charged again ${secondsSince(from)} s after the kill`);
  expect(performance.now() - from).toBeLessThan(TAKEN_OVER_MS * allowance());
  await until('one has read what came after its snapshot', WAIT_MAX_MS, () =>
    loadedBy('worker-1', since).some(({ snapshotRevision, revision }) => snapshotRevision < revision),
  );
  for (const { snapshotRevision } of loadedBy('worker-1', since)) expect(snapshotRevision).toBeGreaterThan(-1);
  for (const each of organizations) await untilLeft(cluster.url, each, leftAfter(3));
}, 180_000);
