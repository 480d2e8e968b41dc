/** Delivery faults of the usage topic, on a real Kafka, with the processes of the product and its command line. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { shardOf } from '@drawdown/ledger';
import type { EventStore } from '@drawdown/ports';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { type CliEnd, startCli, startNpx } from './testing/cli-process';
import { growing, type Growth, REBALANCES, untilGrown } from './testing/forms/growth';
import { KafkaService, messageOf, type ReadRecord } from './testing/forms/kafka-service';
import {
  makeNamed,
  makeOneInEachShard,
  makeOrganizations,
  newOrganization,
  usageOf,
} from './testing/forms/organizations';
import { type RecordedCharge, recordedCharges } from './testing/recorded-charges';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const SHARDS = 4;
const USAGE = 'drawdown.usage.v1';
const LETTERS = 'drawdown.dead-letter.v1';
const WAIT_MAX_MS = 60_000;

let folder: string;
let cluster: Cluster;
let store: EventStore;
let service: KafkaService;
/** It waits for brokers that are not there while the others start. */
let cliWithoutBrokers: Promise<CliEnd>;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-usage-topic-'));
  chmodSync(folder, 0o711); // PostgreSQL runs as somebody else where root starts it
  const [nobody = 0] = await freePorts(1);
  cliWithoutBrokers = startCli(['dead-letters', 'list'], { KAFKA_BROKERS: `127.0.0.1:${String(nobody)}` }).ended;
  cluster = await startCluster({ folder, shards: SHARDS, workers: 2, projectors: 'together', adminKey: ADMIN_KEY });
  store = openEventStoreDb(cluster.addresses.EVENTSTORE_URL);
  service = new KafkaService(cluster.addresses.KAFKA_BROKERS);
}, 240_000);
afterAll(async () => {
  await store.close();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const workers = () => [cluster.app('worker-1'), cluster.app('worker-2')] as const;
/** Of both workers together; named without its prefix, with labels or without. */
const metric = async (name: string): Promise<number> => {
  const values = await Promise.all(workers().map((worker) => worker.metric(`drawdown_${name}`)));
  return values.reduce((sum, value) => sum + value, 0);
};
const charges = (): Promise<readonly RecordedCharge[]> => recordedCharges(store, SHARDS);

/** Waits until exactly these ids are charged to an organization: more than that at the end is an error, too. */
const untilCharged = async (organization: string, ids: readonly string[]): Promise<void> => {
  const wanted = [...ids].sort();
  let found: readonly string[] = [];
  await until(`${organization} is charged`, WAIT_MAX_MS, async () => {
    found = (await charges()).flatMap((charge) => (charge.organization === organization ? [charge.id] : [])).sort();
    return wanted.every((id) => found.includes(id));
  });
  expect(found).toEqual(wanted);
};
/** What some counters of both have grown by since they were looked at. */
const growthOf = (...counters: readonly string[]): Promise<() => Promise<Growth>> => growing(metric, counters);
/** What the command line needs of its environment. */
const brokers = () => ({ KAFKA_BROKERS: cluster.addresses.KAFKA_BROKERS });
const cli = (...words: readonly string[]) => startCli(['dead-letters', ...words], brokers()).ended;
/** On the partition of its key's organization: what lies elsewhere is forwarded, and there twice. */
const atHome = (message: Message): Message => ({ ...message, partition: shardOf(String(message.key), SHARDS) });
/** What was sent under a key, once that is so much. */
const sentUnder = async (key: string, count: number): Promise<readonly ReadRecord[]> => {
  const own = (records: readonly ReadRecord[]) => records.filter((record) => record.key === key);
  return own(await service.read(USAGE, (records) => own(records).length >= count));
};
/** The records of a key that letters are of: one that is delivered again is buried again. */
const buriedOf = (key: string, letters: readonly ReadRecord[]): ReadonlySet<string> => {
  const own = letters.filter((letter) => letter.key === key);
  return new Set(own.map(({ headers }) => `${String(headers['partition'])}.${String(headers['offset'])}`));
};
const letterOf = (letters: readonly ReadRecord[], { partition, offset }: ReadRecord): ReadRecord | undefined =>
  letters.find(({ headers }) => headers['partition'] === String(partition) && headers['offset'] === String(offset));

describe('FLT-35: records that cannot be read, among good ones', () => {
  const structured = { 'content-type': 'application/cloudevents+json' };
  /** The schema registry's format: a magic byte, the number of a schema, Avro. */
  const AVRO = Buffer.from([0, 0, 0, 0, 42, 8, 0x61, 0x63, 0x6d, 0x65, 0xff, 2]);
  /** What a topic takes unless told otherwise is a batch of 1 MiB, with what Kafka adds to a record. */
  const LARGEST = 1_048_576 - 1_000;
  const TEN_MB = 10_000_000;

  const poison = (organization: string): readonly (readonly [reason: string, message: Omit<Message, 'key'>])[] => {
    const usage = usageOf(organization, 'poison', 1);
    const { specversion: _, ...unversioned } = usage;
    return [
      ['malformed_json', { value: 'no JSON' }],
      ['malformed_json', { value: Buffer.from([0xff, 0xfe, 1]) }],
      ['malformed_json', { value: AVRO, headers: { 'content-type': 'application/vnd.confluent.avro' } }],
      ['empty_value', { value: null }],
      ['empty_value', { value: Buffer.alloc(0), headers: { reason: 'of its own' } }],
      ['missing_field', { value: JSON.stringify(unversioned), headers: structured }],
      ['unsupported_specversion', { value: JSON.stringify({ ...usage, specversion: '0.3' }), headers: structured }],
      ['unsupported_media_type', { value: AVRO, headers: { 'content-type': 'application/cloudevents+avro' } }],
      ['invalid_header', { value: JSON.stringify(usage['data']), headers: { ce_ID: 'poison' } }],
      ['organization_mismatch', { value: JSON.stringify(usageOf('another', 'poison', 1)), headers: structured }],
    ];
  };

  test('each is a dead letter with its reason and its untouched bytes, and the good ones of the partition are charged', async () => {
    const [key = ''] = await makeOrganizations(cluster.url, 1);
    const bad = poison(key);
    const reasons = [...new Set(bad.map(([reason]) => reason))];
    const rejected = 'intake_events_total{outcome="rejected",channel="kafka"}';
    const charged = 'intake_events_total{outcome="charged",channel="kafka"}';
    const ofReason = (reason: string): string => `dead_letters_total{reason="${reason}"}`;
    const growth = await growthOf(rejected, charged, ...reasons.map(ofReason));
    const good = (n: number): string => `good-${String(n).padStart(2, '0')}`;
    const messages = bad.flatMap(([, message], n) => [messageOf(usageOf(key, good(n), 1)), { ...message, key }]);
    await service.send(USAGE, [...messages, messageOf(usageOf(key, good(bad.length), 1))].map(atHome));
    await untilCharged(
      key,
      Array.from({ length: bad.length + 1 }, (_, n) => good(n)),
    );

    const letters = await service.read(LETTERS, (records) => buriedOf(key, records).size >= bad.length);
    const own = letters.filter((letter) => letter.key === key);
    const sent = await sentUnder(key, messages.length + 1);
    expect(buriedOf(key, letters).size).toBe(bad.length);
    for (const [n, [reason, { value, headers = {} }]] of bad.entries()) {
      const at = sent[2 * n + 1];
      const letter = at === undefined ? undefined : letterOf(own, at);
      const bytes = value === null ? null : Buffer.from(value);
      expect([n, letter?.headers['reason'], letter?.headers['topic']]).toEqual([n, reason, USAGE]);
      expect(letter?.bytes).toEqual(bytes);
      for (const [name, text] of Object.entries(headers))
        expect(letter?.headers[name === 'reason' ? 'original-reason' : name]).toBe(text);
    }
    const counts = reasons.map((reason) => [ofReason(reason), bad.filter(([of]) => of === reason).length] as const);
    const wanted = { [rejected]: bad.length, [charged]: bad.length + 1, ...Object.fromEntries(counts) };
    const { isMoved } = await untilGrown(growth, wanted);
    if (!isMoved) expect(own).toHaveLength(bad.length);
  }, 180_000);

  test('one of 10 MB is refused by the topic as the product makes it; taken by a larger one it is a dead letter that says where it lies', async () => {
    const [key = ''] = await makeOrganizations(cluster.url, 1);
    const huge = atHome({ key, value: Buffer.alloc(TEN_MB, 'x') });
    await expect(service.send(USAGE, [huge])).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' });
    const growth = await growthOf('dead_letters_total{reason="payload_too_large"}');
    await withLimit(2 * TEN_MB, async () => {
      const largest = { key, value: Buffer.alloc(LARGEST, 'y') };
      await service.send(USAGE, [messageOf(usageOf(key, 'before', 1)), largest].map(atHome));
      await service.send(USAGE, [huge]);
      await service.send(USAGE, [atHome(messageOf(usageOf(key, 'after', 1)))]);
      await untilCharged(key, ['after', 'before']);
    });
    const sent = await sentUnder(key, 4);
    const letters = await service.read(LETTERS, (found) =>
      sent.slice(1, 3).every((at) => letterOf(found, at) !== undefined),
    );
    const told = sent.map((at) => letterOf(letters, at)?.headers);
    const omitted = { topic: USAGE, omitted: 'value' };
    expect(told).toEqual([
      undefined,
      expect.objectContaining({ ...omitted, reason: 'malformed_json' }),
      expect.objectContaining({ ...omitted, reason: 'payload_too_large' }),
      undefined,
    ]);
    expect(sent[2]?.bytes?.equals(Buffer.alloc(TEN_MB, 'x'))).toBe(true);
    await untilGrown(growth, { 'dead_letters_total{reason="payload_too_large"}': 1 });
    const ids = sent
      .slice(1, 3)
      .map((at) => letterOf(letters, at))
      .map((of) => `${String(of?.partition)}.${String(of?.offset)}`);
    const redriven = await cli('redrive', ...ids);
    expect(redriven.code).toBe(2);
    for (const id of ids) expect(redriven.err).toContain(`${id}: not sent`);
  }, 180_000);

  /** The topic takes batches of that size meanwhile, as an operator may have set it. */
  const withLimit = async (bytes: number, work: () => Promise<void>): Promise<void> => {
    const admin = new Kafka({ brokers: [cluster.addresses.KAFKA_BROKERS], logLevel: logLevel.NOTHING }).admin();
    const set = (configEntries: { readonly name: string; readonly value: string }[]) =>
      admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: USAGE, configEntries }] });
    const own = [{ name: 'compression.type', value: 'uncompressed' }];
    await admin.connect();
    try {
      await set([...own, { name: 'max.message.bytes', value: String(bytes) }]);
      await work();
    } finally {
      await set(own);
      await admin.disconnect();
    }
  };
});

