/**
 * The rehearsal of deploy/README.md, "After a restore that lost events": its steps as they stand there, on an event store
 * that is put back to an earlier copy of its folder while Kafka and PostgreSQL hold what came later.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { listening } from '@drawdown/adapters/cluster/testing/store-process';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { LEDGER_TOPIC } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { checksums } from '@drawdown/projections/testing';
import { Kafka, logLevel } from 'kafkajs';
import { insist } from './testing/api';
import { insistOnCharge } from './testing/forms/charge';
import { KafkaService, messageOf } from './testing/forms/kafka-service';
import { leftAfter, makeOneInEachShard, untilLeft, usageOf } from './testing/forms/organizations';
import { inReadDatabase } from './testing/read-database';
import { checkEnds, untilLevel } from './testing/real-input/end-checks';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const SHARDS = 2;
const WAIT_MAX_MS = 60_000;
const WORKERS = 'drawdown.workers';
const HALTED = 'It shows facts that do not exist';

let folder: string;
let cluster: Cluster;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-restored-log-'));
  cluster = await startCluster({ folder, shards: SHARDS, workers: 1, projectors: 'together', adminKey: ADMIN_KEY });
}, 240_000);
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const storeFolder = (): string => path.join(folder, 'event-store');
const eventStore = (): AppProcess => {
  if (cluster.eventStore === null) throw new Error('it was not started here');
  return cluster.eventStore;
};
const named = (...names: readonly string[]): readonly AppProcess[] => names.map((name) => cluster.app(name));
const PROJECTORS = ['projectors', 'transactions-projector'];
const startAll = (apps: readonly AppProcess[]): void => apps.forEach((app) => app.start());
const stopAll = (apps: readonly AppProcess[]): Promise<unknown> => Promise.all(apps.map((app) => app.stop()));
const readyAll = (apps: readonly AppProcess[]): Promise<unknown> => Promise.all(apps.map((app) => app.ready()));

const heads = async (): Promise<readonly number[]> => {
  const store = openEventStoreDb(cluster.addresses.EVENTSTORE_URL);
  try {
    return await Promise.all(Array.from({ length: SHARDS }, (_, shard) => store.head(ledgerStream(shard))));
  } finally {
    await store.close();
  }
};
const shown = (): Promise<Readonly<Record<string, string>>> =>
  inReadDatabase(cluster.addresses.DATABASE_URL, checksums);

let used = 0;
/** So many thousandths of an hour by way of HTTP, and as many by way of the topic. */
const use = async (organization: string, times: number): Promise<void> => {
  const usages = Array.from({ length: 2 * times }, () => usageOf(organization, `u${String((used += 1))}`, 1));
  await new KafkaService(cluster.addresses.KAFKA_BROKERS).send('drawdown.usage.v1', usages.slice(times).map(messageOf));
  for (const usage of usages.slice(0, times))
    expect(await insistOnCharge(cluster.url, usage)).toMatchObject({ outcome: 'charged' });
};

/** An organization on a clock of its own with credits that expire on it. */
const BEGIN = '2026-01-01T00:00:00Z';
const makeExpiring = async (): Promise<string> => {
  const { url } = cluster;
  const { id: clock } = await insist(`${url}/v1/test-clocks`, 'POST', { now: BEGIN });
  const made = { id: 'expiring', name: 'expiring', preset: 'enterprise', test_clock: clock };
  await insist(`${url}/v1/organizations`, 'POST', made);
  const grant = { credit_type: 'promotional', amount: '5', reason: 'test', expires_at: '2026-02-01T00:00:00Z' };
  await insist(`${url}/v1/organizations/expiring/wallets/credits/grants`, 'POST', grant);
  return String(clock);
};

const operator = async <T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> => {
  const brokers = [cluster.addresses.KAFKA_BROKERS];
  const admin = new Kafka({ clientId: 'operator', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
};

test('INV-DEL-3, INV-INT-5: a log restored from a backup that lost events is noticed, and after the steps everything follows from it; usage that Kafka keeps is charged again, once', async () => {
  const { url } = cluster;
  // Of the second one's shard the backup has no usage: the offsets in its log say nothing yet.
  const [first = '', second = ''] = await makeOneInEachShard(url, SHARDS);
  const clock = await makeExpiring();
  await use(first, 2);
  await untilLeft(url, first, leftAfter(4));
  const backup = path.join(folder, 'backup');
  cpSync(storeFolder(), backup, { recursive: true });
  const backedUp = await heads();

  await use(first, 3);
  await use(second, 4);
  await insist(`${url}/v1/test-clocks/${clock}/advance`, 'POST', { to: '2026-03-01T00:00:00Z' });
  await untilLeft(url, first, leftAfter(10));
  await untilLeft(url, second, leftAfter(8));
  await untilLeft(url, 'expiring', '0');
  // One that has not come so far when it is stopped would not show what is gone.
  const written = await heads();
  await inReadDatabase(cluster.addresses.DATABASE_URL, (database) => untilLevel(written, database));

  await stopAll(cluster.apps);
  await eventStore().stop();
  rmSync(storeFolder(), { recursive: true });
  cpSync(backup, storeFolder(), { recursive: true });
  eventStore().start();
  await listening(eventStore());
  expect(await heads()).toEqual(backedUp);

  // Whoever forgets the steps is told so, and nothing is built on what is gone.
  const before = await shown();
  const readers = named('relay', ...PROJECTORS);
  startAll(readers);
  const [relay, ...projectors] = readers;
  await relay?.says('of this one before it was restored');
  for (const projector of projectors) {
    await projector.says(HALTED);
    await until(
      'the alert can fire',
      WAIT_MAX_MS,
      async () => (await projector.metric('drawdown_consumer_halted')) > 0,
    );
  }
  expect(await shown()).toEqual(before);

  // 1
  await stopAll(readers);
  await operator(async (admin) => {
    await admin.deleteTopics({ topics: [LEDGER_TOPIC] });
    await admin.deleteGroups([WORKERS]);
  });
  await inReadDatabase(cluster.addresses.DATABASE_URL, (database) =>
    database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public'),
  );
  // 2
  rmSync(path.join(folder, 'worker-1', 'snapshots'), { recursive: true, force: true });
  // 3
  const worker = named('worker-1');
  startAll(worker);
  await readyAll(worker);
  // 4
  const others = named('relay', ...PROJECTORS, 'api');
  startAll(others);
  await readyAll(others);

  await untilLeft(url, first, leftAfter(10));
  await untilLeft(url, second, leftAfter(8));
  await untilLeft(url, 'expiring', '5');
  await use(first, 1);
  await use(second, 1);
  await untilLeft(url, first, leftAfter(12));
  await untilLeft(url, second, leftAfter(10));
  await checkEnds(cluster, SHARDS);
  expect(await cluster.app('worker-1').metric('drawdown_dead_letters_total')).toBe(0);
  expect(cluster.apps.flatMap(({ ownEnds }) => ownEnds)).toEqual([]);
}, 300_000);
