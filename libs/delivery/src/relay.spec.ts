import { type EventStore, NO_LOG, RecordTooLarge, type StoredEvent } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { LEDGER_TOPIC, recordOf } from './event-record';
import { Relay } from './relay';
import { until, write } from './testing/counting';
import { counters, faultyStream, type FaultyStream, published, unreadableStore } from './testing/fan-out';

const SHARDS = 2;
const streamOf = (shard: number): string => `ledger-${String(shard)}`;

let kept: EventStore;
let store: ReturnType<typeof unreadableStore>;
let stream: FaultyStream;
let metrics: ReturnType<typeof counters>;
let relays: Relay[];

beforeEach(() => {
  kept = inMemoryEventStore();
  store = unreadableStore(kept);
  stream = faultyStream();
  metrics = counters();
  relays = [];
});
afterEach(async () => {
  stream.away = false;
  store.unreadable = false;
  await Promise.all(relays.map((relay) => relay.stop()));
});

const started = (from: EventStore = store): Relay => {
  const relay = new Relay({ store: from, stream, shards: SHARDS, streamOf, log: NO_LOG, metrics, measureMs: 100 });
  relays.push(relay);
  relay.start();
  return relay;
};

const many = (count: number): (readonly [string, number])[] => Array.from({ length: count }, () => ['a', 1]);
const stored = (shard = 0): Promise<readonly StoredEvent[]> => store.read(streamOf(shard), 0, 10_000);
const revisions = async (shard = 0): Promise<number[]> =>
  (await published(stream, shard)).map(({ revision }) => revision);

const arrived = (revision: number, shard = 0): Promise<void> =>
  until(
    async () => {
      try {
        return (await revisions(shard)).includes(revision);
      } catch {
        return false; // no topic yet, or the broker is away
      }
    },
    `revision ${String(revision)} of shard ${String(shard)} is published`,
  );

/** Every revision stands after all earlier ones, however often each is repeated. */
const gapBefore = (all: readonly number[]): number | undefined => {
  let next = 0;
  for (const revision of all) {
    if (revision > next) return revision;
    next = Math.max(next, revision + 1);
  }
  return undefined;
};

test('publishes each shard’s events in order to its own partition, those that are there and those to come (INV-DEL-1)', async () => {
  await write(store, many(450), streamOf(0));
  await write(store, many(3), streamOf(1));
  started();
  await arrived(449);
  await write(store, many(2), streamOf(1));
  await arrived(4, 1);
  for (const shard of [0, 1]) {
    const events = await published(stream, shard);
    expect(events.map((event) => ({ ...event, data: [...event.data] }))).toEqual(
      (await stored(shard)).map((event) => ({ ...event, data: [...event.data] })),
    );
  }
  expect(metrics.of['relay_published_total']).toBe(455);
});

test('a relay that starts again goes on after what it finds in the partition', async () => {
  await write(store, many(20), streamOf(0));
  const first = started();
  await arrived(19);
  await first.stop();
  await write(store, many(5), streamOf(0));
  started();
  await arrived(24);
  expect(await revisions()).toEqual(Array.from({ length: 25 }, (_, revision) => revision));
});

test('an acknowledgement that is lost leads to a repetition, records that are lost to no gap (FLT-03)', async () => {
  await write(store, many(10), streamOf(0));
  started();
  await arrived(9);
  stream.failNext('ack lost', 'records lost', 'ack lost');
  await write(store, many(10), streamOf(0));
  await arrived(19);
  await write(store, many(1), streamOf(0));
  await arrived(20);
  expect(gapBefore(await revisions())).toBeUndefined();
  expect(metrics.of['relay_errors_total']).toBeGreaterThan(0);
});

