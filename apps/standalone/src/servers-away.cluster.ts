import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { ledgerStream } from '@drawdown/domain';
import { format } from '@drawdown/kernel';
import { recorded } from '@drawdown/ledger/testing';
import type { EventStore } from '@drawdown/ports';
import { Kafka, logLevel } from 'kafkajs';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { insist, type Reply, send } from './testing/api';
import { callingAt } from './testing/calling';
import { charge, insistOnCharge } from './testing/forms/charge';
import { messageOf } from './testing/forms/kafka-service';
import { leftAfter, makeOrganizations, untilLeft, usageOf, walletOf } from './testing/forms/organizations';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const SHARDS = 2;
const LIVE_PER_S = 200;
/** What a minute at the live rate leaves behind; sent at once, so that the test need not last that long. */
const BACKLOG = 60 * LIVE_PER_S;
const CHUNK = 1_000;
/** From the catalogue of faults. */
const TIMES_LIVE = 5;
/** A read of a server that hangs: the wait for a position, and a sign of life. */
const TOLD_MAX_MS = 9_000;
/** What usage may take meanwhile: its client gives up later. */
const CHARGED_MAX_MS = 5_000;
const MEANWHILE = 10;
const WAIT_MAX_MS = 60_000;
/** From the catalogue of faults: until all is well after the broker has come back. */
const BACK_MAX_MS = 45_000;
/** So long a refusal waits to be kept before it is told. */
const KEPT_WITHIN_MS = 250;
const EVENT = { 'content-type': 'application/cloudevents+json' };

const say = (line: string): void => {
  process.stdout.write(`servers away: ${line}\n`);
};

