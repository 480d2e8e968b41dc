import { type Cluster, type ProjectorProcesses, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { insist } from './testing/api';
import { REBALANCES } from './testing/forms/growth';
import { endLoads, type Load } from './testing/load/scene';
import { checkBooks } from './testing/real-input/check-books';
import { auditClients, startClients } from './testing/real-input/clients';
import { charges, deadLetters, workersMetric } from './testing/real-input/cluster-counts';
import {
  type Fault,
  freezing,
  kills,
  powerCut,
  restarts,
  shuffled,
  tellStruck,
  victimsIn,
} from './testing/real-input/cluster-faults';
import { checkEnds } from './testing/real-input/end-checks';
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
import { say } from './testing/real-input/say';
import { logOf, tellWhy } from './testing/real-input/tell-why';
import { usageFilesIn } from './testing/real-input/usage-files';
import { UsageProducer } from './testing/real-input/usage-producer';
import { Seeded } from './testing/seeded';
import { ADMIN_KEY } from './testing/server-process';
import { until } from './testing/until';

const SHARDS = 4;
const KILLS = 36;
/** Of each server, in each half of the run; one more of each is in the end of everything. */
const RESTARTS = 1;
/** Records of one send. */
const CHUNK = 100;
/** Between two faults: most of what was struck is back by then, some is not. */
const FAULT_EVERY_MS = 1_200;
/** What is left when the faults end, with everything to be started again. */
const CATCH_UP_MAX_MS = 150_000;
/** Two minutes where nobody else works; everything of both files on a machine that others use takes several times that. */
const KILLED_MAX_MS = 900_000;
/** Of each file; everything where nobody says so. */
const ROWS = Number(process.env['CLUSTER_ROWS'] ?? (process.env['CI'] === undefined ? Infinity : 6_000));

let folder: string;
let cluster: Cluster | undefined;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-cluster-'));
  chmodSync(folder, 0o711); // PostgreSQL runs as somebody else where root starts it
});
afterEach(async () => {
  await endLoads();
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

const logsOf = (name: string): string => path.join(folder, name, 'logs');

/** What every process prints, in files: told at the end where the run fails. */
const startAll = (name: string, projectors: ProjectorProcesses): Promise<Cluster> => {
  mkdirSync(logsOf(name), { recursive: true });
  const said = (app: string, line: string): void => {
    appendFileSync(logOf(logsOf(name), app), `${new Date().toISOString()} ${line}\n`);
  };
  const shape = { shards: SHARDS, workers: 2, projectors };
  return startCluster({ folder: path.join(folder, name), ...shape, adminKey: ADMIN_KEY, said });
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
    await tellWhy(cluster, logsOf(name)).catch((thrown: unknown) => say(`nor is it known why: ${String(thrown)}`));
    throw error;
  }
};

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

interface Report {
  readonly source: string;
  readonly requests: readonly Request[];
  /** Charges that are there already. */
  readonly before: number;
  readonly faults: readonly Fault[];
}

/**
 * Reports the requests while the faults strike, evenly over the time that these take; resolves when all is charged, with
 * how many records were sent.
 */
const report = async (running: Cluster, { source, requests, before, faults }: Report): Promise<number> => {
  const producer = new UsageProducer(running.addresses.KAFKA_BROKERS);
  await producer.connect();
  const striking = strike(faults);
  striking.catch(() => undefined); // met below: until then the records go on
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
  return producer.sent;
};

const strike = async (faults: readonly Fault[]): Promise<void> => {
  for (const { what, strike: act } of faults) {
    await sleep(FAULT_EVERY_MS);
    say(what);
    await act();
  }
};

interface Trial {
  readonly faults: readonly [readonly Fault[], readonly Fault[]];
  /** Sets further clients on the cluster once it is prepared. */
  readonly clients?: (url: string) => Promise<Load>;
}

/**
 * Lets both files through, and compares everything with what was worked out otherwise; resolves to the records sent and
 * the charges made.
 */
const runThrough = async (
  running: Cluster,
  { faults, clients }: Trial,
): Promise<{ readonly sent: number; readonly charged: number }> => {
  const [first, second] = readRequests();
  const expected = new Map(numbers.map((n) => [n, expectedOf(n, first, second)]));
  const begun = performance.now();
  const clock = await prepare(running.url);
  await advance(running.url, clock, FIRST_IMPORT_AT);
  const load = await clients?.(running.url);
  say(`prepared in ${seconds(begun)} s`);
  const sent = [await report(running, { source: 'conversation', requests: first, before: 0, faults: faults[0] })];
  await advance(running.url, clock, SECOND_IMPORT_AT);
  sent.push(await report(running, { source: 'code', requests: second, before: first.length, faults: faults[1] }));
  await running.ready();
  // Moved to where it stands: from here on reads show everything that there is.
  await advance(running.url, clock, SECOND_IMPORT_AT);
  say(`everything is back and settled after ${seconds(begun)} s`);
  if (load !== undefined) await auditClients(running.url, load);

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
  await checkEnds(running, SHARDS);
  return { sent: sent.reduce((sum, count) => sum + count, 0), charged: shown };
};

test('INV-INT-6: the processes charge real usage from Kafka to the last nano-credit, and count every record that was sent', async () => {
  await onCluster('undisturbed', 'together', async (running) => {
    const rebalances = () => workersMetric(running, `drawdown_${REBALANCES}`);
    const before = await rebalances();
    const { sent, charged } = await runThrough(running, { faults: [[], []] });
    const counted = await workersMetric(running, 'drawdown_intake_events_total');
    const countedCharged = 'drawdown_intake_events_total{outcome="charged",channel="kafka"}';
    expect(await workersMetric(running, countedCharged)).toBe(charged);
    // One that is late to a heartbeat on a busy machine is given records again, of which some count again.
    const isMoved = (await rebalances()) > before;
    if (!isMoved) expect(counted).toBe(sent);
    else {
      say(`the group moved meanwhile: ${String(counted)} records counted of ${String(sent)} that were sent`);
      expect(counted).toBeGreaterThanOrEqual(sent);
    }
    expect(running.apps.flatMap(({ ownEnds }) => ownEnds)).toEqual([]);
  });
});

test(
  `FLT-06, FLT-07, FLT-08: whatever is killed, ${String(KILLS)} times and all at once, and whoever stands still meanwhile, the books are the same`,
  async () => {
    const seeded = Seeded.fresh();
    say(`faults: SEED=${String(seeded.seed)}`);
    await onCluster('killed', 'apart', async (running) => {
      const all = kills(running, seeded, KILLS);
      const servers = Array.from({ length: RESTARTS }, () => restarts(running)).flat();
      const [half, rest] = [all.slice(0, KILLS / 2), all.slice(KILLS / 2)];
      const faults: Trial['faults'] = [
        shuffled([...half, ...servers, freezing(running, SHARDS)], seeded),
        shuffled([...rest, ...servers, powerCut(running)], seeded),
      ];
      await runThrough(running, { faults, clients: (url) => startClients(url, folder, seeded) });
      for (const end of [running.eventStore, ...running.apps].flatMap((app) => app?.ownEnds ?? [])) say(end);
      expect(tellStruck(running)).toBe(KILLS + victimsIn(running).length);
    });
  },
  KILLED_MAX_MS,
);
