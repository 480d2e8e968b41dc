import {
  type EventStore,
  type Metrics,
  NO_LOG,
  PAGE_EVENTS_MAX,
  type StoredEvent,
  StoreUnavailable,
} from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { UnreadableAt } from './batch';
import { Feed, type FeedCursor } from './feed';
import { type Counted, decode, STREAM, until, write } from './testing/counting';

const LIMITS = { events: 1_000, weight: 100 };

let counted: Record<string, number>;
let decoded: number[];
let stopping: AbortController;
const metrics: Metrics = {
  count: (name, _, by = 1) => (counted[name] = (counted[name] ?? 0) + by),
  observe: () => undefined,
  gauge: () => undefined,
};

beforeEach(() => {
  counted = {};
  decoded = [];
  stopping = new AbortController();
});
afterEach(() => stopping.abort());

const feedOf = (store: EventStore, heldUpMs?: number): Feed<Counted> =>
  new Feed(
    {
      store,
      stream: STREAM,
      decode: (stored) => {
        decoded.push(stored.revision);
        return decode(0, stored);
      },
      weigh: ({ amount }) => amount,
      log: NO_LOG,
      metrics,
    },
    stopping.signal,
    heldUpMs,
  );

/** Takes up to the revision before `end`. */
const takeAll = async (cursor: FeedCursor<Counted>, from: number, end: number): Promise<number[]> => {
  const taken: number[] = [];
  let next = from;
  while (next < end) {
    const batch = await cursor.take(next, LIMITS);
    if (batch === undefined) break;
    taken.push(...batch.events.map(({ revision }) => revision));
    next = batch.last + 1;
  }
  return taken;
};

const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, i) => from + i);

/** A store whose `follow` gives these pages, whatever is in it. */
const following = (
  inner: EventStore,
  pages: (all: readonly StoredEvent[]) => readonly (readonly StoredEvent[])[],
): EventStore => ({
  append: (...args) => inner.append(...args),
  read: (...args) => inner.read(...args),
  readAll: (...args) => inner.readAll(...args),
  head: (...args) => inner.head(...args),
  followAll: (...args) => inner.followAll(...args),
  close: () => inner.close(),
  async *follow(stream, from, signal) {
    const all = await inner.read(stream, 0, 1_000);
    if (all.length > from) for (const page of pages(all)) yield page;
    yield* inner.follow(stream, Math.max(from, all.length), signal);
  },
});

test('decodes each event once for all projectors at its front, and gives it to each of them in order', async () => {
  const store = inMemoryEventStore();
  const feed = feedOf(store);
  const cursors = [feed.cursor(), feed.cursor(), feed.cursor(), feed.cursor()];
  const taking = cursors.map((cursor) => takeAll(cursor, 0, 300));
  for (let i = 0; i < 300; i += 20)
    await write(
      store,
      upTo(20).map(() => ['a', 1] as const),
    );
  expect(await Promise.all(taking)).toEqual(cursors.map(() => upTo(300)));
  expect(decoded).toEqual(upTo(300));
});

test('ends a batch at its weight, but never before its first event', async () => {
  const store = inMemoryEventStore();
  await write(store, [['a', 60], ['a', 40], ['a', 1], ['a', 500], ['a', 1]]); // prettier-ignore
  const cursor = feedOf(store).cursor();
  const weights: number[] = [];
  for (let next = 0; next < 5;) {
    const batch = await cursor.take(next, LIMITS);
    weights.push(batch?.weight ?? 0);
    next = (batch?.last ?? next) + 1;
  }
  expect(weights).toEqual([100, 1, 500, 1]);
});

test('lets go of what all have passed, and lets one that fell far behind read by itself', async () => {
  const store = inMemoryEventStore();
  const big = 'x'.repeat(100_000);
  await write(store, upTo(5).map(() => [big, 1] as const)); // prettier-ignore
  const feed = feedOf(store);
  const [fast, slow] = [feed.cursor(), feed.cursor()];
  expect(await takeAll(slow, 0, 1)).toContain(0);
  for (let i = 0; i < 12; i++) await write(store, upTo(5).map(() => [big, 1] as const)); // prettier-ignore
  expect(await takeAll(fast, 0, 65)).toEqual(upTo(65));
  await fast.take(64, LIMITS);
  expect(feed.first).toBeGreaterThan(20); // 3 MiB are kept for others
  expect(await takeAll(slow, 5, 65)).toEqual(upTo(65, 5));
  slow.close();
  await fast.take(64, LIMITS);
  expect(feed.first).toBe(64);
});