test('whatever is lost, and however often relays come and go, no revision comes before an earlier one (INV-DEL-1)', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 30 }) }),
    fc.record({
      kind: fc.constant('lose' as const),
      fault: fc.constantFrom('ack lost' as const, 'records lost' as const),
    }),
    fc.record({ kind: fc.constant('restart' as const), which: fc.nat(1) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      [store, stream] = [unreadableStore(inMemoryEventStore()), faultyStream()];
      const running = [started(), started()];
      for (const one of steps) {
        if (one.kind === 'write') await write(store, many(one.count), streamOf(0));
        else if (one.kind === 'lose') stream.failNext(one.fault);
        else {
          await running[one.which]?.stop();
          running[one.which] = started();
        }
      }
      await write(store, many(1), streamOf(0));
      await arrived(await store.head(streamOf(0)));
      await Promise.all(running.map((relay) => relay.stop()));
      expect(gapBefore(await revisions())).toBeUndefined();
    }),
    { numRuns: 20 },
  );
}, 60_000);

test('two relays at once give repeats, each event at least once and none too early (FLT-38)', async () => {
  started();
  started();
  for (let i = 0; i < 5; i++) await write(store, many(20), streamOf(0));
  await arrived(99);
  const all = await revisions();
  expect(gapBefore(all)).toBeUndefined();
  expect(new Set(all).size).toBe(100);
});