describe('the command line on dead letters', () => {
  interface Letter {
    readonly id: string;
    readonly reason: string;
    readonly key: string | null;
    readonly partition: number;
    readonly offset: number;
    readonly value: { readonly text?: string; readonly base64?: string } | null;
    readonly omitted: boolean;
  }
  const listed = async (key: string): Promise<readonly Letter[]> => {
    const { code, out } = await cli('list', '--json', '--topic', USAGE, '--limit', '1000');
    expect(code).toBe(0);
    const all = (JSON.parse(out) as { readonly dead_letters: readonly Letter[] }).dead_letters;
    const own = all.filter((letter) => letter.key === key);
    return [...new Map(own.map((letter) => [`${String(letter.partition)}.${String(letter.offset)}`, letter])).values()];
  };
  /** Those of an organization, one for each record, once there are so many. */
  const letters = async (key: string, count: number): Promise<readonly Letter[]> => {
    await service.read(LETTERS, (records) => buriedOf(key, records).size >= count);
    return listed(key);
  };

  test('lists and shows what could not be charged; sent again once its organization is there it is charged, and only once', async () => {
    const key = newOrganization();
    const broken = Buffer.from([0x7b, 0xff, 0x0a]);
    // Not older than the organization will be: the sender's clock is a minute ahead.
    const time = new Date(Date.now() + 60_000).toISOString();
    const usages = ['a', 'b'].map((id) => ({ ...usageOf(key, id, 1), time }));
    await service.send(USAGE, [...usages.map(messageOf), { key, value: broken }].map(atHome));
    const found = await letters(key, 3);
    const unknown = found.filter(({ reason }) => reason === 'organization_not_found');
    const [bad] = found.filter(({ reason }) => reason === 'invalid_encoding');
    expect(found).toHaveLength(3);
    expect(unknown.map(({ value }) => value?.text)).toEqual(usages.map((usage) => JSON.stringify(usage)));
    const table = await startNpx(['dead-letters', 'list', '--reason', 'organization_not_found'], brokers()).ended;
    expect(table.code).toBe(0);
    for (const { id, partition, offset } of unknown)
      expect(table.out).toMatch(
        new RegExp(
          `^\\W*${id.replace('.', '\\.')}\\W.*organization_not_found.*${USAGE}.*${String(partition)}\\.${String(offset)}`,
          'm',
        ),
      );

    const shown = await cli('show', bad?.id ?? '');
    expect(shown).toMatchObject({ code: 0, out: expect.stringContaining(broken.toString('base64')) as string });
    expect(shown.out).toContain(`partition ${String(bad?.partition)}, offset ${String(bad?.offset)}`);
    const json = await cli('show', '--json', bad?.id ?? '');
    const { value } = JSON.parse(json.out) as Letter;
    expect([json.code, Buffer.from(value?.base64 ?? '', 'base64')]).toEqual([0, broken]);

    await makeNamed(cluster.url, [key]);
    const ids = unknown.map(({ id }) => id);
    const redriven = await cli('redrive', ...ids);
    expect(redriven).toMatchObject({ code: 0, out: expect.stringContaining('2 sent again') as string });
    await untilCharged(key, ['a', 'b']);
    const growth = await growthOf('intake_events_total{outcome="duplicate",channel="kafka"}');
    expect((await cli('redrive', ...ids)).code).toBe(0);
    await untilGrown(growth, { 'intake_events_total{outcome="duplicate",channel="kafka"}': 2 });
    await untilCharged(key, ['a', 'b']);
    // What still cannot be decided comes back as a new letter.
    expect((await cli('redrive', bad?.id ?? '')).code).toBe(0);
    expect((await letters(key, 4)).map(({ reason }) => reason).sort()).toEqual([
      ...['invalid_encoding', 'invalid_encoding', 'organization_not_found', 'organization_not_found'],
    ]);
  }, 180_000);

  test('says by its exit code what it could not do: 1 called wrongly, 3 the brokers are away', async () => {
    const unknown = await cli('show', '0.999999');
    expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('no dead letter 0.999999') as string });
    const nowhere = await startCli(['dead-letters', 'list']).ended;
    expect(nowhere).toMatchObject({ code: 1, err: expect.stringContaining('KAFKA_BROKERS') as string });
    expect(await cliWithoutBrokers).toMatchObject({
      code: 3,
      err: expect.stringContaining('brokers do not answer') as string,
    });
  }, 180_000);
});

