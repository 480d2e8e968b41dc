import { randomBytes, randomUUID } from 'node:crypto';
import { chainHash, eventIdOf, storedHash } from '@drawdown/kernel';
import { type EventStore, NO_LOG, PAGE_EVENTS_MAX, type StoredEvent, StreamGap } from '@drawdown/ports';
import { eventStoreConformance, inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { LEDGER_TOPIC, recordOf } from './event-record';
import { fannedOut } from './fanned-out';
import { Relay } from './relay';
import { until, write } from './testing/counting';
import { counters, faultyStream, type FaultyStream, following, unreadableStore } from './testing/fan-out';

const NAME = 'ledger-0';
/** So long that what comes came from the topic. */
const NEVER_MS = 60_000;
/** So short that what is not published comes soon. */
const SOON_MS = 20;

let kept: EventStore;
let store: ReturnType<typeof unreadableStore>;
let stream: FaultyStream;
let metrics: ReturnType<typeof counters>;
let ending: AbortController;
let relays: Relay[];

beforeEach(async () => {
  kept = inMemoryEventStore();
  store = unreadableStore(kept);
  stream = faultyStream();
  metrics = counters();
  ending = new AbortController();
  relays = [];
  await stream.ensureTopic(LEDGER_TOPIC, 1);
});
afterEach(async () => {
  ending.abort();
  stream.away = false;
  await Promise.all(relays.map((relay) => relay.stop()));
});

const partitionOf = (name: string): number | undefined => (name === NAME ? 0 : undefined);
const fanned = (silenceMs = NEVER_MS): EventStore =>
  fannedOut(store, stream, { partitionOf, silenceMs, log: NO_LOG, metrics });

const relayed = (): void => {
  const relay = new Relay({ store: kept, stream, shards: 1, streamOf: () => NAME, log: NO_LOG, metrics: counters() });
  relays.push(relay);
  relay.start();
};

/** Appends so many, which may be none. */
const writeMany = async (count: number): Promise<void> => {
  if (count > 0) await write(kept, many(count), NAME);
};
const many = (count: number): (readonly [string, number])[] => Array.from({ length: count }, () => ['a', 1]);
const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, i) => from + i);
const stored = (): Promise<readonly StoredEvent[]> => kept.read(NAME, 0, 10_000);
const revisionsOf = (events: readonly StoredEvent[]): number[] => events.map(({ revision }) => revision);

const publish = async (...revisions: readonly number[]): Promise<void> => {
  const all = await stored();
  const records = revisions.flatMap((revision) => all[revision] ?? []).map((event) => recordOf(0, event));
  await stream.send(LEDGER_TOPIC, 0, records);
};

/** Follows, once the tail stands: what is published from here on comes from the topic. */
const followed = async (from: number, through = fanned()) => {
  const reads = store.reads;
  const reader = following(through, NAME, from, ending.signal);
  await until(() => store.reads > reads, 'the store has been read up to the tail');
  return reader;
};

describe('the store itself, followed through a topic that nobody publishes to', () => {
  eventStoreConformance(async () =>
    fannedOut(inMemoryEventStore(), faultyStream(), {
      ...{ partitionOf: () => 0, silenceMs: SOON_MS, log: NO_LOG, metrics: counters() },
    }),
  );
});

test.each([
  ['from the beginning', 0, 0],
  ['from the middle', 120, 40],
  ['from an end that nothing has come to', 70, 70],
])('gives a reader each event once and in order, live from the topic, %s (INV-DEL-2)', async (_, present, from) => {
  await writeMany(present);
  relayed();
  relayed();
  const reader = await followed(from);
  for (let i = 0; i < 4; i++) await write(kept, many(25), NAME);
  await until(() => reader.events.length >= present + 100 - from, 'all have come');
  expect(reader.events.map((event) => ({ ...event, data: [...event.data] }))).toEqual(
    (await stored()).slice(from).map((event) => ({ ...event, data: [...event.data] })),
  );
  expect(metrics.of['consumer_gaps_total']).toBeUndefined();
  expect(metrics.of['fan_out_silences_total']).toBeUndefined();
  expect(metrics.of['ledger_records_unreadable_total']).toBeUndefined();
});

