import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { type EventStoreDbDouble, startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { ledgerStream } from '@drawdown/domain';
import { type Reply, send } from './testing/api';
import { KafkaService, messageOf } from './testing/forms/kafka-service';
import { usageOf } from './testing/forms/organizations';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

/** gRPC's PERMISSION_DENIED. */
const DENIED = 7;
const CLIENTS = 4;
const DENIED_MS = 6_000;
/** FLT-25: from one try to the next. */
const PAUSE_MS = 1_000;
const CLIENT_PAUSE_MS = 20;
/** Of one processor; a loop without a pause takes all of it. */
const BUSY_MAX = 0.5;
const USAGES = 5;
const STREAM = ledgerStream(0);
const PAGE = 500;
const BACK_MAX_MS = 60_000;

let folder: string;
let broker: KafkaBroker;
let double: EventStoreDbDouble;
let api: AppProcess;
let worker: AppProcess;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-denied-'));
  const [apiPort = 0, workerPort = 0, nobody = 0] = await freePorts(3);
  [double, broker] = await Promise.all([startDouble(path.join(folder, 'store')), startKafkaBroker()]);
  const started = (name: string, port: number, more: Readonly<Record<string, string>>): AppProcess => {
    const environment = {
      ...{ HOST: '127.0.0.1', PORT: String(port), DRAWDOWN_DATA: path.join(folder, name), ...more },
      ...{ EVENTSTORE_URL: double.url, KAFKA_BROKERS: broker.address, DRAWDOWN_SHARDS: '1' },
    };
    const process = new AppProcess({ name, file: path.resolve('dist/apps', name, 'src/main.js'), environment, port });
    process.start();
    return process;
  };
  // Nobody listens there: commands need no read models.
  const database = { DATABASE_URL: `postgres://nobody@127.0.0.1:${String(nobody)}/none` };
  api = started('api', apiPort, { ...database, DRAWDOWN_ADMIN_KEY: ADMIN_KEY });
  worker = started('worker', workerPort, {});
  await worker.ready();
  await until('the shard is owned', BACK_MAX_MS, async () => (await worker.metric('drawdown_shards_owned')) === 1);
  await until('the api is there', BACK_MAX_MS, async () => (await create('first')).status === 201);
}, 180_000);
afterEach(() => double.faults.heal());
afterAll(async () => {
  await Promise.all([api.stop(), worker.stop()]);
  await Promise.all([double.stop(), broker.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** A command under a key of its own, the same each time; a connection that is refused is as good as a 503. */
const create = async (id: string): Promise<Reply> => {
  const made = { id, name: id, preset: 'enterprise' };
  const answer = send(`${api.url}/v1/organizations`, 'POST', made, { 'idempotency-key': `key-${id}` });
  return answer.catch((error: unknown) => ({ status: 503, body: { code: 'unavailable', error: String(error) } }));
};
const isUp = async ({ url }: AppProcess): Promise<boolean> =>
  (await (await fetch(`${url}/metrics`)).text()).includes('drawdown_dependency_up{dependency="event_store"} 1');
const readyz = async ({ url }: AppProcess): Promise<string> => (await fetch(`${url}/readyz`)).text();

/** How many facts name each of these; the first organization has no rate card, so its usage is kept to be priced later. */
const ledgerWith = async (ids: readonly string[]): Promise<readonly number[]> => {
  const store = openEventStoreDb(double.url);
  try {
    const facts: string[] = [];
    for (
      let page = await store.read(STREAM, 0, PAGE);
      page.length > 0;
      page = await store.read(STREAM, facts.length, PAGE)
    )
      facts.push(...page.map(({ data }) => Buffer.from(data).toString()));
    return ids.map((id) => facts.filter((fact) => fact.includes(id)).length);
  } finally {
    await store.close();
  }
};

interface Tried {
  /** What was sent and refused; to be sent again. */
  readonly ids: readonly string[];
  readonly ms: number;
  readonly appends: number;
  /** Share of a processor that the worker has used. */
  readonly busy: number;
}

/** What the worker has used of a processor, in seconds, as the kernel counts it; in hundredths of them. */
const processorSeconds = (): number => {
  const [, afterName = ''] = readFileSync(`/proc/${String(worker.pid)}/stat`, 'utf8').split(') ');
  const fields = afterName.split(' ').map(Number);
  return ((fields[11] ?? NaN) + (fields[12] ?? NaN)) / 100;
};

/** Some clients send commands one after the other, all of which have to be unavailable. */
const tryForLong = async (name: string): Promise<Tried> => {
  const [from, appends, seconds, ids] = [performance.now(), double.faults.appends, processorSeconds(), [] as string[]];
  const client = async (c: number): Promise<void> => {
    for (let n = 0; performance.now() - from < DENIED_MS; n++) {
      const id = `${name}-${String(c)}-${String(n)}`;
      expect(await create(id)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
      ids.push(id);
      await sleep(CLIENT_PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, c) => client(c)));
  const used = processorSeconds() - seconds;
  const ms = performance.now() - from;
  const busy = (used / ms) * 1_000;
  process.stdout.write(
    `denied: ${String(ids.length)} refused, the worker used ${(100 * busy).toFixed(0)} % of a processor\n`,
  );
  return { ids, ms, appends: double.faults.appends - appends, busy };
};

const goesOn = async (ids: readonly string[]): Promise<void> => {
  double.faults.heal();
  for (const id of ids.slice(-CLIENTS)) {
    await until(`${id} is made`, BACK_MAX_MS, async () => (await create(id)).status === 201);
  }
  await until('the worker is ready', BACK_MAX_MS, async () => (await readyz(worker)).includes('"status":"ready"'));
  await until('the event store is up', BACK_MAX_MS, () => isUp(worker));
  expect([...api.ownEnds, ...worker.ownEnds]).toEqual([]);
};

test('FLT-25: a store that takes no appends is tried once a second at most, and commands and usage wait for it', async () => {
  double.faults.accessDenied = true;
  const ids = Array.from({ length: USAGES }, (_, n) => `usage-${String(n)}-while-denied`);
  const usages = ids.map((id) => messageOf(usageOf('first', id, 1)));
  await new KafkaService(broker.address).send('drawdown.usage.v1', usages);
  const { ids: refused, ms, appends, busy } = await tryForLong('read-only');
  expect(appends).toBeGreaterThan(1);
  expect(appends).toBeLessThanOrEqual(ms / PAUSE_MS + 2);
  expect(busy).toBeLessThan(BUSY_MAX);
  // Between two attempts to store it has only read, and complains of nothing.
  await until('it says why', BACK_MAX_MS, async () => (await readyz(worker)).includes('access denied'));
  expect(await worker.metric('drawdown_append_total{outcome="failed"}')).toBeGreaterThan(0);
  const waiting = (what: string): Promise<number> => worker.metric(`drawdown_worker_lag_${what}`);
  await until('what waits is told', BACK_MAX_MS, async () => (await waiting('records')) >= USAGES);
  await until('and since when', BACK_MAX_MS, async () => (await waiting('seconds')) > 0);
  expect(await ledgerWith(ids)).toEqual(ids.map(() => 0));
  await goesOn(refused);
  await until('the usage is decided', BACK_MAX_MS, async () => (await ledgerWith(ids)).every((count) => count > 0));
  expect(await ledgerWith(ids)).toEqual(ids.map(() => 1));
  await until('nothing waits', BACK_MAX_MS, async () => (await waiting('records')) + (await waiting('seconds')) === 0);
}, 180_000);

test('FLT-25: with its credentials revoked everybody says that the store is down, and nobody asks without a pause', async () => {
  double.faults.accessDenied = true;
  double.faults.readsFail = DENIED;
  const { ids, ms, appends, busy } = await tryForLong('revoked');
  expect(appends).toBeLessThanOrEqual(ms / PAUSE_MS + 2);
  expect(busy).toBeLessThan(BUSY_MAX);
  for (const process of [api, worker]) {
    await until(`${process.name} says so`, BACK_MAX_MS, async () => !(await isUp(process)));
  }
  await until('it says why', BACK_MAX_MS, async () => (await readyz(worker)).includes('PERMISSION_DENIED'));
  await goesOn(ids);
}, 180_000);