/** Small events, and then more large ones than any projector may fall behind, all on one page of small ones' size. */
const writeBacklog = async (store: EventStore): Promise<void> => {
  await write(store, upTo(100).map(() => ['small', 1] as const)); // prettier-ignore
  for (let i = 0; i < 10; i++) await write(store, upTo(5).map(() => ['x'.repeat(180_000), 1] as const)); // prettier-ignore
};

test('a backlog is decoded once however unequal its projectors are: the fast one waits for the slow one', async () => {
  const store = inMemoryEventStore();
  await writeBacklog(store);
  const feed = feedOf(store);
  const [fast, slow] = [feed.cursor(), feed.cursor()];
  let taken = 0;
  const ahead = (async () => {
    while (taken < 150) taken = ((await fast.take(taken, LIMITS))?.last ?? taken) + 1;
  })();
  let furthest = 0;
  for (let next = 0; next < 150;) {
    const batch = await slow.take(next, { events: 3, weight: 100 });
    next = (batch?.last ?? next) + 1;
    for (let turns = 0; turns < 20; turns++) await new Promise((go) => setImmediate(go));
    furthest = Math.max(furthest, taken > 110 ? taken - next : 0);
  }
  await ahead;
  expect(decoded).toEqual(upTo(150));
  expect(furthest).toBeLessThanOrEqual(13); // two pages and a batch
});

test('a projector that does not move holds up the others for a limited time only', async () => {
  const store = inMemoryEventStore();
  await writeBacklog(store);
  const feed = feedOf(store, 20);
  const [fast, stuck] = [feed.cursor(), feed.cursor()];
  await takeAll(stuck, 0, 1);
  expect(await takeAll(fast, 0, 150)).toEqual(upTo(150));
  expect(await takeAll(stuck, 1, 150)).toEqual(upTo(150, 1));
});

test('one that is behind reads in batches of its own part of the log, whatever the front looks like', async () => {
  const store = inMemoryEventStore();
  await write(
    store,
    upTo(900).map(() => ['small', 1] as const),
  );
  for (let i = 0; i < 4; i++) await write(store, [['x'.repeat(600_000), 1]]);
  const feed = feedOf(store);
  const [ahead, behind] = [feed.cursor(), feed.cursor()];
  await takeAll(ahead, 900, 904);
  const batch = await behind.take(0, { events: 700, weight: 10_000 });
  expect(batch?.events.length).toBe(700);
});

test('goes on from the foremost where projectors stand far apart', async () => {
  const store = inMemoryEventStore();
  await write(store, upTo(40).map(() => ['a', 1] as const)); // prettier-ignore
  const feed = feedOf(store);
  const [behind, ahead] = [feed.cursor(), feed.cursor()];
  const taking = [takeAll(behind, 0, 45), takeAll(ahead, 38, 45)];
  await write(store, upTo(5).map(() => ['a', 1] as const)); // prettier-ignore
  expect(await Promise.all(taking)).toEqual([upTo(45), upTo(45, 38)]);
});

test('drops and counts what it has seen (INV-DEL-2, FLT-03)', async () => {
  const inner = inMemoryEventStore();
  const repeating = following(inner, (all) => [all.slice(-3), all.slice(-1), all]);
  const feed = feedOf(repeating);
  const taking = takeAll(feed.cursor(), 0, 12);
  await until(() => true);
  await write(inner, upTo(6).map(() => ['a', 1] as const)); // prettier-ignore
  await write(inner, upTo(6).map(() => ['a', 1] as const)); // prettier-ignore
  expect(await taking).toEqual(upTo(12));
  expect(decoded).toEqual(upTo(12));
});