test('a reader level with the store costs it nothing while events are published', async () => {
  const reader = await followed(0);
  const reads = store.reads;
  await write(kept, many(200), NAME);
  for (const revision of upTo(200)) await publish(revision);
  await until(() => reader.events.length === 200, 'all have come');
  expect(store.reads).toBe(reads);
});

test('what is published twice is dropped and counted (FLT-03, FLT-38)', async () => {
  const reader = await followed(0);
  await write(kept, many(4), NAME);
  await publish(0, 1, 0, 1);
  await publish(1, 2, 3);
  await until(() => reader.events.length === 4, 'all have come');
  expect(revisionsOf(reader.events)).toEqual([0, 1, 2, 3]);
  expect(metrics.of['consumer_duplicates_total']).toBe(3);
});

test('when the last 1,000 events are repeated, all of them are dropped (FLT-27)', async () => {
  const reader = await followed(0);
  await write(kept, many(1_000), NAME);
  await publish(...upTo(1_000));
  await publish(...upTo(1_000));
  await write(kept, many(1), NAME);
  await publish(1_000);
  await until(() => reader.events.length >= 1_001, 'all have come');
  expect(revisionsOf(reader.events)).toEqual(upTo(1_001));
  expect(metrics.of['consumer_duplicates_total']).toBe(1_000);
});

test('no page is larger than a store’s', async () => {
  const sizes: number[] = [];
  const read = async (): Promise<void> => {
    for await (const page of fanned().follow(NAME, 0, ending.signal)) sizes.push(page.length);
  };
  const reading = read();
  await until(() => store.reads > 0, 'the store has been read up to the tail');
  await write(kept, many(1_200), NAME);
  await publish(...upTo(1_200));
  await until(() => sizes.reduce((total, size) => total + size, 0) === 1_200, 'all have come');
  expect(Math.max(...sizes)).toBeLessThanOrEqual(PAGE_EVENTS_MAX);
  ending.abort();
  await reading;
});

test('what is missing in the topic is read from the store before what follows it (FLT-34)', async () => {
  const reader = await followed(0);
  await write(kept, many(10), NAME);
  await publish(0, 1, 5, 6);
  await until(() => reader.events.length === 10, 'all have come');
  expect(revisionsOf(reader.events)).toEqual(upTo(10));
  expect(metrics.of['consumer_gaps_total']).toBe(1);
});