test('FLT-39: usage on wrong partitions, and without a key, is forwarded to its organization’s partition and charged once, there', async () => {
  const organizations = await makeOneInEachShard(cluster.url, SHARDS);
  const home = new Map<string, number>();
  await service.send(
    USAGE,
    organizations.map((name) => messageOf(usageOf(name, 'home', 1))),
  );
  for (const name of organizations) await untilCharged(name, ['home']);
  for (const { organization, shard } of await charges()) home.set(organization, shard);
  const growth = await growthOf('forwarded_records_total', 'dead_letters_total');
  const headers = (id: string) => ({ 'content-type': 'application/cloudevents+json', trace: id });
  const astray = organizations.flatMap((name) =>
    Array.from({ length: SHARDS }, (_, partition) => {
      const ids = [`keyed-${String(partition)}`, `keyless-${String(partition)}`];
      return ids.map((id, n) => {
        const value = JSON.stringify(usageOf(name, id, 1));
        return { key: n === 0 ? name : null, value, partition, headers: headers(`${name}/${id}`) };
      });
    }).flat(),
  );
  await service.send(USAGE, astray);
  const ids = Array.from({ length: SHARDS }, (_, p) => [`keyed-${String(p)}`, `keyless-${String(p)}`]).flat();
  for (const name of organizations) await untilCharged(name, ['home', ...ids]);
  const own = (await charges()).filter(({ organization }) => organizations.includes(organization));
  expect(own.filter(({ shard, organization }) => shard !== home.get(organization))).toEqual([]);
  const wrong = organizations.length * 2 * (SHARDS - 1);
  const { isMoved } = await untilGrown(growth, { forwarded_records_total: wrong, dead_letters_total: 0 });
  // As they were, in the right place: each copy has key, bytes and headers of what was sent.
  const isOurs = ({ headers: { trace } }: ReadRecord): boolean => organizations.includes(trace?.split('/')[0] ?? '');
  const records = (await service.read(USAGE, (all) => all.filter(isOurs).length >= astray.length + wrong)) //
    .filter(isOurs);
  if (!isMoved) expect(records).toHaveLength(astray.length + wrong);
  for (const { key, value, partition, headers: given } of astray) {
    const copies = records.filter((record) => record.headers['trace'] === given.trace);
    const to = home.get(given.trace.split('/')[0] ?? '');
    const partitions = [...new Set(copies.map((copy) => copy.partition))].sort();
    expect(partitions).toEqual(partition === to ? [to] : [partition, to ?? -1].sort());
    for (const copy of copies) expect(copy).toMatchObject({ key, value, headers: given });
  }
}, 180_000);

