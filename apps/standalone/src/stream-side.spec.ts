import {
  LocalCatalogue,
  LocalLedger,
  PartitionCountDiffers,
  TopicsOfAnotherStore,
  USAGE_TOPIC,
} from '@drawdown/ledger';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { type EventStore, inProcessStream, NO_LOG, NO_METRICS, type Stream, StreamUnavailable } from '@drawdown/ports';
import { inMemoryEventStore, inMemorySnapshots } from '@drawdown/ports/testing';
import { StreamSide } from './stream-side';
import { until } from './testing/until';

const SHARDS = 4;
const WAIT_MS = 10_000;

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A process's ledger on a store, and its side towards the stream. */
const opened = async (stream: Stream, store: EventStore): Promise<StreamSide> => {
  const clock = systemClock();
  const catalogue = new LocalCatalogue(store, clock, async () => null);
  const ports = { store, catalogue, clock, metrics: NO_METRICS, log: NO_LOG };
  const ledger = new LocalLedger(SHARDS, { ...ports, snapshots: inMemorySnapshots() });
  await catalogue.start();
  await ledger.start();
  const side = new StreamSide({ newTopics: new Set<string>(), ...ports, stream, ledger });
  stops.push(
    () => ledger.stop(),
    () => side.stop(),
  );
  return side;
};

const consumes = (side: StreamSide): Promise<number> =>
  until('it consumes all', WAIT_MS, () => side.consumptionTrouble === null);

test('a second process of the same store takes partitions away, and both say so until one stops', async () => {
  const [stream, store] = [inProcessStream(), inMemoryEventStore()];
  const [first, second] = [await opened(stream, store), await opened(stream, store)];
  await first.start();
  await consumes(first);
  await second.start();
  const isSaid = (side: StreamSide) => /partitions .* are not consumed here/.test(side.consumptionTrouble ?? '');
  await until('both say so', WAIT_MS, () => isSaid(first) && isSaid(second));
  await second.stop();
  await consumes(first);
});

test('FLT-13: topics of another store, or with fewer partitions than shards, refuse the start', async () => {
  const stream = inProcessStream();
  await (await opened(stream, inMemoryEventStore())).start();
  await expect((await opened(stream, inMemoryEventStore())).start()).rejects.toThrow(TopicsOfAnotherStore);
  const other = inProcessStream();
  await other.ensureTopic(USAGE_TOPIC, SHARDS - 1);
  await expect((await opened(other, inMemoryEventStore())).start()).rejects.toThrow(PartitionCountDiffers);
});

test('a stream that is away is waited for, and says why meanwhile', async () => {
  const inner = inProcessStream();
  let isAway = true;
  const stream = Object.assign(Object.create(inner) as Stream, {
    ensureTopic: async (...topic: Parameters<Stream['ensureTopic']>) => {
      if (isAway) throw new StreamUnavailable('the brokers are away');
      await inner.ensureTopic(...topic);
    },
  });
  const side = await opened(stream, inMemoryEventStore());
  const starting = side.start();
  await until('it says why', WAIT_MS, () => side.consumptionTrouble === 'the brokers are away');
  expect(side.relayTrouble).not.toBeNull();
  isAway = false;
  await starting;
  await consumes(side);
  expect(side.relayTrouble).toBeNull();
});
