import { openTestDatabase } from '@drawdown/adapters/testing';
import {
  DatabaseUnavailable,
  type EventReader,
  type EventStore,
  type Metrics,
  NO_LOG,
  type ReadDatabase,
  StoreUnavailable,
} from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ReadModelBehind } from './progress';
import type { Projector } from './projector';
import { ProjectorRunner } from './runner';
import { LEDGER_TOPIC, recordOf } from './event-record';
import { fannedOut } from './fanned-out';
import { type Counted, counting, decode, faultyDatabase, STREAM, sumsIn, until, write } from './testing/counting';
import { faultyStream } from './testing/fan-out';

let database: ReadDatabase;
let store: EventStore;
let counted: Record<string, number>;
let runners: ProjectorRunner<Counted>[];

const metrics: Metrics = {
  count: (name, _, by = 1) => (counted[name] = (counted[name] ?? 0) + by),
  observe: () => undefined,
  gauge: (name, value) => (counted[name] = value ?? 0),
};

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  await database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  store = inMemoryEventStore();
  counted = {};
  runners = [];
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
});

type Some = readonly Projector<unknown, Counted>[];

const runnerOf = (
  projectors: Some = [counting('sums')],
  on = database,
  from: EventReader = store,
  reads = decode,
): ProjectorRunner<Counted> => {
  const runner = new ProjectorRunner<Counted>({
    ...{ store: from, database: on, projectors, shards: 1, decode: reads, log: NO_LOG, metrics },
    stream: () => STREAM,
    weigh: () => 1,
    batch: { events: 7, weight: 7 },
  });
  runners.push(runner);
  return runner;
};

const started = async (projectors?: Some, on?: ReadDatabase): Promise<ProjectorRunner<Counted>> => {
  const runner = runnerOf(projectors, on);
  await runner.start();
  return runner;
};

/** Waits until the model answers and has come that far. */
const level = async (runner: ProjectorRunner<Counted>, name = 'sums'): Promise<void> => {
  const head = await store.head(STREAM);
  await until(() => runner.serving(name).then(() => true, () => false), `${name} answers`); // prettier-ignore
  await runner.reached(name, 0, head, 10_000);
};

const many = (count: number, key = 'a'): (readonly [string, number])[] => Array.from({ length: count }, () => [key, 1]);

const checkpoint = async (): Promise<number> => {
  const [row] = await database.query<{ revision: string }>('SELECT revision FROM projection_checkpoints');
  return Number(row?.revision);
};

test('carries events into rows, goes on where it stopped, and each projector by itself', async () => {
  await write(store, many(20));
  const first = await started([counting('sums'), counting('others')]);
  await Promise.all([level(first, 'sums'), level(first, 'others')]);
  await write(store, many(3, 'b'));
  await level(first);
  await first.stop();
  await write(store, many(5, 'b'));
  const second = await started([counting('sums'), counting('others')]);
  await Promise.all([level(second, 'sums'), level(second, 'others')]);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 20, b: 8 });
  expect(await sumsIn(database, 'others_v1_g1')).toEqual({ a: 20, b: 8 });
});

test('tells who waits for a position, by commits (INV-DEL-5)', async () => {
  const runner = await started();
  await level(runner);
  const waiting = runner.reached('sums', 0, 2, 5_000);
  await write(store, many(3));
  await waiting;
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 3 });
  await expect(runner.reached('sums', 0, 3, 20)).rejects.toThrow(ReadModelBehind);
  expect(await runner.lag()).toEqual([{ projector: 'sums', shard: 0, revision: 2, head: 2 }]);
});

test('two runners on one database: one is fenced, and every event counts once (INV-DEL-4)', async () => {
  const both = [await started(), await started()];
  for (let i = 0; i < 40; i++) await write(store, many(5, `k${String(i % 3)}`));
  await Promise.all(both.map((runner) => level(runner)));
  const sums = await sumsIn(database, 'sums_v1_g1');
  expect(Object.values(sums).reduce((total, amount) => total + amount, 0)).toBe(200);
  expect(counted['projection_fenced_total']).toBeGreaterThan(0);
  // The one that stands by takes over.
  await both[0]?.stop();
  await write(store, many(5));
  if (both[1] !== undefined) await level(both[1]);
  expect(await checkpoint()).toBe(204);
});

test('a breakdown inside the transaction leaves nothing of the batch (FLT-04)', async () => {
  const breaks: ('before' | 'after')[] = [];
  const runner = await started([counting('sums', { breaks })]);
  await level(runner);
  breaks.push('before', 'after', 'before', 'after');
  await write(store, many(4));
  await level(runner);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 4 });
  expect(counted['projection_errors_total']).toBe(4);
});