let folder: string;
let cluster: Cluster;
let store: EventStore;
let sent = 0;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-away-'));
  chmodSync(folder, 0o711); // PostgreSQL runs as somebody else where root starts it
  cluster = await startCluster({ folder, shards: SHARDS, workers: 1, adminKey: ADMIN_KEY });
  store = openEventStoreDb(cluster.addresses.EVENTSTORE_URL);
}, 240_000);
afterAll(async () => {
  await store.close();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

/** Each a thousandth of an hour. */
const usages = (organization: string, count: number): Record<string, unknown>[] =>
  Array.from({ length: count }, () => usageOf(organization, `u${String((sent += 1))}`, 1));
/** What the log has of access decisions that refused an organization: the credits that were asked for. */
const refusalsOf = async (organization: string): Promise<readonly string[]> => {
  const shards = await Promise.all(Array.from({ length: SHARDS }, (_, shard) => recorded(store, shard)));
  return shards.flat().flatMap(({ event, organizationId }) => {
    if (event.type !== 'AccessRefused' || organizationId !== organization) return [];
    return [format(event.data.required)];
  });
};
const chargeOne = async (organization: string): Promise<void> => {
  const [usage = {}] = usages(organization, 1);
  expect(await insistOnCharge(cluster.url, usage)).toMatchObject({ outcome: 'charged' });
};
/** By the first try; resolves to how long that took. */
const chargeAtOnce = async (organization: string): Promise<number> => {
  const [usage = {}] = usages(organization, 1);
  const from = performance.now();
  expect(await charge(cluster.url, usage)).toMatchObject({ outcome: 'charged' });
  return performance.now() - from;
};
const base = (organization: string): string => `${cluster.url}/v1/organizations/${organization}`;
const timed = async (asked: Promise<Reply>): Promise<Reply & { readonly ms: number }> => {
  const from = performance.now();
  return { ...(await asked), ms: performance.now() - from };
};
const isUp = async (app: string, dependency: string): Promise<boolean> => {
  const text = await (await fetch(`${cluster.app(app).url}/metrics`)).text();
  return text.includes(`drawdown_dependency_up{dependency="${dependency}"} 1`);
};
const isReadable = async (organization: string): Promise<boolean> =>
  (await send(`${base(organization)}/transactions?limit=1`, 'GET')).status === 200;

describe('FLT-41: the read database', () => {
  const postgres = () => {
    if (cluster.postgres === null) throw new Error('it was not started here');
    return cluster.postgres;
  };

  test('that hangs makes reads unavailable within seconds, and usage is charged all the time', async () => {
    const [organization = ''] = await makeOrganizations(cluster.url, 1);
    await chargeOne(organization);
    const { position } = await untilLeft(cluster.url, organization, leftAfter(1));
    postgres().freeze();
    try {
      const reads = ['/wallets/credits', '/transactions', '/transactions?kind=grant', `/holds?after=${position}`];
      const answers = Promise.all(reads.map((read) => timed(send(base(organization) + read, 'GET'))));
      for (let n = 0; n < MEANWHILE; n++)
        expect(await chargeAtOnce(organization)).toBeLessThan(CHARGED_MAX_MS * allowance());
      for (const { status, body, ms } of await answers) {
        expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'unavailable' });
        expect(ms).toBeLessThan(TOLD_MAX_MS * allowance());
      }
      await until('the api says so', WAIT_MAX_MS, async () => !(await isUp('api', 'database')));
    } finally {
      postgres().thaw();
    }
    await until('it is read again', WAIT_MAX_MS, () => isReadable(organization));
    await untilLeft(cluster.url, organization, leftAfter(1 + MEANWHILE));
  });

  test(`that was away catches up at ${String(TIMES_LIVE)} times the live rate at least`, async () => {
    const [organization = ''] = await makeOrganizations(cluster.url, 1);
    const producer = await connected();
    const before = sent;
    const charges = (): Promise<number> => cluster.app('worker-1').metric('drawdown_charges_total');
    const lag = (): Promise<number> => cluster.app('transactions-projector').metric('drawdown_projection_lag_seconds');
    const chargedBefore = await charges();
    await postgres().stop();
    try {
      for (let n = 0; n < BACKLOG; n += CHUNK) await producer.send(usages(organization, CHUNK));
      await until('all of it is charged', WAIT_MAX_MS, async () => (await charges()) >= chargedBefore + BACKLOG);
      expect(await chargeAtOnce(organization)).toBeLessThan(CHARGED_MAX_MS * allowance());
      const read = await timed(send(`${base(organization)}/wallets/credits`, 'GET'));
      expect(read).toMatchObject({ status: 503, body: { code: 'unavailable' } });
      expect(read.ms).toBeLessThan(TOLD_MAX_MS * allowance());
      await until('how far behind it is is told', WAIT_MAX_MS, async () => (await lag()) > 0);
    } finally {
      await postgres().again();
    }
    const heads = await Promise.all(Array.from({ length: SHARDS }, (_, shard) => store.head(ledgerStream(shard))));
    const live = new LiveLoad(() => producer.send(usages(organization, LIVE_PER_S / LiveLoad.PER_S)));
    const ms = await until('the backlog is shown', WAIT_MAX_MS, () => isCommitted(heads));
    const times = ((BACKLOG / ms) * 1_000) / (await live.stop());
    say(`${String(BACKLOG)} charges in ${(ms / 1_000).toFixed(1)} s, ${times.toFixed(1)} times the live rate`);
    expect(times).toBeGreaterThanOrEqual(Math.max(2, TIMES_LIVE / (allowance() / 2)));
    await producer.close();
    await untilLeft(cluster.url, organization, leftAfter(sent - before));
    await until('it is level', WAIT_MAX_MS, async () => (await lag()) === 0);
  });

  /** Whether every read model has come to these revisions. */
  const isCommitted = async (heads: readonly number[]): Promise<boolean> => {
    const client = new Client({ connectionString: cluster.addresses.DATABASE_URL });
    await client.connect();
    try {
      const { rows } = await client.query<{ shard: number; revision: string }>(
        'SELECT shard, revision FROM projection_checkpoints',
      );
      return rows.every(({ shard, revision }) => Number(revision) >= (heads[shard] ?? 0));
    } finally {
      await client.end();
    }
  };
});

