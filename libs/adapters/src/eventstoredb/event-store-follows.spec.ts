import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { status } from '@grpc/grpc-js';
import { type EventStore, type NewEvent, NO_METRICS, type StoredEvent } from '@drawdown/ports';
import { EventStoreDBClient } from '@eventstore/db-client';
import { type EventStoreDbOptions, openEventStoreDb } from './event-store';
import { eventually } from './testing/eventually';
import type { Subscriber } from './testing/faults';
import { doubles } from './testing/servers';

const double = doubles();

const opened: EventStore[] = [];
const followers: { readonly abort: AbortController; readonly ended: Promise<void> }[] = [];
afterEach(async () => {
  for (const { abort, ended } of followers.splice(0)) {
    abort.abort();
    await ended;
  }
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

const patience = { appendMs: 10_000, readMs: 3_000, silenceMs: 300, unreachableMs: 10_000 };
const openAt = (url: string, options: EventStoreDbOptions = {}): EventStore => {
  const store = openEventStoreDb(url, { patience, ...options });
  opened.push(store);
  return store;
};

const event = (content = 'content'): NewEvent => {
  return { id: randomUUID(), type: 'Tested', data: Buffer.from(content), metadata: {} };
};
const ids = (list: readonly NewEvent[]): string[] => list.map(({ id }) => id);

type Follow = (store: EventStore, signal: AbortSignal) => AsyncIterable<readonly StoredEvent[]>;
const ways: [string, Follow][] = [
  ['a stream', (store, signal) => store.follow('s', 0, signal)],
  ['all streams', (store, signal) => store.followAll(-1, ['s'], signal)],
];

/** Follows in the background until the test has ended. */
const following = (store: EventStore, follow: Follow) => {
  const abort = new AbortController();
  const seen: StoredEvent[] = [];
  const until = async (count: number): Promise<void> => {
    await eventually(async () => {
      if (seen.length < count) throw new Error(`${String(seen.length)} events of ${String(count)}`);
    });
  };
  const ended = (async () => {
    for await (const page of follow(store, abort.signal)) seen.push(...page);
  })();
  followers.push({ abort, ended });
  return { seen, until };
};

describe.each(ways)('following %s', (_, follow) => {
  const drops: [string, (subscriber: Subscriber) => void][] = [
    ['FLT-28: ends without an error', (subscriber) => subscriber.end()],
    ['FLT-28: is aborted because the consumer is slow', (subscriber) => subscriber.end(status.ABORTED)],
    ['breaks', (subscriber) => subscriber.end(status.UNAVAILABLE)],
    ['fails inside the server', (subscriber) => subscriber.end(status.INTERNAL)],
    ['FLT-26: falls silent while it is connected', (subscriber) => subscriber.silence()],
  ];
  test.each(drops)('goes on without a gap or a repetition when the subscription %s', async (_name, drop) => {
    const { url, faults } = await double();
    const count = jest.fn();
    const store = openAt(url, { metrics: { ...NO_METRICS, count } });
    const { seen, until } = following(store, follow);
    const appended: NewEvent[] = [];
    for (let round = 1; round <= 3; round++) {
      for (const each of [event(), event()]) {
        await store.append('s', appended.length, [each]);
        appended.push(each);
      }
      await until(appended.length);
      for (const subscriber of [...faults.subscribers]) drop(subscriber);
    }
    await store.append('s', appended.length, [event()]);
    await until(appended.length + 1);
    expect(ids(seen.slice(0, -1))).toEqual(ids(appended));
    expect(seen.map(({ revision }) => revision)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(count).toHaveBeenCalledWith('resubscribes_total');
  });

  /** A store, and the ages of its subscriptions as they are reported. */
  const aging = async () => {
    const { url, faults } = await double();
    const ages: number[] = [];
    const gauge = (name: string, age: number, labels = {}): void => {
      expect([name, labels]).toEqual(['subscription_age_seconds', { stream: 's' }]);
      ages.push(age);
    };
    const store = openAt(url, { metrics: { ...NO_METRICS, gauge }, patience: { ...patience, readMs: 1_000 } });
    return { faults, ages, store, writer: openAt(url) };
  };

  test('FLT-26: how long nothing was heard of the store is reported; one that has nothing to say is asked', async () => {
    const { faults, ages, store, writer } = await aging();
    const { until } = following(store, follow);
    await writer.append('s', 0, [event()]);
    await until(1);
    const begun = ages.length;
    const fell = (): boolean => ages.slice(begun).some((age, i, later) => age > (later[i + 1] ?? Infinity));
    await eventually(async () => expect(fell()).toBe(true));
    faults.silent = true;
    for (const subscriber of faults.subscribers) subscriber.silence();
    const silentSeconds = (4 * patience.silenceMs) / 1000;
    await eventually(async () => expect(ages.at(-1)).toBeGreaterThan(silentSeconds));
    faults.heal();
    await writer.append('s', 1, [event()]);
    await until(2);
    await eventually(async () => expect(ages.at(-1)).toBeLessThan(silentSeconds));
  });

  test('a consumer that takes its time is no silence of the store', async () => {
    const { ages, store, writer } = await aging();
    await writer.append('s', 0, [event()]);
    const abort = new AbortController();
    const pages = follow(store, abort.signal)[Symbol.asyncIterator]();
    await pages.next();
    const begun = ages.length;
    await eventually(async () => expect(ages.length).toBeGreaterThan(begun + 6));
    expect(Math.max(...ages.slice(begun))).toBe(0);
    abort.abort();
    expect(await pages.next()).toMatchObject({ done: true });
  });

  test('FLT-27: drops the last 1,000 events when they come again, and counts them', async () => {
    const { url, faults } = await double();
    const count = jest.fn();
    const store = openAt(url, { metrics: { ...NO_METRICS, count } });
    const { seen, until } = following(store, follow);
    const list = Array.from({ length: 1_000 }, () => event());
    await store.append('s', 0, list);
    await until(1_000);
    for (const subscriber of faults.subscribers) subscriber.repeat(1_000);
    await store.append('s', 1_000, [event()]);
    await until(1_001);
    expect(seen.map(({ revision }) => revision)).toEqual(Array.from({ length: 1_001 }, (__, revision) => revision));
    const counts = count.mock.calls as readonly (readonly [name: string, labels?: object, times?: number])[];
    const dropped = counts.filter(([name]) => name === 'consumer_duplicates_total');
    expect(dropped.reduce((sum, [, , times = 1]) => sum + times, 0)).toBe(1_000);
    for (const [, labels] of dropped) expect(labels).toEqual({ stream: 's' });
  });

  test('is told that the store cannot be read when there is no server for long, and when the right to read is gone', async () => {
    const server = await double();
    const store = openAt(server.url, { patience: { ...patience, unreachableMs: 500 } });
    const refused = follow(store, new AbortController().signal)[Symbol.asyncIterator]();
    server.faults.readsFail = status.UNAUTHENTICATED;
    const error: unknown = await refused.next().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('access denied') as string,
    });
    expect(server.faults.subscriptions).toBe(0);
    await server.stop();
    const unreachable = follow(store, new AbortController().signal)[Symbol.asyncIterator]();
    await expect(unreachable.next()).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  test('leaves alone a subscription that is quiet because nothing happens', async () => {
    const { url, faults } = await double();
    const store = openAt(url, { patience: { ...patience, silenceMs: 30 } });
    const { seen, until } = following(store, follow);
    await store.append('s', 0, [event()]);
    await until(1);
    // The one that follows, and perhaps one of the short ones by which `$all` is looked into.
    const before = new Set(faults.subscribers);
    for (let other = 0; other < 40; other++) await store.append('other', other, [event()]);
    expect([...faults.subscribers].filter((subscriber) => before.has(subscriber))).toHaveLength(1);
    await store.append('s', 1, [event()]);
    await until(2);
    expect(seen).toHaveLength(2);
  });

  test('FLT-20: goes on when the server comes back, at the events that are on its disk', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'drawdown-'));
    const first = await double({}, folder);
    const store = openAt(first.url);
    const { seen, until } = following(store, follow);
    const list = [event(), event(), event()];
    await store.append('s', 0, list.slice(0, 2));
    await until(2);
    await first.stop();
    await expect(store.append('s', 2, list.slice(2))).rejects.toMatchObject({
      code: expect.stringMatching(/^(append_unknown|store_unavailable)$/) as string,
    });
    await double({ port: first.port }, folder);
    await eventually(() => store.append('s', 2, list.slice(2)));
    await until(3);
    expect(ids(seen)).toEqual(ids(list));
  });
});

