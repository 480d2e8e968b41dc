import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { type EventStoreDbDouble, startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { ledgerStream } from '@drawdown/domain';
import { COMMANDS_TOPIC } from '@drawdown/ledger';
import { Kafka, logLevel } from 'kafkajs';

const KEY = 'killed-api-admin-key-0123456789';
const SHARDS = 2;
const COMMANDS = 12;
const WAIT_MAX_MS = 60_000;

let folder: string;
let broker: KafkaBroker;
let store: EventStoreDbDouble;
let api: AppProcess;
let worker: AppProcess;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-killed-'));
  const [apiPort = 0, workerPort = 0, nobody = 0] = await freePorts(3);
  [store, broker] = await Promise.all([startDouble(path.join(folder, 'store')), startKafkaBroker()]);
  const started = (name: string, port: number): AppProcess => {
    const environment = {
      ...{ HOST: '127.0.0.1', PORT: String(port), DRAWDOWN_DATA: path.join(folder, name) },
      ...{ EVENTSTORE_URL: store.url, KAFKA_BROKERS: broker.address, DRAWDOWN_SHARDS: String(SHARDS) },
      // Nobody listens there: commands need no read models.
      ...(name === 'api' ? { DATABASE_URL: `postgres://nobody@127.0.0.1:${String(nobody)}/none` } : {}),
      ...(name === 'api' ? { DRAWDOWN_ADMIN_KEY: KEY } : {}),
    };
    const process = new AppProcess({ name, file: path.resolve('dist/apps', name, 'src/main.js'), environment, port });
    process.start();
    return process;
  };
  [api, worker] = [started('api', apiPort), started('worker', workerPort)];
  await worker.ready();
  await until('all shards are owned', async () => (await worker.metric('drawdown_shards_owned')) === SHARDS);
}, 180_000);
afterAll(async () => {
  worker.thaw();
  await Promise.all([api.stop(), worker.stop()]);
  await Promise.all([store.stop(), broker.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + WAIT_MAX_MS; !(await holds()); await new Promise((go) => setTimeout(go, 50))) {
    if (performance.now() > end) throw new Error(`${what}: not in time\n${api.lastSaid}\n${worker.lastSaid}`);
  }
};

interface Answer {
  readonly status: number;
  readonly replayed: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A command of a client, under a key of its own; null where the api goes away before it answers. */
const sent = async (id: string): Promise<Answer | null> => {
  try {
    const response = await fetch(`${api.url}/v1/organizations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'idempotency-key': `key-${id}` },
      body: JSON.stringify({ id, name: id, preset: 'enterprise' }),
      signal: AbortSignal.timeout(15_000),
    });
    const replayed = response.headers.get('idempotent-replay') === 'true';
    return { status: response.status, replayed, body: (await response.json()) as Answer['body'] };
  } catch {
    return null;
  }
};
/** As a client is told to: again with the same key, as long as nobody answers or the answer is 503. */
const sentAgain = async (id: string): Promise<Answer> => {
  let answer: Answer | null = null;
  await until(`an answer to ${id}`, async () => {
    answer = await sent(id);
    return answer !== null && answer.status !== 503;
  });
  if (answer === null) throw new Error('no answer');
  return answer;
};

const produced = async (): Promise<number> => {
  const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return (await admin.fetchTopicOffsets(COMMANDS_TOPIC)).reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.disconnect();
  }
};
/** Organizations that the log has made, in order. */
const made = async (): Promise<unknown[]> => {
  const log = openEventStoreDb(store.url);
  try {
    const shards = Array.from({ length: SHARDS }, (_, shard) => log.read(ledgerStream(shard), 0, 1_000));
    const events = (await Promise.all(shards)).flat();
    const created = events.filter(({ type }) => type.startsWith('OrganizationCreated'));
    return created.map(({ metadata }) => metadata['organization_id']).sort();
  } finally {
    await log.close();
  }
};

test('FLT-14: the api is killed while commands wait for their outcome: each is decided once, and sent again gets that', async () => {
  expect((await sentAgain('before')).status).toBe(201);
  const before = await produced();
  const replayedBefore = await worker.metric('drawdown_commands_total{outcome="replayed"}');
  const ids = Array.from({ length: COMMANDS }, (_, i) => `killed-${String(i).padStart(2, '0')}`);
  worker.freeze();
  const waiting = ids.map(sent);
  await until('all are produced', async () => (await produced()) >= before + COMMANDS);
  await api.kill();
  // On a slow machine some were told before that the outcome is unknown.
  for (const answer of await Promise.all(waiting)) expect([undefined, 503]).toContain(answer?.status);
  worker.thaw();
  const answers = await Promise.all(ids.map(sentAgain));
  expect(answers.map(({ status, replayed, body }) => ({ status, replayed, id: body['id'] }))).toEqual(
    ids.map((id) => ({ status: 201, replayed: true, id })),
  );
  expect(await made()).toEqual(['before', ...ids]);
  const replayed = (await worker.metric('drawdown_commands_total{outcome="replayed"}')) - replayedBefore;
  expect(replayed).toBeGreaterThanOrEqual(COMMANDS);
  expect(worker.ownEnds).toEqual([]);
}, 300_000);