describe('FLT-30, FLT-31: the broker', () => {
  test('that is away leaves reads and checks as they were, which say as of when; what needs it is refused, and done once afterwards', async () => {
    const [organization = ''] = await makeOrganizations(cluster.url, 1);
    await chargeOne(organization);
    const before = await untilLeft(cluster.url, organization, leftAfter(1));
    const [usage = {}] = usages(organization, 1);
    const ask = callingAt(() => cluster.url, ADMIN_KEY);
    const post = (wait: string) => ask('POST', `/v1/events${wait}`, usage, EVENT);
    const own = (route: string) => `/v1/organizations/${organization}${route}`;
    const grant = { credit_type: 'purchased', amount: '7', reason: 'away' };
    const granting = () => ask('POST', own('/wallets/credits/grants'), grant, { 'idempotency-key': 'away' });
    const demand = (credits: string) =>
      timed(send(`${base(organization)}/check`, 'POST', { service_type: 'compute', estimate: { credits } }));
    const first = await demand('5000');
    expect(first.body).toMatchObject({ allowed: false });
    // INV-AUD-6: before it is told, unless it could not be kept for so long.
    if (first.ms >= KEPT_WITHIN_MS) {
      await until('it is on record', WAIT_MAX_MS, async () => (await refusalsOf(organization)).length > 0);
    }
    expect(await refusalsOf(organization)).toEqual(['5000']);
    // Afterwards nothing but the broker is missing.
    await insist(`${base(organization)}/transactions?after=${before.position}`, 'GET');
    const { kafka } = cluster;
    if (kafka === null) throw new Error('it was not started here');
    await kafka.kill();
    try {
      const refused = Promise.all([post(''), post('?wait=charged'), granting()]);
      await until('the api says so', WAIT_MAX_MS, async () => !(await isUp('api', 'kafka')));
      expect((await walletOf(cluster.url, organization, insist)).settled).toBe(before.settled);
      const read = await timed(send(`${base(organization)}/transactions?after=${before.position}`, 'GET'));
      expect(read).toMatchObject({ status: 200, body: { as_of: { position: expect.any(String) as string } } });
      expect(read.ms).toBeLessThan(TOLD_MAX_MS * allowance());
      // A check is a read of what is shown: no record carries it, so that it needs no broker.
      const check = { service_type: 'compute', estimate: { quantity: '1', unit: 'hours' } };
      const checked = await timed(send(`${base(organization)}/check?after=${before.position}`, 'POST', check));
      expect(checked).toMatchObject({ status: 200, body: { allowed: true, available: before.settled } });
      expect(checked.body['as_of']).toMatchObject({ position: expect.any(String) as string });
      expect(checked.ms).toBeLessThan(TOLD_MAX_MS * allowance());
      // One that refuses is told as well, and recorded when that can be done.
      const denied = await demand('6000');
      expect(denied).toMatchObject({ status: 200, body: { allowed: false, code: 'out_of_credits' } });
      expect(denied.ms).toBeLessThan(TOLD_MAX_MS * allowance());
      for (const { status, body, headers } of await refused) {
        expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'unavailable' });
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
    } finally {
      await kafka.restart();
    }
    const backMs = await until(
      'usage is charged and credits are granted again',
      BACK_MAX_MS * allowance(),
      async () => {
        const [charged, granted] = await Promise.all([post('?wait=charged'), granting()]);
        return charged.status === 200 && granted.status === 201;
      },
    );
    await until('the refusal is on record', WAIT_MAX_MS, async () => (await refusalsOf(organization)).includes('6000'));
    say(`charged and granted ${(backMs / 1_000).toFixed(1)} s after the broker was back`);
    await untilLeft(cluster.url, organization, leftAfter(2, 7));
  });
});

/** Sends some times a second until it is stopped; how much that was, per second, is its result. */
class LiveLoad {
  static readonly PER_S = 10;
  private readonly from = performance.now();
  private readonly running: Promise<number>;
  private stopped = false;

  constructor(private readonly sendSome: () => Promise<number>) {
    this.running = this.run();
  }

  async stop(): Promise<number> {
    this.stopped = true;
    const count = await this.running;
    return (count / (performance.now() - this.from)) * 1_000;
  }

  private async run(): Promise<number> {
    let count = 0;
    for (let turn = 1; !this.stopped; turn++) {
      count += await this.sendSome();
      await sleep(Math.max(0, this.from + (turn * 1_000) / LiveLoad.PER_S - performance.now()));
    }
    return count;
  }
}

/** A service's own producer. */
const connected = async () => {
  const kafka = new Kafka({ clientId: 'live', brokers: [cluster.addresses.KAFKA_BROKERS], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const sendAll = async (events: readonly Record<string, unknown>[]): Promise<number> => {
    await producer.send({ topic: 'drawdown.usage.v1', acks: -1, messages: events.map(messageOf) });
    return events.length;
  };
  return { send: sendAll, close: () => producer.disconnect() };
};
