/** Delivery faults of the topic that the read models follow, on a real Kafka, with the processes of the product. */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { LEDGER_TOPIC, recordOf } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { formatPosition, positionOf } from '@drawdown/kernel';
import type { EventStore, StoredEvent } from '@drawdown/ports';
import { type Admin, Kafka, logLevel, type Message } from 'kafkajs';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { insist } from './testing/api';
import { insistOnCharge } from './testing/forms/charge';
import { KafkaService } from './testing/forms/kafka-service';
import { chargesIn, leftAfter, makeOrganizations, untilLeft, usageOf } from './testing/forms/organizations';
import { inReadDatabase, untilAllCameTo } from './testing/read-database';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const STREAM = ledgerStream(0);
const WAIT_MAX_MS = 60_000;
/** FLT-34: from the gap until the reader is level again. */
const LEVEL_MS = 10_000;

let folder: string;
let cluster: Cluster;
let store: EventStore;
let service: KafkaService;
let admin: Admin;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-ledger-topic-'));
  chmodSync(folder, 0o711); // PostgreSQL runs as somebody else where root starts it
  cluster = await startCluster({ folder, shards: 1, workers: 1, projectors: 'together', adminKey: ADMIN_KEY });
  store = openEventStoreDb(cluster.addresses.EVENTSTORE_URL);
  const brokers = [cluster.addresses.KAFKA_BROKERS];
  service = new KafkaService(cluster.addresses.KAFKA_BROKERS);
  admin = new Kafka({ clientId: 'operator', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
}, 240_000);
afterAll(async () => {
  await admin.disconnect();
  await store.close();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const relay = () => cluster.app('relay');
/** The processes that follow the topic. */
const readers = () => [cluster.app('projectors'), cluster.app('transactions-projector')] as const;
const metricOf = (name: string): Promise<readonly number[]> =>
  Promise.all(readers().map((reader) => reader.metric(`drawdown_${name}`)));
/** What a counter of each reader has grown by. */
const growthOf = async (name: string): Promise<() => Promise<readonly number[]>> => {
  const before = await metricOf(name);
  return async () => (await metricOf(name)).map((value, n) => value - (before[n] ?? 0));
};
const untilCounted = async (what: string, growth: () => Promise<readonly number[]>): Promise<void> => {
  await until(`each reader counts ${what}`, WAIT_MAX_MS, async () => (await growth()).every((count) => count >= 1));
};

/** One organization, and what it has used by now. */
class Customer {
  private used = 0;
  private constructor(private readonly name: string) {}

  static async new(): Promise<Customer> {
    const [name = ''] = await makeOrganizations(cluster.url, 1);
    return new Customer(name);
  }

  /** So often a thousandth of an hour, each an event of its own. */
  async use(times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      const usage = usageOf(this.name, `u${String((this.used += 1))}`, 1);
      expect(await insistOnCharge(cluster.url, usage)).toMatchObject({ outcome: 'charged' });
    }
  }

  /** Every read model shows exactly what the log has: balance, transactions and their sum. */
  async isShownAsCharged(): Promise<void> {
    const wallet = await untilLeft(cluster.url, this.name, leftAfter(this.used));
    expect(await chargesIn(cluster.url, this.name, wallet)).toBe(this.used);
    const query = `by=user&period=all&after=${wallet.position}`;
    const { total } = await insist(`${cluster.url}/v1/organizations/${this.name}/breakdown?${query}`, 'GET');
    expect(total).toBe(String((2 * this.used) / 1_000));
    for (const process of [relay(), ...readers()]) {
      await process.ready();
      expect(process.ownEnds).toEqual([]);
    }
  }
}

const messageOf = (event: StoredEvent): Message => {
  const { key, value, headers } = recordOf(0, event);
  return { key, value, headers, partition: 0 };
};
const published = (count: number): Promise<void> =>
  until('all is published', WAIT_MAX_MS, async () => (await endOfTopic()) >= count).then(() => undefined);
const endOfTopic = async (): Promise<number> => Number((await admin.fetchTopicOffsets(LEDGER_TOPIC))[0]?.high ?? 0);
/** A record as of the log, which has no such event: it lies further on than anything that was stored. */
const unknownTo = async (head: number): Promise<Message> => {
  const [last] = await store.read(STREAM, head, 1);
  if (last === undefined) throw new Error('the log is empty');
  return messageOf({ ...last, id: randomUUID(), revision: head + 50 });
};
/** Resolves to how long it took until every read model had come to the end of the log. */
const levelWithin = async (limitMs: number): Promise<number> => {
  const position = formatPosition(positionOf(0, await store.head(STREAM)));
  return inReadDatabase(cluster.addresses.DATABASE_URL, (database) => untilAllCameTo(position, limitMs, database));
};

test('FLT-34: records out of order, twice, unreadable, and of an event that the log does not have: read models are what the log says', async () => {
  const customer = await Customer.new();
  await customer.use(1);
  await customer.isShownAsCharged();
  await relay().stop();
  const [gaps, repeats] = [await growthOf('consumer_gaps_total'), await growthOf('consumer_duplicates_total')];
  const unreadable = await growthOf('ledger_records_unreadable_total');
  const head = await store.head(STREAM);
  await customer.use(6);
  const events = await store.read(STREAM, head + 1, 100);
  expect(events).toHaveLength(6);
  const [a, b, c, d, e, f] = events.map(messageOf);
  const shuffled = [c, a, b, a, e, { key: '0', value: 'no event', partition: 0 }, await unknownTo(head + 6), d, f];
  await service.send(
    LEDGER_TOPIC,
    shuffled.flatMap((message) => message ?? []),
  );
  const ms = await levelWithin(LEVEL_MS * allowance());
  process.stdout.write(`gap in the topic: read models level after ${(ms / 1_000).toFixed(1)} s\n`);
  await untilCounted('gaps', gaps);
  await untilCounted('repeats', repeats);
  await untilCounted('what it cannot read', unreadable);
  relay().start();
  await relay().ready();
  await customer.use(1);
  await customer.isShownAsCharged();
}, 180_000);

test('INV-DEL-2: a record that somebody else writes as the next one: read models are what the log says', async () => {
  const customer = await Customer.new();
  await customer.use(2);
  await customer.isShownAsCharged();
  const unreadable = await growthOf('ledger_records_unreadable_total');
  const head = await store.head(STREAM);
  const [last] = await store.read(STREAM, head, 1);
  if (last === undefined) throw new Error('the log is empty');
  await service.send(LEDGER_TOPIC, [messageOf({ ...last, id: randomUUID(), revision: head + 1 })]);
  await untilCounted('what is not of the log', unreadable);
  await customer.use(2);
  await customer.isShownAsCharged();
}, 180_000);

test('FLT-37: records that are deleted before they were read come from the log, and are counted as a gap', async () => {
  const customer = await Customer.new();
  await customer.use(1);
  await customer.isShownAsCharged();
  const gaps = await growthOf('consumer_gaps_total');
  for (const reader of readers()) reader.freeze();
  try {
    const before = await endOfTopic();
    // The answer to what they have asked already comes with the first record, and waits for them: it has no more than that.
    await customer.use(1);
    await published(before + 1);
    await customer.use(5);
    await published(before + 6);
    const offset = String(await endOfTopic());
    await admin.deleteTopicRecords({ topic: LEDGER_TOPIC, partitions: [{ partition: 0, offset }] });
  } finally {
    for (const reader of readers()) reader.thaw();
  }
  await untilCounted('a gap', gaps);
  await customer.use(1);
  await customer.isShownAsCharged();
}, 180_000);

test('FLT-37: a topic that does not end as the log does is not published to, and readiness says what to do; deleted, it is made and filled again under running readers', async () => {
  const customer = await Customer.new();
  await customer.use(1);
  await customer.isShownAsCharged();
  await relay().stop();
  await service.send(LEDGER_TOPIC, [await unknownTo(await store.head(STREAM))]);
  relay().start();
  await relay().says('of another store, or of this one before it was restored');
  await relay().says('delete the topic, it is made and filled again');
  const end = await endOfTopic();
  await customer.use(2);
  const ms = await levelWithin(LEVEL_MS * allowance());
  process.stdout.write(`nothing is published: read models level after ${(ms / 1_000).toFixed(1)} s\n`);
  expect(await endOfTopic()).toBe(end);

  const gaps = await growthOf('consumer_gaps_total');
  await admin.deleteTopics({ topics: [LEDGER_TOPIC] });
  await relay().ready();
  const head = await store.head(STREAM);
  await published(head + 1);
  const records = await service.read(LEDGER_TOPIC, (all) => all.length > head);
  expect(records.map(({ headers }) => Number(headers['revision']))).toEqual(
    Array.from({ length: head + 1 }, (_, revision) => revision),
  );
  await untilCounted('a gap', gaps);
  await customer.use(1);
  await customer.isShownAsCharged();
}, 240_000);