test('waits out a database that is away, also where the outcome of a commit is unknown (FLT-40)', async () => {
  const faulty = faultyDatabase(database);
  const runner = await started([counting('sums')], faulty);
  await level(runner);
  const away = new DatabaseUnavailable('it is away');
  faulty.faults.push(() => away, () => away); // prettier-ignore
  await write(store, many(4));
  await until(() => runner.health().some(({ state }) => state === 'failing'));
  await level(runner);
  expect(runner.health()).toMatchObject([{ state: 'running', reason: null, revision: 3 }]);
  // Committed, but nobody was told.
  loseAnswer(faulty, database);
  await write(store, many(4));
  await level(runner);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 8 });
});

test('needs no database to start: reads are unavailable until it is there, and then have everything (FLT-41)', async () => {
  await write(store, many(9));
  const faulty = faultyDatabase(database);
  const away = (): Error => new DatabaseUnavailable('nobody listens');
  faulty.faults.push(away, away, away);
  const runner = runnerOf([counting('sums')], faulty);
  expect(runner.trouble).toContain('being prepared');
  const starting = runner.start();
  await until(() => runner.trouble?.includes('nobody listens') === true);
  await expect(runner.serving('sums')).rejects.toBeInstanceOf(DatabaseUnavailable);
  await expect(runner.reached('sums', 0, 3, 5_000)).rejects.toBeInstanceOf(DatabaseUnavailable);
  await starting;
  expect(runner.trouble).toBeNull();
  await level(runner);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 9 });
});

/** The next transaction commits, and its caller is told that the database is away. */
const loseAnswer = (faulty: ReadDatabase, inner: ReadDatabase): void => {
  const { transaction } = faulty;
  faulty.transaction = async (work) => {
    faulty.transaction = transaction;
    await inner.transaction(work);
    throw new DatabaseUnavailable('the answer was lost');
  };
};

test('repeats a transaction that met another, whole (FLT-43)', async () => {
  const faulty = faultyDatabase(database);
  const runner = await started([counting('sums')], faulty);
  await level(runner);
  for (const code of ['40001', '40P01', '40001']) {
    faulty.faults.push((work) => async (tx) => {
      await work(tx);
      throw Object.assign(new Error('met another'), { code });
    });
  }
  await write(store, many(6));
  await level(runner);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 6 });
  expect(counted['projection_retries_total']).toBe(3);
});

test('stops at an event it cannot read, says where, and applies nothing after it (INV-DEL-7)', async () => {
  await write(store, [...many(3), 'odd', ...many(3)]);
  const runner = await started();
  await until(() => runner.health().some(({ state }) => state === 'halted'));
  expect(runner.health()).toEqual([
    {
      projector: 'sums',
      model: 'sums_v1_g1',
      shard: 0,
      stream: STREAM,
      revision: 2,
      state: 'halted',
      reason: 'counts-0 revision 3 (odd) cannot be read: odd is not known here',
      at: { revision: 3, type: 'odd' },
    },
  ]);
  expect(counted['consumer_halted']).toBe(1);
  await write(store, many(3));
  expect(await checkpoint()).toBe(2);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 3 });
});

describe('FLT-12: two releases side by side, and an event that only the new one knows', () => {
  /** The next release: `odd` is an event like others to it. */
  const newer: typeof decode = (shard, stored) => {
    if (stored.type !== 'odd') return decode(shard, stored);
    return { revision: stored.revision, key: 'odd', amount: 1 };
  };
  const older = decode;
  const runs = async (reads: typeof decode): Promise<ProjectorRunner<Counted>> => {
    const runner = runnerOf(undefined, undefined, undefined, reads);
    await runner.start();
    return runner;
  };
  const haltedAt = (runner: ProjectorRunner<Counted>) => runner.health().map(({ at }) => at?.revision ?? null);

  test('the old one stops before it, the new one goes on; rolled back before it, nothing is lost or counted twice', async () => {
    const old = await runs(older);
    await write(store, [...many(3), 'odd', ...many(3)]);
    await until(() => haltedAt(old)[0] === 3);
    expect(counted['consumer_halted']).toBe(1);
    expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 3 });
    const next = await runs(newer);
    await level(next);
    expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 6, odd: 1 });
    expect(haltedAt(next)).toEqual([null]);
    // Rolled back: what the new one carried forward stays, and the old one goes on after it until the next such event.
    await Promise.all([old.stop(), next.stop()]);
    const back = await runs(older);
    expect(counted['consumer_halted']).toBe(0);
    await write(store, [...many(2), 'odd', ...many(2)]);
    await until(() => haltedAt(back)[0] === 9);
    expect(await checkpoint()).toBe(8);
    expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 8, odd: 1 });
    expect(counted['consumer_halted']).toBe(1);
    const again = await runs(newer);
    await level(again);
    expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 10, odd: 2 });
  });
});