test('more streams are followed than the server takes calls on a connection, and reads and appends go on', async () => {
  const { url } = await double();
  const store = openAt(url, { patience: { ...patience, appendMs: 20_000, readMs: 20_000, silenceMs: 15_000 } });
  const streams = Array.from({ length: 120 }, (_, index) => `s-${String(index)}`);
  const followed = streams.map((stream) => following(store, (of, signal) => of.follow(stream, 0, signal)));
  await Promise.all(streams.map((stream) => store.append(stream, 0, [event()])));
  await Promise.all(followed.map(({ until }) => until(1)));
  expect(await store.head('s-0')).toBe(0);
  await Promise.all(streams.map((stream) => store.append(stream, 1, [event()])));
  await Promise.all(followed.map(({ until }) => until(2)));
});

test('a server that is not there stores nothing, and says so', async () => {
  const gone = await double();
  await gone.stop();
  const store = openAt(gone.url);
  await expect(store.append('s', 0, [event()])).rejects.toMatchObject({ code: 'store_unavailable' });
  await expect(store.read('s', 0, 1)).rejects.toMatchObject({ code: 'store_unavailable' });
});

type Read = [string, (store: EventStore) => Promise<readonly StoredEvent[]>];
test.each<Read>([
  ['a read', (store) => store.read('s', 0, 10)],
  ['a read of all streams', (store) => store.readAll(-1, 10, ['s'])],
  ...ways.map(([name, follow]): Read => {
    const firstPage = async (store: EventStore): Promise<readonly StoredEvent[]> => {
      for await (const page of follow(store, new AbortController().signal)) return page;
      return [];
    };
    return [`who follows ${name}`, firstPage];
  }),
])('%s goes to the leader', async (_, read) => {
  const [follower, leader] = [await double(), await double()];
  await openAt(leader.url).append('s', 0, [event(), event()]);
  follower.faults.readsNotLeader = { host: '127.0.0.1', port: leader.port };
  expect(await read(openAt(follower.url))).toHaveLength(2);
});

