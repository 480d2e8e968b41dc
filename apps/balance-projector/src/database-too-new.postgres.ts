import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { type EventStoreDbDouble, startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { dropDatabase, newDatabase, testServer } from '@drawdown/adapters/postgres/testing/postgres-server';
import { Client } from 'pg';

const WAIT_MAX_MS = 60_000;
const LATER = 99;

let folder: string;
let double: EventStoreDbDouble;
/** A database of a later release. */
let later: string;
const processes: AppProcess[] = [];
const databases: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-later-'));
  double = await startDouble(path.join(folder, 'store'));
  later = await newDatabase(testServer());
  databases.push(later);
  const format = 'CREATE TABLE projection_format (only_one boolean PRIMARY KEY DEFAULT true, version integer NOT NULL)';
  await ask(later, `${format}; INSERT INTO projection_format (version) VALUES (${String(LATER)})`);
}, 60_000);
afterEach(async () => {
  for (const one of processes.splice(0)) await one.stop();
});
afterAll(async () => {
  await double.stop();
  for (const database of databases) await dropDatabase(database);
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (url: string, statement: string): Promise<void> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
};
const at = (url: string, database: string): string => {
  const address = new URL(url);
  address.pathname = `/${database}`;
  return address.href;
};

/** A projector without a broker: it catches up from the log, and need not come so far. */
const started = async (url: string): Promise<AppProcess> => {
  const [port = 0, nobody = 0] = await freePorts(2);
  const environment = {
    ...{ HOST: '127.0.0.1', PORT: String(port), EVENTSTORE_URL: double.url, DRAWDOWN_SHARDS: '1' },
    ...{ KAFKA_BROKERS: `127.0.0.1:${String(nobody)}`, DATABASE_URL: url },
  };
  const file = path.resolve('dist/apps/balance-projector/src/main.js');
  const one = new AppProcess({ name: 'balance-projector', file, environment, port });
  processes.push(one);
  one.start();
  return one;
};
const until = async (one: AppProcess, what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + WAIT_MAX_MS; !(await holds()); await new Promise((go) => setTimeout(go, 50))) {
    if (performance.now() > end) throw new Error(`${what}: not in time\n${one.lastSaid}`);
  }
};
const END = new RegExp(
  `^balance-projector ended \\(1 null\\)[^]*drawdown balance-projector cannot [^]*format ${String(LATER)}[^]*start a release that knows it`,
);

test('a projector whose database is of a later release says so and ends', async () => {
  const one = await started(later);
  await until(one, 'it ends', () => one.ownEnds.length > 0);
  expect(one.ownEnds[0]).toMatch(END);
});

test('… also where it began without its database, which turns out to be of a later release', async () => {
  const name = `${new URL(later).pathname.slice(1)}_late`;
  const one = await started(at(later, name));
  await until(one, 'it looks for it', async () => (await one.metric('drawdown_projection_errors_total')) > 0);
  expect(one.ownEnds).toEqual([]);
  await ask(testServer(), `CREATE DATABASE ${name} TEMPLATE ${new URL(later).pathname.slice(1)}`);
  databases.push(at(later, name));
  await until(one, 'it ends', () => one.ownEnds.length > 0);
  expect(one.ownEnds[0]).toMatch(END);
});
