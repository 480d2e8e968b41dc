/**
 * Two ways in which kafkajs loses what it has acknowledged. Each is shown with the plain library first: where a later
 * version no longer does it, the test says so, and our precaution may be taken out.
 */
import { type Stream, StreamUnavailable } from '@drawdown/ports';
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { openKafkaStream } from './kafka-stream';
import { type KafkaBroker, startKafkaBroker } from './testing/broker';
import { newName, record, textsOf, until } from './testing/reading';
import { openTcpProxy, type TcpProxy } from './testing/tcp-proxy';

let proxy: TcpProxy;
let broker: KafkaBroker;
let direct: Stream;
let stream: Stream;
let kafka: Kafka;
let naive: Producer;

afterEach(() => proxy.cut());
beforeAll(async () => {
  proxy = await openTcpProxy();
  broker = await startKafkaBroker({ proxyPort: proxy.port });
  proxy.forwardTo(broker.proxied);
  const through = { brokers: [`127.0.0.1:${String(proxy.port)}`], clientId: 'losses' };
  direct = openKafkaStream({ brokers: [broker.address], clientId: 'direct' });
  stream = openKafkaStream(through);
  const retry = { initialRetryTime: 30, maxRetryTime: 200, retries: 100 };
  kafka = new Kafka({ ...through, retry, requestTimeout: 5_000, logLevel: logLevel.NOTHING });
  naive = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
  await naive.connect();
}, 240_000);

afterAll(async () => {
  proxy.cut();
  await naive.disconnect();
  await Promise.all([direct.close(), stream.close()]);
  await broker.stop();
  await proxy.close();
}, 60_000);

type Send = (topic: string, text: string) => Promise<unknown>;
const sendNaively: Send = (topic, text) => naive.send({ topic, messages: [{ partition: 0, value: text }] });
const send: Send = (topic, text) => stream.send(topic, 0, [record(text)]);

const FIRST = 'first';
const OTHERS = ['second', 'third'];
const SENT = [FIRST, ...OTHERS];

/** Sends one, has its acknowledgement lost once Kafka has stored it, while others wait to be sent, and gives what is stored then. */
const loseAnAck = async (sendOne: Send): Promise<string[]> => {
  const topic = newName('ack');
  await direct.ensureTopic(topic, 1);
  await until('the topic is known', async () => (await direct.boundsOf(topic)).length === 1);
  await sendOne(topic, 'warm-up');
  proxy.loseAnswers();
  const sent = [sendOne(topic, FIRST)];
  await until('it is stored', async () => (await direct.boundsOf(topic))[0]?.end === 2);
  sent.push(...OTHERS.map((text) => sendOne(topic, text)));
  await new Promise((resolve) => setImmediate(resolve));
  proxy.cut();
  await Promise.all(sent);
  return textsOf(direct, topic, 0);
};

describe('an acknowledgement that is lost (FLT-33)', () => {
  test('plain kafkajs, with a second send waiting: an acknowledged record is lost, another is there twice', async () => {
    let stored: string[] = [];
    const lost = (): string[] => SENT.filter((text) => !stored.includes(text));
    for (let tries = 0; tries < 5 && (tries === 0 || lost().length === 0); tries++)
      stored = await loseAnAck(sendNaively);
    expect(lost().length).toBe(1);
    expect(stored.length).toBe(1 + SENT.length);
  }, 240_000);

  test('the adapter: all are there, once, in order', async () => {
    for (let round = 0; round < 5; round++) {
      expect(await loseAnAck(send)).toEqual(['warm-up', ...SENT]);
    }
  }, 240_000);

  test('given up after ten seconds, the outcome is unknown, and nothing of it arrives later', async () => {
    const topic = newName('given-up');
    await direct.ensureTopic(topic, 1);
    await send(topic, 'warm-up');
    proxy.refuse();
    const [sent, waiting] = ['lost', 'waiting'].map((text) => send(topic, text));
    await expect(sent).rejects.toBeInstanceOf(StreamUnavailable);
    await expect(waiting).rejects.toBeInstanceOf(StreamUnavailable);
    proxy.cut();
    const count = 40; // over more than a second, which is the longest pause of a producer that tries again
    for (let n = 0; n < count; n++) {
      await send(topic, String(n));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await textsOf(direct, topic, 0)).toEqual(['warm-up', ...Array.from({ length: count }, (_, n) => String(n))]);
  }, 240_000);
});

describe('a partition that the producer does not know', () => {
  /** A topic whose second partition is younger than what the producer knows of it. */
  const grownTopic = async (sendOne: Send): Promise<string> => {
    const topic = newName('grown');
    await direct.ensureTopic(topic, 1);
    await until('the topic is known', async () => (await direct.boundsOf(topic)).length === 1);
    await sendOne(topic, 'warm-up');
    const admin = kafka.admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    await admin.disconnect();
    await until('the partition is there', async () => (await direct.boundsOf(topic)).length === 2);
    return topic;
  };

  test('plain kafkajs: the send resolves, and nothing is stored', async () => {
    const topic = await grownTopic(sendNaively);
    await naive.send({ topic, messages: [{ partition: 1, value: 'x' }] });
    await naive.send({ topic, messages: [{ partition: 7, value: 'y' }] });
    expect(await textsOf(direct, topic, 1)).toEqual([]);
  }, 240_000);

  test('the adapter: it is stored, together with what went to other partitions, or refused as a mistake', async () => {
    const topic = await grownTopic(send);
    await Promise.all([stream.send(topic, 1, [record('x')]), send(topic, 'a'), stream.send(topic, 1, [record('y')])]);
    await expect(stream.send(topic, 7, [record('z')])).rejects.toBeInstanceOf(RangeError);
    expect(await textsOf(direct, topic, 0)).toEqual(['warm-up', 'a']);
    expect(await textsOf(direct, topic, 1)).toEqual(['x', 'y']);
  }, 240_000);
});