test('whatever order, repeats and holes the topic has, the reader has the stream (INV-DEL-2, FLT-34)', async () => {
  const mess = fc.record({
    events: fc.integer({ min: 1, max: 40 }),
    from: fc.nat(40),
    batches: fc.array(fc.array(fc.nat(39), { maxLength: 30 }), { maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(mess, async ({ events, from, batches }) => {
      kept = inMemoryEventStore();
      store = unreadableStore(kept);
      stream = faultyStream();
      await stream.ensureTopic(LEDGER_TOPIC, 1);
      const start = Math.min(from, events);
      await writeMany(start);
      const reader = await followed(start);
      await writeMany(events - start);
      for (const batch of batches) await publish(...batch.filter((revision) => revision < events));
      await publish(events - 1);
      await until(() => reader.events.length >= events - start, 'all have come');
      await publish(events - 1, 0);
      expect(revisionsOf(reader.events)).toEqual(upTo(events, start));
    }),
    { numRuns: 40 },
  );
});

test('records that were deleted before they were read come from the store, and the reader goes on (FLT-37)', async () => {
  let isFirst = true;
  const follow = stream.follow.bind(stream);
  stream.follow = async function* (topic, partition, from, signal) {
    if (isFirst) {
      isFirst = false;
      throw new StreamGap(topic, partition, from, { oldest: from + 10, end: from + 20 });
    }
    yield* follow(topic, partition, from, signal);
  };
  const reader = await followed(0);
  await write(kept, many(5), NAME);
  await until(() => reader.events.length === 5, 'all have come');
  await write(kept, many(1), NAME);
  await until(async () => {
    await publish(5);
    return reader.events.length === 6;
  }, 'the tail is followed again');
  expect(metrics.of['consumer_gaps_total']).toBe(1);
});

test('a topic that was made anew and filled again gives nothing twice and leaves nothing out (FLT-37)', async () => {
  await write(kept, many(30), NAME);
  relayed();
  const reader = await followed(0, fanned(SOON_MS));
  await until(() => reader.events.length === 30, 'all have come');
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  stream.forget();
  await stream.ensureTopic(LEDGER_TOPIC, 1);
  relayed();
  await write(kept, many(20), NAME);
  await until(() => reader.events.length >= 50, 'all have come');
  expect(revisionsOf(reader.events)).toEqual(upTo(50));
});

test('while the broker is away events come from the store, and from the topic when it is back (FLT-30)', async () => {
  stream.away = true;
  const reader = await followed(0);
  await write(kept, many(5), NAME);
  await until(() => reader.events.length === 5, 'the store’s have come');
  stream.away = false;
  const reads = store.reads;
  await until(() => store.reads > reads, 'the tail is tried again');
  await write(kept, many(1), NAME);
  await until(async () => {
    await publish(5);
    return reader.events.length === 6;
  }, 'the tail is followed again');
  expect(revisionsOf(reader.events)).toEqual(upTo(6));
});

test('where nothing is published readers are behind by the silence, and not for ever', async () => {
  const reader = await followed(0, fanned(SOON_MS));
  await write(kept, many(3), NAME);
  await until(() => reader.events.length === 3, 'all have come');
  expect(metrics.of['fan_out_silences_total']).toBeGreaterThan(0);
});

test('what is no event of this stream is passed over', async () => {
  const reader = await followed(0);
  await write(kept, many(3), NAME);
  const [first] = await stored();
  if (first === undefined) throw new Error('nothing is stored');
  const { headers } = recordOf(0, first);
  await stream.send(LEDGER_TOPIC, 0, [
    { key: null, value: null, headers },
    { key: null, value: Buffer.from('{}'), headers: {} },
    recordOf(0, { ...first, stream: 'ledger-1' }),
  ]);
  await publish(0, 1, 2);
  await until(() => reader.events.length === 3, 'all have come');
  expect(revisionsOf(reader.events)).toEqual([0, 1, 2]);
  expect(metrics.of['ledger_records_unreadable_total']).toBe(3);
});

test('what was published and the store does not have does not exist', async () => {
  const reader = await followed(0);
  await write(kept, many(2), NAME);
  const [first] = await stored();
  if (first === undefined) throw new Error('nothing is stored');
  await stream.send(LEDGER_TOPIC, 0, [recordOf(0, { ...first, revision: 700 })]);
  await until(() => reader.events.length === 2, 'all have come');
  await write(kept, many(1), NAME);
  await publish(2);
  await until(() => reader.events.length === 3, 'all have come');
  expect(revisionsOf(reader.events)).toEqual([0, 1, 2]);
});

/** What somebody else could write in the place of an event. */
const foreign: [string, (event: StoredEvent) => StoredEvent][] = [
  ['with other contents', (event) => ({ ...event, data: Buffer.from('{"key":"a","amount":7}') })],
  ['of another type', (event) => ({ ...event, type: 'odd' })],
  ['under another id', (event) => ({ ...event, id: randomUUID() })],
  ['without a hash', (event) => ({ ...event, metadata: {} })],
  ['with a hash that follows from another', (event) => chained(randomBytes(32), event)],
];
/** The event as a chain would have it that has this hash before it. */
const chained = (before: Buffer, { metadata, ...event }: StoredEvent): StoredEvent => {
  const { hash: _, ...plain } = metadata;
  const hash = chainHash(before, { ...event, metadata: plain });
  return { ...event, id: eventIdOf(hash), metadata: { ...plain, hash: hash.toString('hex') } };
};
const sendAsRevision = async (revision: number, change: (event: StoredEvent) => StoredEvent): Promise<void> => {
  const event = (await stored())[revision];
  if (event === undefined) throw new Error('there is no such event');
  await stream.send(LEDGER_TOPIC, 0, [recordOf(0, change(event))]);
};
/** A record that the chain would have after the event before, and that is not the log's. */
const sendForged = async (revision: number): Promise<void> => {
  const before = (await stored())[revision - 1];
  const hash = before && storedHash(before);
  if (before === undefined || hash === undefined) throw new Error('nothing is chained');
  const forged = chained(hash, { ...before, revision, data: Buffer.from('{"key":"a","amount":7}') });
  await stream.send(LEDGER_TOPIC, 0, [recordOf(0, forged)]);
};
const asStored = (events: readonly StoredEvent[]) =>
  events.map(({ id, data, type }) => [id, type, Buffer.from(data).toString()]);

describe.each(foreign)(
  'a record that is the next by its revision, and is not of the log: %s (INV-DEL-2)',
  (_, change) => {
    test.each([
      ['from the beginning', 0],
      ['from where the log ended', 2],
    ])('the reader has the log’s event instead, %s', async (__, from) => {
      await writeMany(2);
      const reader = await followed(from);
      await writeMany(3);
      await sendAsRevision(2, change);
      await publish(2, 3, 4);
      await until(() => reader.events.length === 5 - from, 'all have come');
      expect(asStored(reader.events)).toEqual(asStored((await stored()).slice(from)));
      expect(metrics.of['ledger_records_unreadable_total']).toBe(1);
      expect(metrics.of['consumer_gaps_total']).toBeUndefined();
    });
  },
);

test('… and nothing, where the log has none there', async () => {
  await writeMany(2);
  const reader = await followed(0);
  await until(() => reader.events.length === 2, 'the log’s have come');
  await sendAsRevision(1, (event) => ({ ...event, revision: 2 }));
  await until(() => metrics.of['ledger_records_unreadable_total'] === 1, 'it is counted');
  await writeMany(1);
  await publish(2);
  await until(() => reader.events.length === 3, 'the next has come');
  expect(asStored(reader.events)).toEqual(asStored(await stored()));
});

test('a record that is forged to follow shows with the next one: the reader ends, and says where the log is another', async () => {
  await writeMany(2);
  const reader = await followed(0);
  await writeMany(2);
  await sendForged(2);
  await publish(3);
  expect(await reader.ended).toMatchObject({
    ...{ code: 'not_of_the_log', revision: 2 },
    message: expect.stringMatching(/^ledger-0: what was read as revision 2 is not the log’s/) as string,
  });
});

test('… or with another foreign one, though the log ends there', async () => {
  await writeMany(2);
  const reader = await followed(0);
  await writeMany(1);
  await sendForged(2);
  await sendAsRevision(2, (event) => ({ ...event, revision: 3 }));
  expect(await reader.ended).toMatchObject({ code: 'not_of_the_log', revision: 2 });
});

test('… or with the next that is read from the store', async () => {
  await writeMany(2);
  const reader = await followed(0, fanned(SOON_MS));
  await sendForged(2);
  await until(() => reader.events.length === 3, 'it is given');
  await writeMany(2);
  expect(await reader.ended).toMatchObject({ code: 'not_of_the_log', revision: 2 });
});

test('a store that cannot be read ends the following, to be begun again', async () => {
  const reader = await followed(0, fanned(SOON_MS));
  store.unreadable = true;
  expect(await reader.ended).toMatchObject({ code: 'store_unavailable' });
});

test('streams that are not published are followed in the store', async () => {
  const reader = following(fanned(), 'rate-card-1', 0, ending.signal);
  await write(kept, many(2), 'rate-card-1');
  await until(() => reader.events.length === 2, 'all have come');
  ending.abort();
  expect(await reader.ended).toBeUndefined();
});
