import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { programsFolder } from '@drawdown/adapters/postgres/testing/postgres-programs';
import { PostgresServer } from '@drawdown/adapters/postgres/testing/postgres-server';
import { assertBooks, checksums } from '@drawdown/projections/testing';
import { Client } from 'pg';
import { all, headOf, insist, must, send } from './testing/api';
import type { Journal } from './testing/load/journal';
import { checkBooks, endLoads, outcomes, startLoad } from './testing/load/scene';
import { metricSum } from './testing/metrics';
import { inReadDatabase, revisionOf, untilAllCameTo } from './testing/read-database';
import { ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const CLIENTS = 4;
/** Operations before the backup, and after it. */
const LOAD = 150;
/** Refunds before the backup, and after it. */
const REFUNDS = 5;
/** For what is no rule here: on a machine that others use at the same time. */
const WAIT_MAX_MS = 60_000;

let folder: string;
let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await PostgresServer.start();
}, 240_000);
afterAll(() => postgres.remove());
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-restored-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  await endLoads();
  rmSync(folder, { recursive: true, force: true });
});

const say = (line: string): void => {
  process.stdout.write(`restored: ${line}\n`);
};

const run = async (program: string, ...parameters: readonly string[]): Promise<void> => {
  await promisify(execFile)(path.join(programsFolder(), program), parameters);
};

const serverOn = (database: string): Promise<ServerProcess> =>
  ServerProcess.start({ dataFolder: path.join(folder, 'data'), environment: { DATABASE_URL: database } });

const refundsIn = (journal: Journal): number =>
  journal.read().filter(({ operation, reply }) => operation.kind === 'refund' && reply?.status === 201).length;

/** An organization that the backup knows nothing of, with a grant, a charge and its refund. */
const LATE = '/v1/organizations/late';
const makeLate = async (url: string): Promise<void> => {
  await must(`${url}/v1/organizations`, 'POST', { id: 'late', name: 'Late', preset: 'enterprise' });
  await must(`${url}${LATE}/rate-card`, 'PUT', { key: 'load' });
  const key = (name: string) => ({ 'idempotency-key': name });
  const grant = { credit_type: 'purchased', amount: '9.5', reason: 'late' };
  await must(`${url}${LATE}/wallets/credits/grants`, 'POST', grant, key('late-grant'));
  const event = {
    specversion: '1.0',
    id: 'late-1',
    source: 'late',
    type: 'drawdown.usage.v1',
    subject: 'late',
    time: new Date().toISOString(),
    data: { workspace_id: 'ws-0', service_type: 'api_call', quantity: '3', unit: 'calls' },
  };
  const charged = await must(`${url}/v1/events?wait=charged`, 'POST', [event]);
  const [{ transaction_id } = { transaction_id: '' }] = charged['results'] as { readonly transaction_id: string }[];
  await must(`${url}${LATE}/refunds`, 'POST', { transaction_id, amount: '0.5', reason: 'late' }, key('late-refund'));
};

const read = (url: string, question: string) => send(`${url}/v1/organizations/${question}`, 'GET');

/** The rows of all read models as sums, once they have all come to a position. */
const rowsAt = (position: string, database: string): Promise<Readonly<Record<string, string>>> =>
  inReadDatabase(database, async (session) => {
    await untilAllCameTo(position, WAIT_MAX_MS, session);
    await assertBooks(session);
    return checksums(session);
  });

/** What a client that has seen more is told while the transactions stand where the backup has them. */
const expectNothingLess = async (url: string, seen: string, backup: number): Promise<void> => {
  const shown = await insist(`${url}/v1/organizations/rich-1/transactions?limit=1`, 'GET');
  expect(revisionOf((shown['as_of'] as { readonly position: string }).position)).toBe(backup);
  const asked = ['rich-1', 'late'].map((name) => read(url, `${name}/transactions?after=${seen}`));
  for (const answer of await Promise.all(asked)) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'read_model_behind' } });
  }
  const lag = (): Promise<number> => metricSum(url, 'projection_lag_events', 'projector="transactions"');
  await until('the lag is told', WAIT_MAX_MS, async () => (await lag()) >= revisionOf(seen) - backup);
};

/** Starts a product on a restored database and keeps the transactions where they are until `meanwhile` is over. */
const startHeld = async (database: string, meanwhile: (url: string, at: number) => Promise<void>) => {
  const other = new Client({ connectionString: database });
  await other.connect();
  try {
    const { rows } = await other.query<{ model: string; revision: string }>(
      "SELECT model, revision FROM projection_checkpoints WHERE model LIKE 'transactions%'",
    );
    await other.query(`BEGIN; LOCK TABLE ${rows[0]?.model ?? ''} IN SHARE MODE`);
    const server = await serverOn(database);
    await meanwhile(server.url, Number(rows[0]?.revision));
    await other.query('COMMIT');
    return server;
  } finally {
    await other.end();
  }
};

test('FLT-85: read models restored from a backup catch up to the head, to the rows that they had, and never show less', async () => {
  const [database, restored, empty] = [await postgres.newDatabase(), await postgres.newDatabase(), await postgres.newDatabase()]; // prettier-ignore
  const dump = path.join(folder, 'yesterday.dump');
  const before = await serverOn(database);
  const { generator, journal } = await startLoad(before.url, folder, CLIENTS);
  const untilMore = async (): Promise<void> => {
    const [begun, refunds] = [generator.begun, refundsIn(journal)];
    await until('there is load', WAIT_MAX_MS, () => generator.begun > begun + LOAD);
    await until('there are refunds', WAIT_MAX_MS, () => refundsIn(journal) >= refunds + REFUNDS);
  };
  await untilMore();
  await run('pg_dump', '--format=custom', `--file=${dump}`, database); // under load, as backups are made
  await makeLate(before.url);
  await untilMore();
  await generator.stop();
  const seen = await headOf(before.url, 'late');
  const live = await rowsAt(seen, database);
  expect(Number.parseInt(live['transactions'] ?? '')).toBeGreaterThan(LOAD);
  const shown = (url: string) => all(`${url}${LATE}/transactions?period=all&after=${seen}`, insist);
  const late = await shown(before.url);
  expect(late).toHaveLength(3);
  expect((await before.stop()).code).toBe(0);

  await run('pg_restore', '--exit-on-error', `--dbname=${restored}`, dump);
  const after = await startHeld(restored, async (url, backup) => {
    say(`restored at revision ${String(backup)}, the head is ${seen}`);
    await expectNothingLess(url, seen, backup);
  });
  const from = performance.now();
  expect(await shown(after.url)).toEqual(late);
  expect(await rowsAt(seen, restored)).toEqual(live);
  say(`level ${(performance.now() - from).toFixed(0)} ms after it was let go`);
  await until('the lag is over', WAIT_MAX_MS, async () => (await metricSum(after.url, 'projection_lag_events')) === 0);
  const journaled = journal.read();
  say(`${String(journaled.length)} operations: ${outcomes(journaled)}`);
  await checkBooks(after.url, journaled);
  expect((await after.stop()).code).toBe(0);

  await serverOn(empty);
  expect(await rowsAt(seen, empty)).toEqual(live);
}, 240_000);
