import { type Cluster, type ProjectorProcesses, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { Kafka, logLevel } from 'kafkajs';
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { insist } from './testing/api';
import { checkBooks } from './testing/real-input/check-books';
import { type Fault, freezing, kills, restarts, shuffled } from './testing/real-input/cluster-faults';
import { expectedOf, type Request, requestsOf } from './testing/real-input/oracle';
import {
  advance,
  FIRST_IMPORT_AT,
  LATER,
  numbers,
  organization,
  prepare,
  readBooks,
  SECOND_IMPORT_AT,
} from './testing/real-input/scene';
import { usageFilesIn } from './testing/real-input/usage-files';
import { UsageProducer } from './testing/real-input/usage-producer';
import { Seeded } from './testing/seeded';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const SHARDS = 4;
const KILLS = 36;
/** Of each server, in each half of the run. */
const RESTARTS = 1;
/** Records of one send. */
const CHUNK = 100;
/** Between two faults: most of what was struck is back by then, some is not. */
const FAULT_EVERY_MS = 1_200;
/** What is left when the faults end, with everything to be started again. */
const CATCH_UP_MAX_MS = 150_000;
/** Of each file; everything where nobody says so. */
const ROWS = Number(process.env['CLUSTER_ROWS'] ?? (process.env['CI'] === undefined ? Infinity : 6_000));

/** Of each process, where a run fails. */
const LINES_TOLD = 12;

const say = (line: string): void => {
  process.stdout.write(`cluster: ${line}\n`);
};

let folder: string;
let cluster: Cluster | undefined;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-cluster-'));
  chmodSync(folder, 0o711); // PostgreSQL runs as somebody else where root starts it
});
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Both files, as far as they are used. */
const readRequests = (): readonly [readonly Request[], readonly Request[]] => {
  const files = usageFilesIn(path.join(folder, 'files'));
  if (!files.real)
    say('SKIPPED with real data: it is not there (DRAWDOWN_REAL_DATA). Generated rows are used instead.');
  const all = [requestsOf(files.conversation), requestsOf(files.code)] as const;
  if (Number.isFinite(ROWS)) say(`only the first ${String(ROWS)} rows of each file (CLUSTER_ROWS; under CI fewer)`);
  return [all[0].slice(0, ROWS), all[1].slice(0, ROWS)];
};

/** What every process prints, in files: told at the end where the run fails. */
const startAll = (name: string, projectors: ProjectorProcesses): Promise<Cluster> => {
  const logs = path.join(folder, name, 'logs');
  mkdirSync(logs, { recursive: true });
  const said = (app: string, line: string): void => {
    appendFileSync(path.join(logs, `${app}.log`), `${new Date().toISOString()} ${line}\n`);
  };
  const shape = { shards: SHARDS, workers: 2, projectors };
  return startCluster({ folder: path.join(folder, name), ...shape, adminKey: ADMIN_KEY, said });
};

/** Why a run failed can be seen in what the processes said last, and in how far each topic was read. */
const tellWhy = async ({ apps, addresses }: Cluster, name: string): Promise<void> => {
  for (const { name: app } of apps) {
    const file = path.join(folder, name, 'logs', `${app}.log`);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LINES_TOLD) : [];
    for (const line of lines) say(`${app}: ${line.slice(0, 400)}`);
  }
  const admin = new Kafka({ clientId: 'test', brokers: [addresses.KAFKA_BROKERS], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  for (const topic of await admin.listTopics()) {
    const bounds = await admin.fetchTopicOffsets(topic);
    say(`${topic}: ${bounds.map(({ low, high }) => `${low}–${high}`).join(', ')}`);
  }
  for (const { groupId } of (await admin.listGroups()).groups) {
    say(`${groupId}: ${JSON.stringify(await admin.fetchOffsets({ groupId }))}`);
  }
  await admin.disconnect();
};

/** Runs it on a cluster of its own. */
const onCluster = async (
  name: string,
  projectors: ProjectorProcesses,
  run: (running: Cluster) => Promise<void>,
): Promise<void> => {
  cluster = await startAll(name, projectors);
  try {
    await run(cluster);
  } catch (error) {
    await tellWhy(cluster, name).catch((thrown: unknown) => say(`nor is it known why: ${String(thrown)}`));
    throw error;
  }
};

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

/** How many charges the read model of transactions shows; -1 where the database does not answer. */
const charges = async ({ addresses }: Cluster): Promise<number> => {
  const client = new Client({ connectionString: addresses.DATABASE_URL, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined); // it is killed in between
  try {
    await client.connect();
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE tablename ~ '^transactions(_|$)' ORDER BY 1 DESC LIMIT 1`,
    );
    const { rows } = await client.query<{ count: string }>(
      `SELECT count(*) FROM ${tables[0]?.name ?? 'transactions'} WHERE kind = 'consumption'`,
    );
    return Number(rows[0]?.count);
  } catch {
    return -1;
  } finally {
    await client.end().catch(() => undefined);
  }
};

const deadLetters = async ({ addresses }: Cluster): Promise<number> => {
  const brokers = [addresses.KAFKA_BROKERS];
  const admin = new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets('drawdown.dead-letter.v1');
  await admin.disconnect();
  return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
};

/** Reports the requests while the faults strike, evenly over the time that these take; resolves when all is charged. */
const report = async (
  running: Cluster,
  {
    source,
    requests,
    before,
    faults,
  }: { source: string; requests: readonly Request[]; before: number; faults: Fault[] },
): Promise<void> => {
  const producer = new UsageProducer(running.addresses.KAFKA_BROKERS);
  await producer.connect();
  const striking = strike(faults);
  const pauseMs = (faults.length * FAULT_EVERY_MS * CHUNK) / requests.length;
  for (let at = 0; at < requests.length; at += CHUNK) {
    await producer.send(source, requests.slice(at, at + CHUNK));
    await sleep(pauseMs);
  }
  await striking;
  await producer.disconnect();
  const all = before + requests.length;
  let last = 0;
  const ms = await until(`${String(all)} charges`, CATCH_UP_MAX_MS, async () => {
    last = await charges(running);
    return last >= all;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: there are ${String(last)}`);
  });
  say(`${source}: ${String(requests.length)} rows, the last charged ${(ms / 1000).toFixed(1)} s after the last fault`);
};

