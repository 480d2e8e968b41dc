/** An acknowledgement of the ledger's topic that is lost, with the relay and the reader of the product on a real Kafka. */
import { openKafkaStream } from '@drawdown/adapters/kafka/kafka-stream';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { until } from '@drawdown/adapters/kafka/testing/reading';
import { openTcpProxy, type TcpProxy } from '@drawdown/adapters/kafka/testing/tcp-proxy';
import { eventOf, fannedOut, LEDGER_TOPIC, recordOf, Relay } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { CHAIN_START, chainHash, eventIdOf } from '@drawdown/kernel';
import { CountedMetrics, delegating } from '@drawdown/ledger/testing';
import { type EventStore, NO_LOG, NO_METRICS, type Stream } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { Kafka, logLevel, Partitioners } from 'kafkajs';

const STREAM = ledgerStream(0);
/** So long that what comes came from the topic. */
const NEVER_MS = 600_000;

let proxy: TcpProxy;
let broker: KafkaBroker;
/** For who publishes: what is answered there can be lost. */
let through: Stream;
let direct: Stream;
let store: EventStore;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  proxy = await openTcpProxy();
  broker = await startKafkaBroker({ proxyPort: proxy.port });
  proxy.forwardTo(broker.proxied);
  through = openKafkaStream({ brokers: [`127.0.0.1:${String(proxy.port)}`], clientId: 'relay' });
  direct = openKafkaStream({ brokers: [broker.address], clientId: 'reader' });
  await direct.ensureTopic(LEDGER_TOPIC, 1);
  store = inMemoryEventStore();
}, 240_000);
afterAll(async () => {
  proxy.cut();
  for (const end of ends.reverse()) await end();
  await Promise.all([through.close(), direct.close()]);
  await broker.stop();
  await proxy.close();
}, 60_000);

let written = 0;
let last: Buffer = CHAIN_START;
const write = async (count: number): Promise<void> => {
  const events = Array.from({ length: count }, (_, index) => {
    const content = { type: 'UsageCharged', data: Buffer.from('{}') };
    const metadata = { version: 1, booked_at: '2026-03-01T00:00:00.000000Z' };
    last = chainHash(last, { ...content, stream: STREAM, revision: written + index, metadata });
    return { ...content, id: eventIdOf(last), metadata: { ...metadata, hash: last.toString('hex') } };
  });
  await store.append(STREAM, written, events);
  written += count;
};

/** The revisions that a reader of the product is given, from the topic alone, with what it counts. */
const follow = async () => {
  const metrics = new CountedMetrics();
  const revisions: number[] = [];
  const ending = new AbortController();
  let reads = 0;
  const counted: EventStore = {
    ...delegating(store),
    read: (...call) => {
      reads += 1;
      return store.read(...call);
    },
  };
  const options = { partitionOf: () => 0, silenceMs: NEVER_MS, log: NO_LOG, metrics };
  const reading = (async () => {
    for await (const page of fannedOut(counted, direct, options).follow(STREAM, 0, ending.signal))
      revisions.push(...page.map(({ revision }) => revision));
  })();
  ends.push(async () => {
    ending.abort();
    await reading;
  });
  await until('the store has been read up to the tail', () => reads > 0);
  return { revisions, duplicates: () => metrics.of(`consumer_duplicates_total{stream=${STREAM}}`) };
};

const endOfTopic = async (): Promise<number> => (await direct.boundsOf(LEDGER_TOPIC))[0]?.end ?? 0;
/** Has the acknowledgement of what `send` causes lost: Kafka has stored it, and nobody is told. */
const loseAck = async (records: number, send: () => Promise<unknown>): Promise<void> => {
  const stored = (await endOfTopic()) + records;
  proxy.loseAnswers();
  const sent = send();
  await until('it is stored', async () => (await endOfTopic()) >= stored);
  proxy.cut();
  await sent;
};
const revisionsInTopic = async (): Promise<readonly number[]> => {
  const [all, end]: [number[], number] = [[], await endOfTopic()];
  for await (const { records } of direct.follow(LEDGER_TOPIC, 0, 0, new AbortController().signal)) {
    all.push(...records.map((record) => eventOf(record).revision));
    if ((records.at(-1)?.offset ?? -1) >= end - 1) break;
  }
  return all;
};
const upTo = (end: number): number[] => Array.from({ length: end }, (_, n) => n);

test('FLT-33: the acknowledgement of what was published is lost: whatever is there twice then, readers have each event once, and count the others', async () => {
  const reader = await follow();
  const relay = new Relay({
    store,
    stream: through,
    shards: 1,
    streamOf: ledgerStream,
    log: NO_LOG,
    metrics: NO_METRICS,
  });
  relay.start();
  ends.push(() => relay.stop());
  await write(3);
  await until('the relay publishes', () => reader.revisions.length === 3);
  await loseAck(4, () => write(4));
  await write(4);
  await until('the relay goes on', () => reader.revisions.length >= 11);
  await relay.stop();
  const repeatedByRelay = (await revisionsInTopic()).length - 11;

  // Who publishes without the precautions of our adapter sends what was not acknowledged once more.
  const naive = new Kafka({
    ...{ brokers: [`127.0.0.1:${String(proxy.port)}`], clientId: 'naive', logLevel: logLevel.NOTHING },
    retry: { initialRetryTime: 30, maxRetryTime: 200, retries: 100 },
  }).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await naive.connect();
  ends.push(() => naive.disconnect());
  await write(4);
  const sendNaively = async (from: number, count: number): Promise<void> => {
    const events = await store.read(STREAM, from, count);
    const messages = events.map((event) => ({ ...recordOf(0, event), partition: 0 }));
    await naive.send({ topic: LEDGER_TOPIC, messages });
  };
  await sendNaively(10, 1); // it has to know the topic before answers are lost
  await loseAck(4, () => sendNaively(11, 4));
  expect((await revisionsInTopic()).slice(11 + repeatedByRelay)).toEqual([10, 11, 12, 13, 14, 11, 12, 13, 14]);
  process.stdout.write(`lost acknowledgement: ${String(repeatedByRelay)} repeated by the relay, 5 by another\n`);

  await until('the repeats are counted', () => reader.duplicates() === repeatedByRelay + 5);
  expect(reader.revisions).toEqual(upTo(15));
});
