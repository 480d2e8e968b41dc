import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { openTcpProxy, type TcpProxy } from '@drawdown/adapters/kafka/testing/tcp-proxy';
import { recorded } from '@drawdown/ledger/testing';
import type { EventStore } from '@drawdown/ports';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { insist } from './testing/api';
import { KafkaService, messageOf } from './testing/forms/kafka-service';
import { leftAfter, makeOneInEachShard, untilLeft, usageOf } from './testing/forms/organizations';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const SHARDS = 4;
const WORKERS = ['worker-1', 'worker-2'] as const;
const WAIT_MAX_MS = 60_000;
/** After a session without an answer, and what it takes to notice. */
const LET_GO_MAX_MS = 6_500;
/** From the catalogue of faults: session timeout and five seconds. */
const TAKEN_OVER_MAX_MS = 15_000;
const SECOND = 1_000;
/** From the catalogue of faults: until all is well after the broker is back. */
const BACK_MAX_MS = 45_000;
/** Each worker looks once a second for what is due: of two that do, as good as each is fenced at every second instant. */
const LOTS = 6;
/** By then what was cut off is let go of, and owned by somebody else; on a machine that does nothing else. */
const FIRST_S = 12;

const seconds = (ms: number): string => (ms / SECOND).toFixed(1);
const say = (line: string): void => {
  process.stdout.write(`cut off: ${line}\n`);
};