const strike = async (faults: readonly Fault[]): Promise<void> => {
  for (const { what, strike: act } of faults) {
    await sleep(FAULT_EVERY_MS);
    say(what);
    await act();
  }
};

/** Lets both files through, and compares everything with what was worked out otherwise. */
const runThrough = async (running: Cluster, faults: readonly [Fault[], Fault[]]): Promise<void> => {
  const [first, second] = readRequests();
  const expected = new Map(numbers.map((n) => [n, expectedOf(n, first, second)]));
  const begun = performance.now();
  const clock = await prepare(running.url);
  await advance(running.url, clock, FIRST_IMPORT_AT);
  say(`prepared in ${seconds(begun)} s`);
  await report(running, { source: 'conversation', requests: first, before: 0, faults: faults[0] });
  await advance(running.url, clock, SECOND_IMPORT_AT);
  await report(running, { source: 'code', requests: second, before: first.length, faults: faults[1] });
  await running.ready();
  // Moved to where it stands: from here on reads show everything that there is.
  await advance(running.url, clock, SECOND_IMPORT_AT);
  say(`everything is back and settled after ${seconds(begun)} s`);

  const wallet = await insist(`${running.url}/v1/organizations/${organization(1)}/wallets/credits`, 'GET');
  const { position } = wallet['as_of'] as { readonly position: string };
  checkBooks(await readBooks(running.url, position), expected, SECOND_IMPORT_AT);
  await advance(running.url, clock, LATER);
  checkBooks(await readBooks(running.url, position), expected, LATER);
  let shown = -1;
  await until('the database answers', CATCH_UP_MAX_MS, async () => (shown = await charges(running)) >= 0);
  expect(shown).toBe(first.length + second.length);
  expect(await deadLetters(running)).toBe(0);
  say(`${String(numbers.length)} organizations exact; ${seconds(begun)} s in all`);
};

test('the processes charge real usage from Kafka to the last nano-credit', async () => {
  await onCluster('undisturbed', 'together', async (running) => {
    await runThrough(running, [[], []]);
    expect(running.apps.flatMap(({ ownEnds }) => ownEnds)).toEqual([]);
  });
});

test(`whatever is killed, ${String(KILLS)} times, and whoever stands still meanwhile, the books are the same`, async () => {
  const seeded = Seeded.fresh();
  say(`faults: SEED=${String(seeded.seed)}`);
  await onCluster('killed', 'apart', async (running) => {
    const all = kills(running, seeded, KILLS);
    const servers = Array.from({ length: RESTARTS }, () => restarts(running)).flat();
    const [half, rest] = [all.slice(0, KILLS / 2), all.slice(KILLS / 2)];
    const faults: readonly [Fault[], Fault[]] = [
      shuffled([...half, ...servers, freezing(running)], seeded),
      shuffled([...rest, ...servers], seeded),
    ];
    await runThrough(running, faults);
    for (const end of [running.eventStore, ...running.apps].flatMap((app) => app?.ownEnds ?? [])) say(end);
  });
});