test('one projector that fails at an event stops alone, with everything before it saved (INV-DEL-7)', async () => {
  const failing = counting('failing', { fails: ({ revision }) => (revision === 4 ? 'no idea' : undefined) });
  await write(store, many(10));
  const runner = await started([failing, counting('sums')]);
  await level(runner);
  await until(() => runner.health().some(({ state }) => state === 'halted'));
  expect(await sumsIn(database, 'failing_v1_g1')).toEqual({ a: 4 });
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 10 });
  expect(runner.health().find(({ projector }) => projector === 'failing')).toMatchObject({
    state: 'halted',
    revision: 3,
    at: { revision: 4 },
  });
});

test('rows that the database refuses stop the projector before the event, which it names', async () => {
  const runner = await started();
  await level(runner);
  await write(store, [...many(3), ['a', 2_000_000], ...many(3)]);
  await until(() => runner.health().some(({ at }) => at?.revision === 3));
  expect(runner.health()).toMatchObject([{ state: 'failing', revision: 2, at: { revision: 3 } }]);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 3 });
});

test('rebuilds beside the rows that answer, and switches (INV-DEL-3)', async () => {
  await write(store, many(50));
  const runner = await started();
  await level(runner);
  await database.query('UPDATE sums_v1_g1 SET amount = 49'); // somebody broke it
  const rebuilding = runner.rebuild('sums');
  expect(await runner.serving('sums')).toBe('_v1_g1');
  await write(store, many(5));
  await rebuilding;
  expect(await runner.serving('sums')).toBe('_v1_g2');
  await write(store, many(5));
  await level(runner);
  expect(await sumsIn(database, 'sums_v1_g2')).toEqual({ a: 60 });
  await expect(sumsIn(database, 'sums_v1_g1')).rejects.toThrow('does not exist');
});

test('a rebuild that was interrupted goes on at the next start', async () => {
  await write(store, many(50));
  const first = await started();
  await level(first);
  const rebuilding = first.rebuild('sums').catch((error: unknown) => error);
  await first.stop();
  await rebuilding;
  const second = await started();
  await until(async () => (await second.serving('sums')) === '_v1_g2');
  await level(second);
  expect(await sumsIn(database, 'sums_v1_g2')).toEqual({ a: 50 });
});

test('a raised version fills new tables, answers once it has caught up, and clears the old away at the next start', async () => {
  await write(store, many(30));
  const old = await started();
  await level(old);
  const raised = await started([counting('sums', { version: 2 })]);
  await level(raised);
  expect(await raised.serving('sums')).toBe('_v2_g1');
  // The release before goes on for as long as it runs.
  await write(store, many(2));
  await Promise.all([level(old), level(raised)]);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 32 });
  await Promise.all([old.stop(), raised.stop()]);
  const next = await started([counting('sums', { version: 2 })]);
  await level(next);
  await expect(sumsIn(database, 'sums_v1_g1')).rejects.toThrow('does not exist');
  expect(await sumsIn(database, 'sums_v2_g1')).toEqual({ a: 32 });
});

test('answers nothing before its first generation has caught up', async () => {
  await write(store, [...many(3), 'odd']);
  const runner = await started();
  await until(() => runner.health().some(({ state }) => state === 'halted'));
  await expect(runner.serving('sums')).rejects.toThrow(ReadModelBehind);
  await expect(runner.rebuild('sums')).rejects.toThrow('being built already');
});

test('begins again where the database was emptied', async () => {
  await write(store, many(12));
  const runner = await started();
  await level(runner);
  await database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await write(store, many(1));
  await until(() => sumsIn(database, 'sums_v1_g1').then(({ a }) => a === 13, () => false)); // prettier-ignore
  await level(runner);
});

