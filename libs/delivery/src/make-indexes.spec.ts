import { openTestDatabase } from '@drawdown/adapters/testing';
import { DatabaseUnavailable, type EventStore, NO_LOG, NO_METRICS, type ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ReadModelBehind } from './progress';
import type { Projector } from './projector';
import { ProjectorRunner } from './runner';
import { type Counted, counting, decode, faultyDatabase, STREAM, sumsIn, until, write } from './testing/counting';

let database: ReadDatabase;
let store: EventStore;
let runners: ProjectorRunner<Counted>[];
/** Gauges by name and what they say now. */
let gauges: Record<string, number>;
/** How far the first model of sums that answered was when it began to. */
let beganWith: readonly number[] | undefined;

type Some = readonly Projector<unknown, Counted>[];

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  [store, runners, gauges, beganWith] = [inMemoryEventStore(), [], {}, undefined];
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
});

/** One index for questions, and one that no two keys with the same sum suffer. */
const indexed = (): Projector<Map<string, number>, Counted> =>
  counting('sums', {
    indexes: (table) => [
      `CREATE INDEX IF NOT EXISTS ${table}_both ON ${table} (amount, key)`,
      `CREATE UNIQUE INDEX IF NOT EXISTS ${table}_amount ON ${table} (amount)`,
    ],
  });

const started = async (on = database, ...projectors: Some): Promise<ProjectorRunner<Counted>> => {
  const runner: ProjectorRunner<Counted> = new ProjectorRunner<Counted>({
    ...{ store, database: on, shards: 1, decode, log: NO_LOG, stream: () => STREAM },
    projectors: projectors.length > 0 ? projectors : [indexed()],
    ...{ weigh: () => 1, batch: { events: 2, weight: 2 } },
    onProgress: () => {
      const answers = runner.report().serving.find(({ projector }) => projector === 'sums');
      if (answers !== undefined) beganWith ??= answers.revisions;
    },
    metrics: { ...NO_METRICS, gauge: (name, value) => (gauges[name] = value ?? 0) },
  });
  runners.push(runner);
  await runner.start();
  return runner;
};

/** Runs of `CREATE … INDEX` go through `before` first, which may fail. */
const watched = (before: (script: string) => Promise<void> | void): ReadDatabase => ({
  ...faultyDatabase(database),
  run: async (script) => {
    await before(script);
    await database.run(script);
  },
});

const indexesOf = async (table: string): Promise<unknown[]> =>
  (await database.query('SELECT indexname FROM pg_indexes WHERE tablename = $1 ORDER BY 1', [table])).map(
    ({ indexname }) => indexname,
  );
const all = (table: string): string[] => ['amount', 'both', 'pkey'].map((end) => `${table}_${end}`);

const answering = (runner: ProjectorRunner<Counted>, suffix: string): Promise<void> =>
  until(() => runner.serving('sums').then((serving) => serving === suffix, () => false), `${suffix} answers`); // prettier-ignore

/** Who opens the same database later finds it answering: it is recorded just after it does. */
const recordedAsServing = (): Promise<void> =>
  until(
    async () => (await database.query("SELECT FROM projection_models WHERE state = 'serving'")).length > 0,
    'it is recorded',
  );

const amounts = (...sums: readonly number[]): (readonly [string, number])[] =>
  sums.map((sum, index) => [`k${String(index)}`, sum]);

test('an empty log has its model answer at once, with its indexes', async () => {
  await answering(await started(), '_v1_g1');
  expect(await indexesOf('sums_v1_g1')).toEqual(all('sums_v1_g1'));
});

test('a model has none of the indexes for questions while it is filled, and all of them when it answers', async () => {
  const seen: unknown[] = [];
  await write(store, amounts(1, 2, 3, 4, 5));
  await answering(await started(), '_v1_g1');
  await recordedAsServing();
  const watching = watched(async () => {
    if (seen.length > 0) return;
    seen.push(await indexesOf('sums_v1_g2'), await sumsIn(database, 'sums_v1_g2'), await runner.serving('sums'));
  });
  const runner = await started(watching);
  await runner.rebuild('sums');
  expect(seen).toEqual([['sums_v1_g2_pkey'], { k0: 1, k1: 2, k2: 3, k3: 4, k4: 5 }, '_v1_g1']);
  expect(await runner.serving('sums')).toBe('_v1_g2');
  expect(await indexesOf('sums_v1_g2')).toEqual(all('sums_v1_g2'));
});