test('counts duplicates of a follower that begins too early', async () => {
  const inner = inMemoryEventStore();
  await write(inner, upTo(4).map(() => ['a', 1] as const)); // prettier-ignore
  const early: EventStore = { ...following(inner, () => []), follow: (stream, from, signal) => inner.follow(stream, Math.max(0, from - 3), signal) }; // prettier-ignore
  const taking = takeAll(feedOf(early).cursor(), 0, 5);
  await until(() => decoded.length === 4);
  await write(inner, [['a', 1]]);
  expect(await taking).toEqual(upTo(5));
  expect(counted['consumer_duplicates_total']).toBe(3);
});

test('stops at a gap until the store has filled it (INV-DEL-2)', async () => {
  const inner = inMemoryEventStore();
  await write(inner, upTo(2).map(() => ['a', 1] as const)); // prettier-ignore
  let hidden = true;
  // Revision 2 stays away: following skips it, and reading from it finds nothing.
  const gappy: EventStore = {
    ...following(inner, () => []),
    read: async (stream, from, limit) => (hidden && from === 2 ? [] : inner.read(stream, from, limit)),
    async *follow(stream, from, signal) {
      for await (const page of inner.follow(stream, from, signal))
        yield hidden ? page.filter(({ revision }) => revision !== 2) : page;
    },
  };
  const feed = feedOf(gappy);
  const taking = takeAll(feed.cursor(), 0, 5);
  await until(() => decoded.length === 2);
  await write(inner, upTo(3).map(() => ['a', 1] as const)); // prettier-ignore
  await until(() => feed.trouble !== undefined);
  expect(feed.trouble).toBe('counts-0: revision 2 is missing');
  expect(decoded).toEqual([0, 1]);
  hidden = false;
  expect(await taking).toEqual(upTo(5));
  expect(feed.trouble).toBeUndefined();
  expect(counted['consumer_gaps_total']).toBe(1);
});

test('waits out a store that cannot be read', async () => {
  const inner = inMemoryEventStore();
  await write(inner, upTo(3).map(() => ['a', 1] as const)); // prettier-ignore
  let away = true;
  const gone = <T>(answer: () => T): T => {
    if (away) throw new StoreUnavailable('the store is away');
    return answer();
  };
  const store: EventStore = { ...following(inner, () => []), read: async (...args) => gone(() => inner.read(...args)), follow: (...args) => gone(() => inner.follow(...args)) }; // prettier-ignore
  const feed = feedOf(store);
  const taking = takeAll(feed.cursor(), 0, 3);
  await until(() => feed.trouble !== undefined);
  expect(feed.trouble).toContain('the store is away');
  away = false;
  expect(await taking).toEqual(upTo(3));
  expect(feed.trouble).toBeUndefined();
});

test('says which event cannot be read, gives those before it, and nothing after', async () => {
  const store = inMemoryEventStore();
  await write(store, [['a', 1], ['a', 1], 'odd', ['a', 1]]); // prettier-ignore
  const cursor = feedOf(store).cursor();
  const batch = await cursor.take(0, LIMITS);
  expect(batch?.last).toBe(1);
  const failure = await cursor.take(2, LIMITS).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(UnreadableAt);
  expect(failure).toMatchObject({ stream: STREAM, revision: 2, type: 'odd' });
});

test('follows with measured pages where it is far behind', async () => {
  const store = inMemoryEventStore();
  const feed = feedOf(store);
  const taking = takeAll(feed.cursor(), 0, 2 * PAGE_EVENTS_MAX + 7);
  for (let i = 0; i < 2; i++) await write(store, upTo(PAGE_EVENTS_MAX).map(() => ['a', 1] as const)); // prettier-ignore
  await write(store, upTo(7).map(() => ['a', 1] as const)); // prettier-ignore
  expect(await taking).toEqual(upTo(2 * PAGE_EVENTS_MAX + 7));
});

test('a closed cursor stops waiting', async () => {
  const cursor = feedOf(inMemoryEventStore()).cursor();
  const taking = cursor.take(0, LIMITS);
  cursor.close();
  expect(await taking).toBeUndefined();
});
