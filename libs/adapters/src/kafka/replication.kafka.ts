/** A cluster of three brokers. */
import { type Log, NO_LOG, type Stream } from '@drawdown/ports';
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { openKafkaStream } from './kafka-stream';
import { type KafkaBroker, startKafkaBroker } from './testing/broker';
import { newName, record, textsOf, until } from './testing/reading';
import { sharedBroker } from './testing/shared-broker';

const brokers: KafkaBroker[] = [];
const streams: Stream[] = [];
let admin: Admin;
const warned: string[] = [];
const log: Log = { ...NO_LOG, warn: (fields, message) => void warned.push(`${message}: ${JSON.stringify(fields)}`) };

const opened = (more: { readonly replicas?: number } = {}, brokerOf = brokers[0]?.address ?? ''): Stream => {
  const stream = openKafkaStream({ brokers: [brokerOf], clientId: 'replication', log, ...more });
  streams.push(stream);
  return stream;
};

beforeAll(async () => {
  const properties = { 'auto.create.topics.enable': 'true' };
  const first = await startKafkaBroker({ properties });
  brokers.push(first);
  for (const id of [2, 3]) brokers.push(await startKafkaBroker({ joins: { first, id }, properties }));
  admin = new Kafka({ brokers: [first.address], clientId: 'operator', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
}, 240_000);
afterAll(async () => {
  await Promise.all(streams.map((stream) => stream.close()));
  await admin.disconnect();
  for (const broker of brokers.reverse()) await broker.stop();
}, 120_000);
beforeEach(() => warned.splice(0));

const madeAs = async (topic: string) => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const configNames = ['min.insync.replicas'];
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }];
  const { resources: found } = await admin.describeConfigs({ resources, includeSynonyms: false });
  return {
    replicas: topics.flatMap(({ partitions }) => partitions.map((partition) => partition.replicas.length)),
    minInsync: found.flatMap(({ configEntries }) => configEntries.map(({ configValue }) => configValue)),
  };
};
const complaints = (): string[] => warned.filter((line) => line.startsWith('a topic is not set as it should be'));

test('topics that are made have three replicas, two of which acknowledge, and nothing is to be said of them', async () => {
  const topic = newName('made');
  const stream = opened();
  await stream.ensureTopic(topic, 2);
  expect(await madeAs(topic)).toEqual({ replicas: [3, 3], minInsync: ['2'] });
  await stream.send(topic, 0, [record('a')]);
  expect(await textsOf(stream, topic, 0)).toEqual(['a']);
  expect(complaints()).toEqual([]);
});

test('or as many as is said', async () => {
  const topic = newName('made');
  await opened({ replicas: 2 }).ensureTopic(topic, 1);
  expect(await madeAs(topic)).toEqual({ replicas: [2], minInsync: ['1'] });
  expect(complaints()).toEqual([expect.stringMatching(/of 2 replicas one may acknowledge alone/)]);
});

test('a topic with one replica is warned of when it is looked for, once', async () => {
  const topic = newName('found');
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] });
  const stream = opened();
  await stream.ensureTopic(topic, 1);
  await stream.ensureTopic(topic, 1);
  expect(complaints()).toEqual([expect.stringMatching(`${topic}.*one replica on 3 brokers`)]);
});

test('so is one that cannot be written while a broker is down', async () => {
  const topic = newName('found');
  const configEntries = [{ name: 'min.insync.replicas', value: '3' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 3, configEntries }] });
  await opened().ensureTopic(topic, 1);
  expect(complaints()).toEqual([expect.stringMatching(/min.insync.replicas=3 of 3 replicas: with one broker down/)]);
});

test('to ask for a topic that is not there makes none, whatever the brokers do for others', async () => {
  const [topic, stream, stop] = [newName('absent'), opened(), new AbortController()];
  await expect(stream.partitionsOf(topic)).rejects.toThrow('there is no topic');
  const [sent, known] = await Promise.allSettled([stream.send(topic, 0, [record('x')]), stream.identityOf(topic)]);
  expect([sent.status, known.status]).toEqual(['rejected', 'rejected']);
  const following = stream.follow(topic, 0, 0, stop.signal)[Symbol.asyncIterator]().next();
  await expect(stream.boundsOf(topic)).rejects.toThrow();
  stop.abort();
  expect(await following).toMatchObject({ done: true });
  expect(await admin.listTopics()).not.toContain(topic);
});

test('on one broker there is one replica, and nothing to be said', async () => {
  const topic = newName('alone');
  await opened({}, sharedBroker()).ensureTopic(topic, 1);
  expect(warned).toEqual([]);
});

test('more replicas than brokers are waited for, and it is said where to look', async () => {
  const stream = opened({ replicas: 4 });
  await expect(stream.ensureTopic(newName('more'), 1)).rejects.toThrow(
    /Replication-factor is invalid; .*KAFKA_REPLICATION/,
  );
});

test('what is acknowledged outlives one broker, and all goes on, though a topic of others is nowhere', async () => {
  const topic = newName('outlives');
  const others = [1, 2, 3].map((broker) => ({
    topic: newName(`of-others-on-${String(broker)}`),
    replicaAssignment: [{ partition: 0, replicas: [broker] }],
  }));
  await admin.createTopics({ topics: others });
  const stream = opened();
  await stream.ensureTopic(topic, 1);
  await stream.send(topic, 0, [record('before')]);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const leader = topics[0]?.partitions[0]?.leader ?? 1;
  // The first one is the controller, too.
  await brokers[leader === 1 ? 1 : leader - 1]?.kill();
  await until('it is written again', () =>
    stream.send(topic, 0, [record('after')]).then(
      () => true,
      () => false,
    ),
  );
  const next = opened();
  await next.ensureTopic(topic, 1);
  expect([await next.partitionsOf(topic), await next.identityOf(topic)]).toEqual([1, await stream.identityOf(topic)]);
  const texts = await textsOf(next, topic, 0);
  expect([texts[0], new Set(texts)]).toEqual(['before', new Set(['before', 'after'])]);
});