test('events that metadata hides are missed loudly, in a read as well as by a follower', async () => {
  const { url } = await double();
  const store = openAt(url);
  await store.append('s', 0, [event(), event(), event()]);
  const admin = EventStoreDBClient.connectionString(url);
  await admin.setStreamMetadata('s', { maxCount: 1 });
  const hole = { code: 'store_unavailable', message: expect.stringContaining('$maxCount') as string };
  await expect(store.read('s', 0, 10)).rejects.toMatchObject(hole);
  await expect(store.follow('s', 0, new AbortController().signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject(
    hole,
  );
  await admin.dispose();
});

const SEEMS_EMPTY = /^s seems empty because \$\$s has \$tb: it was deleted or truncated\..*"Backup and restore"/;
test.each<[string, (admin: EventStoreDBClient) => Promise<unknown>, RegExp]>([
  ['may come back', (admin) => admin.deleteStream('s'), SEEMS_EMPTY],
  ['has been truncated to nothing', (admin) => admin.setStreamMetadata('s', { truncateBefore: 2 }), SEEMS_EMPTY],
  ['is gone for ever', (admin) => admin.tombstoneStream('s'), /stream-deleted .*from a backup.*"Backup and restore"/],
])('a stream that was deleted, and %s, is not taken for one that is new', async (_, remove, why) => {
  const { url } = await double();
  await openAt(url).append('s', 0, [event(), event()]);
  const admin = EventStoreDBClient.connectionString(url);
  await remove(admin);
  const store = openAt(url);
  const said = { code: 'store_unavailable', message: expect.stringMatching(why) as string };
  await expect(store.read('s', 0, 10)).rejects.toMatchObject(said);
  await expect(store.head('s')).rejects.toMatchObject(said);
  await expect(store.append('s', 0, [event()])).rejects.toMatchObject(said);
  const followed = store.follow('s', 0, new AbortController().signal)[Symbol.asyncIterator]();
  await expect(followed.next()).rejects.toMatchObject({ code: 'store_unavailable' });
  expect(await store.head('another')).toBe(-1);
  await admin.dispose();
});

test('events that somebody else wrote in another form are refused, not read wrongly', async () => {
  const { url } = await double();
  const admin = EventStoreDBClient.connectionString(url);
  await admin.appendToStream('s', [
    { id: randomUUID(), type: 'T', contentType: 'application/json', data: { a: 1 }, metadata: {} },
  ]);
  await expect(openAt(url).read('s', 0, 1)).rejects.toThrow(
    /^s, revision 0 was not written by Drawdown: .*"Backup and restore" of deploy\/README.md/,
  );
  await admin.dispose();
});

test('FLT-20: who follows a server that is away tries again with ever longer pauses, and goes on when it is back', async () => {
  const { url, port, stop } = await double();
  await stop();
  const count = jest.fn();
  const store = openAt(url, { metrics: { ...NO_METRICS, count } });
  const from = performance.now();
  const { until } = following(store, (of, signal) => of.follow('s', 0, signal));
  await eventually(() => (count.mock.calls.length >= 6 ? Promise.resolve() : Promise.reject(new Error('not yet'))));
  // The pauses between six tries are 100, 200, 400, 800 and 1,600 ms, or half of each.
  expect(performance.now() - from).toBeGreaterThan(1_500);
  await double({ port });
  await eventually(() => store.append('s', 0, [event()]));
  await until(1);
});