let folder: string;
let proxy: TcpProxy;
let broker: KafkaBroker;
let cluster: Cluster;
let store: EventStore;
/** What the workers print. */
const said: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-cut-off-'));
  proxy = await openTcpProxy();
  broker = await startKafkaBroker({ folder: path.join(folder, 'kafka'), proxyPort: proxy.port });
  proxy.forwardTo(broker.proxied);
  cluster = await startCluster({
    ...{ folder, shards: SHARDS, workers: WORKERS.length, projectors: 'together', adminKey: ADMIN_KEY },
    kafka: broker.address,
    own: { 'worker-1': { KAFKA_BROKERS: `127.0.0.1:${String(proxy.port)}` } },
    said: (name, line) => void (name.startsWith('worker') && said.push(`${name} ${line}`)),
  });
  store = openEventStoreDb(cluster.addresses.EVENTSTORE_URL);
}, 240_000);
afterAll(async () => {
  await store.close();
  await cluster.stop();
  await Promise.all([broker.stop(), proxy.close()]);
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const each = (metric: string): Promise<readonly number[]> =>
  Promise.all(WORKERS.map((name) => cluster.app(name).metric(`drawdown_${metric}`)));
const isOwned = async (...counts: readonly number[]): Promise<boolean> =>
  String(await each('shards_owned')) === String(counts);

/** Credits for all that expire one second after the other; resolves to when the last ones do. */
const grantExpiring = async (organizations: readonly string[], lots: number): Promise<number> => {
  const first = Date.now() + (FIRST_S * SECOND * allowance()) / 2;
  const grants = Array.from({ length: lots }, (_, n) => {
    const expires_at = new Date(first + n * SECOND).toISOString();
    return { credit_type: 'promotional', amount: '1', reason: 'soon gone', expires_at };
  });
  const route = (organization: string) => `${cluster.url}/v1/organizations/${organization}/wallets/credits/grants`;
  const granted = organizations.flatMap((organization) =>
    grants.map((grant) => insist(route(organization), 'POST', grant)),
  );
  await Promise.all(granted);
  return first + (lots - 1) * SECOND;
};
const expired = async (): Promise<readonly string[]> => {
  const lots: string[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    for (const { event } of await recorded(store, shard)) if (event.type === 'LotExpired') lots.push(event.data.lotId);
  }
  return lots;
};
const untilExpired = (count: number): Promise<number> =>
  until('all that is due is booked', WAIT_MAX_MS, async () => (await expired()).length >= count);

let used = 0;
/** A thousandth of an hour for each, by way of the topic. */
const useSome = async (organizations: readonly string[]): Promise<void> => {
  used += 1;
  const usages = organizations.map((organization) => messageOf(usageOf(organization, `u${String(used)}`, 1)));
  await new KafkaService(broker.address).send('drawdown.usage.v1', usages);
};
const untilAllLeft = async (organizations: readonly string[], left: string): Promise<void> => {
  for (const organization of organizations) await untilLeft(cluster.url, organization, left);
};

test('FLT-32: a worker that is cut off from Kafka alone lets go of its shards; what falls due is booked by their next owner, unfenced', async () => {
  const cutOff = cluster.app('worker-1');
  const organizations = await makeOneInEachShard(cluster.url, SHARDS);
  await grantExpiring(organizations, LOTS);
  const saidBefore = said.length;
  proxy.refuse();
  try {
    const from = performance.now();
    await until(
      'it has let go',
      LET_GO_MAX_MS * allowance(),
      async () => (await cutOff.metric('drawdown_shards_owned')) === 0,
    );
    const letGoMs = performance.now() - from;
    await until('the other one owns all', TAKEN_OVER_MAX_MS * allowance(), () => isOwned(0, SHARDS));
    say(`let go after ${seconds(letGoMs)} s, all owned by the other one after ${seconds(performance.now() - from)} s`);
    const saidSince = said.slice(saidBefore);
    expect(saidSince.filter((line) => line.startsWith('worker-1') && line.includes('is let go of'))).toHaveLength(1);
    const stored = await cutOff.metric('drawdown_append_total');
    await untilExpired(LOTS * SHARDS);
    await useSome(organizations);
    await untilAllLeft(organizations, leftAfter(1));
    expect(await cutOff.metric('drawdown_append_total')).toBe(stored);
    expect(await each('shard_fenced_total')).toEqual([0, 0]);
  } finally {
    proxy.cut();
  }
  const backMs = await until('each owns its share', WAIT_MAX_MS, () => isOwned(SHARDS / 2, SHARDS / 2));
  say(`a member again after ${seconds(backMs)} s`);
  await useSome(organizations);
  await untilAllLeft(organizations, leftAfter(2));
  const lots = await expired();
  expect([lots.length, new Set(lots).size]).toEqual([LOTS * SHARDS, LOTS * SHARDS]);
  expect(await each('shard_fenced_total')).toEqual([0, 0]);
  expect(cluster.apps.flatMap(({ ownEnds }) => ownEnds)).toEqual([]);
}, 180_000);

test('FLT-30, INV-TIM-6: where Kafka is silent for all, what falls due waits, and is booked once by the same owners as soon as it answers', async () => {
  const organizations = await makeOneInEachShard(cluster.url, SHARDS);
  const before = (await expired()).length;
  const due = await grantExpiring(organizations, 2);
  const fenced = await each('shard_fenced_total');
  const loads = await each('shard_loads_total');
  process.kill(broker.pid, 'SIGSTOP');
  try {
    await until('nobody owns anything', LET_GO_MAX_MS * allowance(), () => isOwned(0, 0));
    // On a slow machine something may have been due before that; what is due from here on waits.
    const booked = (await expired()).length;
    expect(booked).toBeLessThan(before + 2 * SHARDS);
    await until('all is due', WAIT_MAX_MS * allowance(), () => Date.now() > due);
    expect(await expired()).toHaveLength(booked);
    for (const organization of organizations) {
      // INV-TIM-3
      const { balance } = await insist(`${cluster.url}/v1/organizations/${organization}/wallets/credits`, 'GET');
      expect(balance).toMatchObject({ available: leftAfter(0) });
    }
  } finally {
    process.kill(broker.pid, 'SIGCONT');
  }
  const from = performance.now();
  await until('all shards are owned', BACK_MAX_MS * allowance(), () => isOwned(SHARDS / 2, SHARDS / 2));
  const ownedMs = performance.now() - from;
  await untilExpired(before + 2 * SHARDS);
  say(`all owned ${seconds(ownedMs)} s after Kafka answers, all booked after ${seconds(performance.now() - from)} s`);
  say(`loads: ${String(loads)} and ${String(await each('shard_loads_total'))}`);
  await useSome(organizations);
  await untilAllLeft(organizations, leftAfter(1));
  const lots = await expired();
  expect([lots.length, new Set(lots).size]).toEqual([before + 2 * SHARDS, before + 2 * SHARDS]);
  expect(await each('shard_fenced_total')).toEqual(fenced);
}, 180_000);