test('its followers pause while an index is made, without a fault, and it answers with what came meanwhile', async () => {
  await write(store, amounts(1, 2));
  const during: unknown[] = [];
  const unindexed = counting('others');
  const runner = await started(
    watched(async (script) => {
      if (!script.includes('UNIQUE')) return;
      await until(() => runner.serving('others').then(() => true, () => false)); // prettier-ignore
      for (const revision of [2, 3, 4]) {
        await write(store, [['late', revision]]);
        await runner.reached('others', 0, revision, 10_000); // which does not wait
      }
      const sums = runner.health().filter(({ projector }) => projector === 'sums');
      during.push(...sums.map(({ state, revision }) => ({ state, revision })), runner.trouble);
    }),
    ...[unindexed, indexed()],
  );
  await answering(runner, '_v1_g1');
  expect(during).toEqual([{ state: 'running', revision: 1 }, null]);
  expect(beganWith).toEqual([4]);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ k0: 1, k1: 2, late: 9 });
  await write(store, [['later', 8]]);
  await runner.reached('sums', 0, 5, 10_000);
});

test('stopped after the indexes were made and before the switch, the next start goes on and switches', async () => {
  await write(store, amounts(1, 2, 3));
  const faulty = faultyDatabase(database);
  const first = await started({
    ...faulty,
    run: async (script) => {
      await database.run(script);
      // From the last index on nothing can be written any more: neither what comes meanwhile, nor the switch.
      if (script.includes('UNIQUE')) faulty.transaction = () => Promise.reject(new DatabaseUnavailable('away'));
    },
    transaction: (work) => faulty.transaction(work),
  });
  await until(async () => (await indexesOf('sums_v1_g1')).length === 3);
  await first.stop();
  expect(await database.query('SELECT state FROM projection_models')).toEqual([{ state: 'building' }]);
  await write(store, amounts(10, 20, 30));
  const second = await started();
  await answering(second, '_v1_g1');
  await until(async () => (await database.query(`SELECT FROM projection_models WHERE state = 'serving'`)).length === 1);
  expect(await indexesOf('sums_v1_g1')).toEqual(all('sums_v1_g1'));
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ k0: 11, k1: 22, k2: 33 });
});

test('rows that contradict an index keep the model from answering, and health says which (INV-INT-1)', async () => {
  let tries = 0;
  await write(store, amounts(1, 2, 1));
  const runner = await started(watched((script) => void (tries += script.includes('UNIQUE') ? 1 : 0)));
  await until(() => runner.health().some(({ state }) => state === 'halted'));
  const [health] = runner.health();
  expect(health).toMatchObject({ model: 'sums_v1_g1', state: 'halted', revision: 2 });
  expect(health?.reason).toMatch(/^sums_v1_g1 is filled and does not answer.*unique index "sums_v1_g1_amount"/);
  expect(gauges['consumer_halted']).toBe(1);
  await expect(runner.serving('sums')).rejects.toThrow(ReadModelBehind);
  await write(store, amounts(4)); // nothing makes it go on, or try again
  await expect(runner.rebuild('sums')).rejects.toThrow('being built already');
  expect([tries, await sumsIn(database, 'sums_v1_g1')]).toEqual([1, { k0: 1, k1: 2, k2: 1 }]);
});

test('a rebuild with such rows is refused, and the rows that answered go on answering', async () => {
  const plain = counting('sums');
  await write(store, amounts(1, 2, 1));
  const first = await started(database, plain);
  await answering(first, '_v1_g1');
  await first.stop();
  const runner = await started();
  await answering(runner, '_v1_g1');
  await expect(runner.rebuild('sums')).rejects.toThrow('sums_v1_g2 is filled and does not answer');
  await write(store, [['k0', 5]]);
  await runner.reached('sums', 0, 3, 10_000);
  expect(await runner.serving('sums')).toBe('_v1_g1');
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ k0: 6, k1: 2, k2: 1 });
});

test('an index that cannot be made now is tried again, and health says so until it is made', async () => {
  const faults = [new DatabaseUnavailable('away'), Object.assign(new Error('disk full'), { code: '53100' })];
  const said: unknown[] = [];
  await write(store, amounts(1, 2));
  const runner = await started(
    watched(() => {
      said.push(...runner.health().map(({ state }) => state));
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
    }),
  );
  await answering(runner, '_v1_g1');
  expect(said).toEqual(['running', 'failing', 'failing', 'running']);
  expect(runner.health()).toMatchObject([{ state: 'running', reason: null }]);
});

test('begins again where the database was emptied while an index was made', async () => {
  let emptied = false;
  await write(store, amounts(1, 2));
  const runner = await started(
    watched(async () => {
      if (emptied) return;
      emptied = true;
      await database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    }),
  );
  await answering(runner, '_v1_g1');
  expect(await indexesOf('sums_v1_g1')).toEqual(all('sums_v1_g1'));
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ k0: 1, k1: 2 });
});

test('two runners that build one model make its indexes once, and both go on', async () => {
  await write(store, amounts(1, 2, 3));
  const both = await Promise.all([started(), started()]);
  await Promise.all(both.map((runner) => answering(runner, '_v1_g1')));
  await write(store, amounts(10, 20));
  await Promise.all(both.map((runner) => runner.reached('sums', 0, 4, 10_000)));
  expect(await indexesOf('sums_v1_g1')).toEqual(all('sums_v1_g1'));
});