describe('a log that was restored from a backup which had lost what is in the rows', () => {
  const RESTORED = 12;
  const LOST = 8;
  /** The log as the backup has it, and some more facts since; the rows stand where it ended before. */
  const restored = async (more: number): Promise<ProjectorRunner<Counted>> => {
    await write(store, many(RESTORED + LOST));
    const before = await started();
    await level(before);
    await before.stop();
    store = inMemoryEventStore();
    await write(store, many(RESTORED));
    if (more > 0) await write(store, many(more, 'b'), STREAM, 'since');
    return started();
  };

  test.each([
    ['ends before that', 0],
    ['has another event there', LOST],
    ['has another event there', LOST + 30],
  ])('is noticed where it %s: nothing is applied, and it is said (INV-DEL-3)', async (what, more) => {
    const runner = await restored(more);
    await until(() => runner.health().some(({ state }) => state === 'halted'));
    const [health] = runner.health();
    const revision = RESTORED + LOST - 1;
    expect(health?.reason).toContain(`the read model stands at revision ${String(revision)}, and the log ${what}`);
    expect(counted['consumer_halted']).toBe(1);
    await write(store, many(40, 'b'), STREAM, 'since');
    await expect(runner.reached('sums', 0, revision, 1)).rejects.toThrow(ReadModelBehind);
    expect(await checkpoint()).toBe(revision);
    expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: RESTORED + LOST });
  });

  test('is filled from anew once the database was emptied', async () => {
    const runner = await restored(LOST);
    await until(() => runner.health().some(({ state }) => state === 'halted'));
    await runner.stop();
    await database.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await level(await started());
    expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: RESTORED, b: LOST });
  });
});

test.each([
  ['has never kept', 'event_id = NULL, event_revision = NULL'],
  ['did not keep when it moved it', `event_id = 'of an earlier one', event_revision = revision - 1`],
])('goes on from a checkpoint whose event an earlier release %s', async (_, set) => {
  await write(store, many(12));
  const before = await started();
  await level(before);
  await before.stop();
  await database.run(`UPDATE projection_checkpoints SET ${set}`);
  await write(store, many(2));
  await level(await started());
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 14 });
});

test('FLT-20: reads are as they were while the store is away at the start, and it goes on once that is back', async () => {
  await write(store, many(12));
  const before = await started();
  await level(before);
  await before.stop();
  await write(store, many(2));
  let isAway = true;
  const asked = <T>(ask: () => Promise<T>): Promise<T> =>
    isAway ? Promise.reject(new StoreUnavailable('it is away')) : ask();
  const away: EventReader = {
    read: (...of) => asked(() => store.read(...of)),
    head: (of) => asked(() => store.head(of)),
    readAll: (...of) => asked(() => store.readAll(...of)),
    follow: (...of) => store.follow(...of),
    followAll: (...of) => store.followAll(...of),
    close: () => store.close(),
  };
  const runner = runnerOf([counting('sums')], database, away);
  await runner.start();
  await runner.reached('sums', 0, 11, 10_000);
  isAway = false;
  await level(runner);
  expect(await sumsIn(database, 'sums_v1_g1')).toEqual({ a: 14 });
});

test('stops within seconds, whatever it is doing', async () => {
  const faulty = faultyDatabase(database);
  const runner = await started([counting('sums')], faulty);
  await level(runner);
  faulty.faults.push(...Array.from({ length: 1_000 }, () => () => new DatabaseUnavailable('away')));
  await write(store, many(20));
  await until(() => runner.health().some(({ state }) => state === 'failing'));
  const from = performance.now();
  await runner.stop();
  expect(performance.now() - from).toBeLessThan(8_000);
});

test('what was forged into the topic so that it follows halts all that applied it, once the next event shows it (INV-DEL-7)', async () => {
  const topic = faultyStream();
  await topic.ensureTopic(LEDGER_TOPIC, 1);
  const fanned = fannedOut(store, topic, { partitionOf: () => 0, silenceMs: 60_000, log: NO_LOG, metrics });
  const publish = async (log: EventStore, from: number): Promise<void> => {
    const events = await log.read(STREAM, from, 100);
    await topic.send(
      LEDGER_TOPIC,
      0,
      events.map((event) => recordOf(0, event)),
    );
  };
  await write(store, many(3));
  const models = [counting('sums'), counting('others')];
  const runner = runnerOf(models, database, fanned);
  await runner.start();
  await Promise.all([level(runner), level(runner, 'others')]);
  const forged = inMemoryEventStore();
  await write(forged, many(3));
  await write(forged, many(1, 'forged'));
  await publish(forged, 3);
  await runner.reached('sums', 0, 3, 10_000);
  await runner.reached('others', 0, 3, 10_000);
  await write(store, many(2));
  await publish(store, 4);
  const halted = (of: ProjectorRunner<Counted>): boolean => of.health().every(({ state }) => state === 'halted');
  await until(() => halted(runner), 'both are halted');
  for (const { reason, at } of runner.health()) {
    expect(reason).toMatch(/what was read as revision 3 is not the log’s.*After a restore that lost events/);
    expect(at).toEqual({ revision: 4, type: null });
  }
  expect(counted['consumer_halted']).toBe(1);
  expect(await checkpoint()).toBe(3);
  await runner.stop();

  const again = runnerOf(models, database, fanned);
  await again.start();
  await until(() => halted(again), 'both are halted from the start');
  expect(again.health()[0]?.reason).toMatch(/stands at revision 3, and the log has another event there/);
});