test('nothing follows on records that are not acknowledged, and a stop waits for them', async () => {
  await write(store, many(1), streamOf(0));
  const held = stream.hold();
  const relay = started();
  await held.reached;
  await write(store, many(5), streamOf(0));
  let hasStopped = false;
  const stopped = relay.stop().then(() => (hasStopped = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect([hasStopped, stream.sends]).toEqual([false, 1]);
  held.release();
  await stopped;
  expect(await revisions()).toEqual([0]);
});

test('a stop waits neither for a broker nor for a store that does not answer while nothing is in flight', async () => {
  const silent = (): Promise<never> => new Promise(() => undefined);
  const ensured = jest.spyOn(stream, 'ensureTopic').mockImplementation(silent);
  const asked = jest.spyOn(store, 'head').mockImplementation(silent);
  const relay = started();
  await until(() => asked.mock.calls.length > 0, 'the lag is measured');
  await relay.stop();
  expect(ensured).toHaveBeenCalledTimes(SHARDS);
});

test('comes back after store and broker were away, and says meanwhile what is wrong', async () => {
  await write(store, many(1), streamOf(0));
  const relay = started();
  await arrived(0);
  stream.away = true;
  await write(store, many(1), streamOf(0));
  await until(() => relay.trouble !== null, 'the relay notices');
  expect(relay.trouble).toContain('the broker is away');
  stream.away = false;
  await arrived(1);
  await until(() => relay.trouble === null, 'the relay is well again');
  store.unreadable = true;
  await write(kept, many(1), streamOf(0));
  await until(() => relay.trouble !== null, 'the relay notices');
  store.unreadable = false;
  await arrived(2);
  expect(await revisions()).toEqual([0, 1, 2]);
});

test('fills a topic that was made anew from the beginning, while it runs (FLT-37)', async () => {
  await write(store, many(30), streamOf(0));
  started();
  await arrived(29);
  await until(() => metrics.of['relay_lag_events 0'] === 0, 'the relay has seen where the topic ends');
  stream.forget();
  await stream.ensureTopic(LEDGER_TOPIC, SHARDS);
  await until(async () => new Set(await revisions()).size === 30, 'all is there again');
  await write(store, many(1), streamOf(0));
  await arrived(30);
  expect(new Set(await revisions()).size).toBe(31);
});

test('does not go on after the events of another store, and says what to do', async () => {
  await stream.ensureTopic(LEDGER_TOPIC, SHARDS);
  const foreign = inMemoryEventStore();
  await write(foreign, [['b', 1], ['b', 1], ['b', 1]], 'elsewhere'); // prettier-ignore
  const events = await foreign.read('elsewhere', 0, 10);
  await stream.send(
    LEDGER_TOPIC,
    0,
    events.map((event) => recordOf(0, { ...event, stream: streamOf(0) })),
  );
  await write(store, many(10), streamOf(0));
  const relay = started();
  await until(() => relay.trouble !== null, 'the relay notices');
  expect(relay.trouble).toContain('delete the topic');
  expect(await revisions()).toEqual([0, 1, 2]);
});

test('does not publish to a topic with fewer partitions than there are shards (INV-LED-14)', async () => {
  await stream.ensureTopic(LEDGER_TOPIC, SHARDS - 1);
  await write(store, many(1), streamOf(0));
  const relay = started();
  await until(() => relay.trouble !== null, 'the relay notices');
  expect(relay.trouble).toContain('1 partitions, the store 2 shards');
  expect(await revisions()).toEqual([]);
});

test('nor to one that more shards were published to; partitions that were added and are empty are let be', async () => {
  await stream.ensureTopic(LEDGER_TOPIC, SHARDS + 1);
  await write(store, many(1), streamOf(0));
  const relay = started();
  await arrived(0);
  expect(relay.trouble).toBeNull();
  await relay.stop();
  await stream.send(LEDGER_TOPIC, SHARDS, [{ key: null, value: Buffer.from('?'), headers: {} }]);
  const next = started();
  await until(() => next.trouble !== null, 'the relay notices');
  expect(next.trouble).toContain('3 partitions with records, the store 2 shards');
});

test('stands at an event that the topic does not take, says why, and goes on once it is taken', async () => {
  await write(store, many(3), streamOf(0));
  const send = stream.send.bind(stream);
  const refusing = jest.spyOn(stream, 'send').mockImplementation(async (topic, partition, records) => {
    const large = records.findIndex(({ headers }) => headers['revision'] === '1');
    await send(topic, partition, large < 0 ? records : records.slice(0, large));
    if (large >= 0) throw new RecordTooLarge(`${topic}: raise its max.message.bytes`);
  });
  const relay = started();
  await until(() => refusing.mock.calls.length > 1, 'it has tried again');
  expect(relay.trouble).toBe(`${LEDGER_TOPIC}: raise its max.message.bytes`);
  expect(new Set(await revisions())).toEqual(new Set([0]));
  refusing.mockRestore();
  await arrived(2);
  expect(gapBefore(await revisions())).toBeUndefined();
  await until(() => relay.trouble === null, 'all is well');
});

test('what else was written to the topic does not hide how far the relay was', async () => {
  await write(store, many(3), streamOf(0));
  const first = started();
  await arrived(2);
  await first.stop();
  const junk = { key: null, value: Buffer.from('?'), headers: {} };
  await stream.send(
    LEDGER_TOPIC,
    0,
    Array.from({ length: 40 }, () => junk),
  );
  metrics.of['relay_published_total'] = 0;
  await write(store, many(1), streamOf(0));
  started();
  await until(() => metrics.of['relay_published_total'] === 1, 'the event after them is published');
});

test('reports how far it is behind the store', async () => {
  await write(store, many(4), streamOf(0));
  const held = stream.hold();
  started();
  await held.reached;
  await until(() => metrics.of['relay_lag_events 0'] === 4, 'the lag is measured');
  held.release();
  await arrived(3);
  await until(() => metrics.of['relay_lag_events 0'] === 0, 'there is no lag');
});

test('FLT-31: the lag grows while the broker is away, and is gone after it', async () => {
  await write(store, many(3), streamOf(0));
  started();
  await arrived(2);
  stream.away = true;
  await write(store, many(50), streamOf(0));
  await until(() => metrics.of['relay_lag_events 0'] === 50, 'the lag is measured without the broker');
  await write(store, many(50), streamOf(0));
  await until(() => metrics.of['relay_lag_events 0'] === 100, 'it has grown');
  stream.away = false;
  await arrived(102);
  await until(() => metrics.of['relay_lag_events 0'] === 0, 'there is no lag');
  expect(gapBefore(await revisions())).toBeUndefined();
});