/** The catalogue of faults: the session timeout, at most 10 s, and 5 s. */
const TAKEN_OVER_MS = 15_000;

test(`FLT-32: the usage of a worker that is killed is charged again by the other one within ${String(TAKEN_OVER_MS / 1_000)} s, each event once`, async () => {
  const organizations = await makeOneInEachShard(cluster.url, SHARDS);
  const [victim, survivor] = workers();
  const sendAll = async (id: string): Promise<void> => {
    await service.send(
      USAGE,
      organizations.map((name) => messageOf(usageOf(name, id, 1))),
    );
  };
  const isCharged = async (id: string): Promise<boolean> => {
    const charged = new Set((await charges()).flatMap((one) => (one.id === id ? [one.organization] : [])));
    return organizations.every((name) => charged.has(name));
  };
  const [before, killed] = ['before', 'after'];
  await sendAll(before);
  await until('all are charged', WAIT_MAX_MS, () => isCharged(before));
  const shards = new Set((await charges()).flatMap((one) => (one.id === before ? [one.shard] : [])));
  expect(shards.size).toBe(SHARDS);
  const rebalances = `drawdown_${REBALANCES}`;
  const seen = await survivor.metric(rebalances);
  const orphaned = await victim.metric('drawdown_shards_owned');
  expect(orphaned).toBeGreaterThan(0);
  const loads = await survivor.metric('drawdown_shard_loads_total');
  // In hand while it dies: decided or not, acknowledged or not.
  const during = Array.from({ length: 8 }, (_, n) => `during-${String(n)}`);
  const sending = Promise.all(during.map(sendAll));
  const from = performance.now();
  await victim.killForGood();
  await sendAll(killed);
  await until('the other one charges them', WAIT_MAX_MS, () => isCharged(killed));
  const seconds = (performance.now() - from) / 1_000;
  process.stdout.write(`killed worker: its usage is charged by the other ${seconds.toFixed(1)} s after the kill\n`);
  expect(seconds * 1_000).toBeLessThan(TAKEN_OVER_MS * allowance());
  await sending;
  for (const name of organizations) await untilCharged(name, [before, killed, ...during]);
  const ownsAll = async (): Promise<boolean> => (await survivor.metric('drawdown_shards_owned')) === SHARDS;
  await until('the other one owns all shards', WAIT_MAX_MS, ownsAll);
  // One that is late to a heartbeat on a busy machine is sent round once more, and loads again.
  expect(await survivor.metric(rebalances)).toBeGreaterThan(seen);
  expect(await survivor.metric('drawdown_shard_loads_total')).toBeGreaterThanOrEqual(loads + orphaned);
  expect(survivor.ownEnds).toEqual([]);
  victim.start();
  await cluster.ready();
}, 180_000);
