import { openTestDatabase } from '@drawdown/adapters/testing';
import { type EventStore, NO_LOG, NO_METRICS, type ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { CheckpointProgress } from './checkpoint-progress';
import { ReadModelBehind } from './progress';
import { ProjectorRunner } from './runner';
import { type Counted, counting, decode, STREAM, until, write } from './testing/counting';

const MODEL = counting('sums');
const ENOUGH_MS = 10_000;
/** So often at most the database is asked while somebody waits. */
const POLL_MS = 20;

let database: ReadDatabase;
let store: EventStore;
let runners: ProjectorRunner<Counted>[];

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  store = inMemoryEventStore();
  runners = [];
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
});

/** A projector in what might as well be another process. */
const projectorElsewhere = async (projector = MODEL): Promise<ProjectorRunner<Counted>> => {
  const runner = new ProjectorRunner<Counted>({
    ...{ store, database, projectors: [projector], shards: 1, decode, log: NO_LOG, metrics: NO_METRICS },
    stream: () => STREAM,
    weigh: () => 1,
  });
  runners.push(runner);
  await runner.start();
  // The database says so in a transaction after that in which the runner says it.
  const recorded = new CheckpointProgress(database, [projector], NO_LOG);
  await until(() => recorded.serving(projector.name).then(() => true, () => false), 'the read model answers'); // prettier-ignore
  return runner;
};

/** Progress, and how often it has asked the database. */
const polled = (version = 1): { progress: CheckpointProgress; asked: () => number } => {
  let asked = 0;
  const sql = {
    query: <R extends Record<string, unknown>>(...args: Parameters<ReadDatabase['query']>) => {
      asked += 1;
      return database.query<R>(...args);
    },
  };
  return { progress: new CheckpointProgress(sql, [{ name: 'sums', version }], NO_LOG), asked: () => asked };
};

test('a read that has seen a position waits until another process has committed it (INV-DEL-5)', async () => {
  await projectorElsewhere();
  const { progress } = polled();
  let isReached = false;
  const reached = progress.reached('sums', 0, 4, ENOUGH_MS).then(() => (isReached = true));
  await write(store, [['a', 1], ['a', 1], ['a', 1], ['a', 1]]); // prettier-ignore
  await progress.reached('sums', 0, 3, ENOUGH_MS);
  expect(isReached).toBe(false);
  await write(store, [['a', 1]]);
  await reached;
});

test('a read is told when what it has seen does not come in time, and how far the read model is', async () => {
  await write(store, [['a', 1]]);
  await projectorElsewhere();
  const { progress } = polled();
  await progress.reached('sums', 0, 0, ENOUGH_MS);
  const behind = progress.reached('sums', 0, 1, 50);
  await expect(behind).rejects.toThrow(ReadModelBehind);
  await expect(behind).rejects.toThrow('sums has come to revision 0 of shard 0, not to 1');
});

test('a position of a shard that there is not is behind at once', async () => {
  await projectorElsewhere();
  await expect(polled().progress.reached('sums', 7, 0, ENOUGH_MS)).rejects.toThrow(ReadModelBehind);
});

test('a read model that no projector has made yet, or only in another version, is missing, and its projector is named', async () => {
  const toDo = ': start its projector of this release, which fills it; see deploy/README.md, "Upgrading"';
  const missing = polled().progress.serving('sums');
  await expect(missing).rejects.toThrow(ReadModelBehind);
  await expect(missing).rejects.toThrow(`the read model sums is not there in version 1${toDo}`);
  await projectorElsewhere();
  const raised = polled(2).progress.serving('sums');
  await expect(raised).rejects.toThrow(ReadModelBehind);
  await expect(raised).rejects.toThrow(`the read model sums is not there in version 2, but in 1${toDo}`);
  expect(await polled().progress.serving('sums')).toBe('_v1_g1');
});

test('one whose tables are there and not level yet is being built', async () => {
  await projectorElsewhere();
  await database.query("UPDATE projection_models SET state = 'building'");
  await expect(polled().progress.serving('sums')).rejects.toThrow('the read model sums is being built');
});

test('FLD-62: which tables answer is asked once, and again only after they were lost', async () => {
  await projectorElsewhere();
  const { progress, asked } = polled();
  for (let n = 0; n < 20; n++) expect(await progress.serving('sums')).toBe('_v1_g1');
  expect(asked()).toBe(1);
  progress.lost('sums', '_v1_g1');
  expect([await progress.serving('sums'), asked()]).toEqual(['_v1_g1', 2]);
});

test('whoever waits while a read model is rebuilt waits for the tables that answer from then on', async () => {
  const runner = await projectorElsewhere();
  const { progress } = polled();
  await progress.reached('sums', 0, -1, ENOUGH_MS);
  const reached = progress.reached('sums', 0, 0, ENOUGH_MS);
  await runner.rebuild('sums');
  await write(store, [['a', 1]]);
  await reached;
  expect(await progress.serving('sums')).toBe('_v1_g2');
});

test('whoever comes while the checkpoints of another read model are being read is not told that there are none', async () => {
  const others = counting('others');
  await projectorElsewhere();
  await projectorElsewhere(others);
  let [begun, goOn] = [(): void => undefined, (): void => undefined];
  const isAsked = new Promise<void>((resolve) => (begun = resolve));
  const isHeld = new Promise<void>((resolve) => (goOn = resolve));
  const sql = {
    query: async <R extends Record<string, unknown>>(...args: Parameters<ReadDatabase['query']>) => {
      const rows = await database.query<R>(...args);
      if (!args[0].includes('projection_checkpoints')) return rows;
      begun();
      await isHeld;
      return rows;
    },
  };
  const progress = new CheckpointProgress(sql, [MODEL, others], NO_LOG);
  await progress.serving('others');
  const first = progress.reached('sums', 0, 0, ENOUGH_MS);
  await isAsked;
  const second = progress.reached('others', 0, 0, ENOUGH_MS);
  await new Promise((resolve) => setImmediate(resolve)); // it waits now
  goOn();
  await write(store, [['a', 1]]);
  await Promise.all([first, second]);
});

test('checkpoints are read once for all who wait, and not at all while nobody does', async () => {
  await projectorElsewhere();
  const { progress, asked } = polled();
  await progress.reached('sums', 0, -1, ENOUGH_MS);
  const before = asked();
  const from = performance.now();
  const all = Promise.all(Array.from({ length: 200 }, () => progress.reached('sums', 0, 0, ENOUGH_MS)));
  await until(() => asked() > before, 'the checkpoints are read');
  await write(store, [['a', 1]]);
  await all;
  // However long the commit took: twice as often as it is due is far from once for each.
  expect(asked() - before).toBeLessThan((2 * (performance.now() - from)) / POLL_MS + 10);
  const after = asked();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(asked() - after).toBeLessThanOrEqual(1);
});
