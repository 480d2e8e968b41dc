import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PostgresServer, type PostgresServerOptions } from '@drawdown/adapters/postgres/testing/postgres-server';
import { DatabaseUnavailable } from '@drawdown/ports';
import { assertBooks } from '@drawdown/projections/testing';
import { all, headOf, insist, type Reply, send } from './testing/api';
import { ORGANIZATIONS } from './testing/load/operations';
import { checkBooks, endLoads, outcomes, startLoad } from './testing/load/scene';
import { metricSum } from './testing/metrics';
import { checkpointsOf, inReadDatabase, untilAllCameTo } from './testing/read-database';
import { mayMountDisk, type Room, smallDisk } from './testing/room';
import { ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const CLIENTS = 4;
/** Operations that have to be answered while there is no room: they need none in the database. */
const MEANWHILE = 60;
/** Tries that have failed while a read model stood still. */
const TRIES = 4;
/** Until what was left is used up, and for what is no rule here: on a machine that others use at the same time. */
const WAIT_MAX_MS = 60_000;
/** FLT-42 says 10 s, which is for a machine that does nothing else: how long it took is printed. */
const BACK_MAX_MS = 30_000;

let folder: string;
let room: Room | undefined;
let postgres: PostgresServer | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-database-disk-'));
  chmodSync(folder, 0o711); // PostgreSQL has an account of its own where this is root's, and comes this way
});
afterEach(async () => {
  await ServerProcess.endAll();
  await endLoads();
  room?.give(0); // it cannot end in order without room
  await postgres?.remove();
  postgres = undefined;
  room?.remove();
  room = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const say = (line: string): void => {
  process.stdout.write(`database disk: ${line}\n`);
};

const READS = '/v1/organizations/rich-1';
/** A question to every read model that HTTP asks here, small enough for PostgreSQL to need no room of its own for it. */
const SMALL = [
  'transactions?period=all&limit=20',
  'breakdown?by=workspace&period=all',
  'burn-rate?wallet=credits',
  'burndown?wallet=credits',
];
/** With so little memory PostgreSQL puts a few hundred rows aside on the disk to sort them, as it does many more otherwise. */
const LARGE = 'transactions?period=all&limit=500';
const SPILLS = { work_mem: '256kB' };

const read = (url: string, question: string): Promise<Reply> => send(`${url}${READS}/${question}`, 'GET');
const statuses = (url: string): Promise<readonly number[]> =>
  Promise.all(SMALL.map(async (question) => (await read(url, question)).status));
const areShown = async (url: string): Promise<boolean> => (await statuses(url)).every((status) => status === 200);
const rowsOf = (url: string) => all(`${url}${READS}/transactions?order=asc&period=all&limit=20`, insist);

/** A product whose read database stands on the small disk, under load. */
const scene = async ({ folder: disk }: Room, options: PostgresServerOptions) => {
  const started = await PostgresServer.start({ folder: path.join(disk, 'postgres'), ...options });
  postgres = started;
  const database = await started.newDatabase();
  const environment = { DATABASE_URL: database };
  const server = await ServerProcess.start({ dataFolder: path.join(folder, 'data'), environment });
  const load = await startLoad(server.url, folder, CLIENTS);
  await until('there is something to read', WAIT_MAX_MS, () => areShown(server.url));
  return { ...load, postgres: started, database, server, url: server.url };
};
type Scene = Awaited<ReturnType<typeof scene>>;

/** Usage is charged all the time. */
const untilCharged = async ({ generator }: Scene): Promise<void> => {
  const { begun } = generator;
  await until('operations go on', WAIT_MAX_MS, () => generator.begun > begun + MEANWHILE);
};

const failed = ({ url }: Scene): Promise<number> => metricSum(url, 'projection_errors_total');

/** Whether the read model of the transactions stays where it is while the tries fail. */
const standsStill = (at: Scene): Promise<boolean> =>
  inReadDatabase(at.database, async (session) => {
    const revision = async () =>
      [...(await checkpointsOf(session))].find(([model]) => model.startsWith('transactions_'))?.[1];
    const [before, count] = [await revision(), await failed(at)];
    await until('it is tried again', WAIT_MAX_MS, async () => (await failed(at)) >= count + TRIES);
    return (await revision()) === before;
  });

/** The rows are whole and those of the checkpoint: numbered without a gap, and the same when they are asked for again. */
const expectPrefix = async (url: string): Promise<void> => {
  const rows = await rowsOf(url);
  expect(rows.map((row) => row['sequence'])).toEqual(rows.map((_, index) => index + 1));
  expect((await rowsOf(url)).slice(0, rows.length)).toEqual(rows);
};

const endsAtCheckpoint = (database: string): Promise<boolean> =>
  inReadDatabase(database, (session) => session.query('CHECKPOINT')).then(
    () => false,
    (error: unknown) => error instanceof DatabaseUnavailable,
  );

/** All read models catch up without a restart of the product, and say what was charged meanwhile, and nothing else. */
const expectBack = async (at: Scene): Promise<void> => {
  const head = await headOf(at.url, 'rich-1');
  const backMs = await inReadDatabase(at.database, (session) => untilAllCameTo(head, BACK_MAX_MS, session));
  say(`all read models level ${backMs.toFixed(0)} ms after there was room`);
  await at.generator.stop();
  const journaled = at.journal.read();
  say(`${String(journaled.length)} operations: ${outcomes(journaled)}`);
  await checkBooks(at.url, journaled);
  await inReadDatabase(at.database, async (session) => {
    for (const organization of ORGANIZATIONS) {
      await untilAllCameTo(await headOf(at.url, organization), BACK_MAX_MS, session);
    }
    await assertBooks(session);
  });
  expect(await metricSum(at.url, 'http_requests_total', 'status="500"')).toBe(0);
  expect((await at.server.stop()).code).toBe(0);
};

const onDisk = mayMountDisk('FLT-42, a full disk of the read database') ? test : test.skip;

onDisk(
  'FLT-42: with no room in the database, usage is charged, reads show the last checkpoint, and it goes on by itself',
  async () => {
    room = smallDisk(folder);
    // What is written ahead lies elsewhere: without room for that PostgreSQL ends, see below.
    const at = await scene(room, { walFolder: path.join(folder, 'wal'), settings: SPILLS });
    await until('there is a whole large page', WAIT_MAX_MS, async () => {
      const { status, body } = await read(at.url, LARGE);
      return status === 200 && body['next_cursor'] !== null;
    });
    expect(await failed(at)).toBe(0);
    room.take(at.server.pid);
    await until('saving fails', WAIT_MAX_MS, async () => (await failed(at)) > 0);
    await until('it stands still', WAIT_MAX_MS, () => standsStill(at));
    await until('all is shown', WAIT_MAX_MS, () => areShown(at.url));
    await expectPrefix(at.url);
    expect(await read(at.url, LARGE)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    await untilCharged(at);
    const after = await headOf(at.url, 'rich-1');
    expect(await read(at.url, `${SMALL[0] ?? ''}&after=${after}`)).toMatchObject({
      body: { code: 'read_model_behind' },
    });
    await until('readiness names the read models alone', WAIT_MAX_MS, async () => {
      const { body } = await send(`${at.url}/readyz`, 'GET');
      const checks = body['checks'] as Record<string, { readonly ok: boolean; readonly reason: string | null }>;
      const isRest = checks['ledger']?.ok === true && checks['database']?.ok === true;
      return isRest && (checks['read_models']?.reason ?? '').includes('No space left on device');
    });
    room.give(at.server.pid);
    await expectBack(at);
  },
  240_000,
);

onDisk(
  'FLT-42: PostgreSQL ends at its next checkpoint without room: usage is charged, and started again it has all of it',
  async () => {
    room = smallDisk(folder);
    const at = await scene(room, {});
    await untilCharged(at);
    room.take(at.server.pid);
    await until('saving fails', WAIT_MAX_MS, async () => (await failed(at)) > 0);
    // It makes one every five minutes by itself, with files for which there is no room either.
    await until('PostgreSQL ends', WAIT_MAX_MS, () => endsAtCheckpoint(at.database));
    await until('reads say so', WAIT_MAX_MS, async () => (await statuses(at.url)).every((status) => status === 503));
    await untilCharged(at);
    room.give(at.server.pid);
    await at.postgres.again();
    await expectBack(at);
  },
  240_000,
);
