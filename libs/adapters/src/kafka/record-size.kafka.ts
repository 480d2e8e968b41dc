/** Topics that are set to take less than we send. */
import { type Log, type Metrics, NO_LOG, RecordTooLarge, type Stream } from '@drawdown/ports';
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { openKafkaStream } from './kafka-stream';
import { newName, record, textsOf, until } from './testing/reading';
import { sharedBroker } from './testing/shared-broker';

const TAKEN = 2_000;

let stream: Stream;
let admin: Admin;
const said: string[] = [];
const counts = new Map<string, number>();
const up = new Set<number>();
const say = (fields: object, message: string): void => void said.push(`${message}: ${JSON.stringify(fields)}`);
const log: Log = { ...NO_LOG, error: say, warn: say };
const metrics: Metrics = {
  count: (name, _, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
  observe: () => undefined,
  gauge: (name, value) => void (name === 'dependency_up' && value !== null && up.add(value)),
};

beforeAll(async () => {
  stream = openKafkaStream({ brokers: [sharedBroker()], clientId: 'sizes', log, metrics });
  admin = new Kafka({ brokers: [sharedBroker()], clientId: 'operator', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
});
afterAll(async () => {
  await stream.close();
  await admin.disconnect();
});
beforeEach(() => {
  said.splice(0);
  counts.clear();
});

const topicTaking = async (setting: string, bytes: number, numPartitions = 1): Promise<string> => {
  const topic = newName('sizes');
  const configEntries = [{ name: setting, value: String(bytes) }];
  await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] });
  await until('it is there', async () => (await stream.boundsOf(topic)).length === numPartitions);
  return topic;
};
const texts = (count: number, bytes = 100): string[] =>
  Array.from({ length: count }, (_, n) => String(n).padEnd(bytes, '.'));
const sent = async (topic: string, all: readonly string[]): Promise<void> => {
  await stream.send(topic, 0, all.map(record));
};

test('small records go in batches that the topic takes, all of them, once, in order', async () => {
  const topic = await topicTaking('max.message.bytes', TAKEN);
  await sent(topic, texts(500));
  expect(await textsOf(stream, topic, 0)).toEqual(texts(500));
  expect([...up]).toEqual([1]);
});

test('a record that it does not take is refused for good, by name and sizes; others are none the worse for it', async () => {
  const topic = await topicTaking('max.message.bytes', TAKEN);
  const outcomes = await Promise.allSettled([
    sent(topic, ['a']),
    sent(topic, ['b', 'x'.repeat(3_000), 'never']),
    sent(topic, ['c']),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const [, failed] = outcomes;
  const reason: unknown = failed.status === 'rejected' ? failed.reason : null;
  expect(reason).toBeInstanceOf(RecordTooLarge);
  const what = new RegExp(
    `${topic}: .*record of up to 3081 bytes.*takes 2000.*raise its max.message.bytes to at least`,
  );
  expect(String(reason)).toMatch(what);
  expect(await textsOf(stream, topic, 0)).toEqual(['a', 'b', 'c']);
  expect(counts.get('records_refused_total')).toBe(1);
  expect(said.some((line) => line.startsWith('a record is refused for its size') && what.test(line))).toBe(true);
  expect([...up]).toEqual([1]);
});

test('and is taken as soon as the topic is set to take it', async () => {
  const topic = await topicTaking('max.message.bytes', TAKEN);
  const large = 'x'.repeat(3_000);
  await expect(sent(topic, [large])).rejects.toBeInstanceOf(RecordTooLarge);
  const configEntries = [{ name: 'max.message.bytes', value: '10000' }];
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
  await admin.alterConfigs({ validateOnly: false, resources });
  await until('it is taken', () =>
    sent(topic, [large]).then(
      () => true,
      () => false,
    ),
  );
  expect(await textsOf(stream, topic, 0)).toEqual([large]);
});

test('where batches of several partitions are refused at once, all is there when their callers have tried again', async () => {
  const topic = await topicTaking('max.message.bytes', TAKEN, 2);
  const persistent = async (partition: number, all: readonly string[]): Promise<void> =>
    until('it is sent', () =>
      stream.send(topic, partition, all.map(record)).then(
        () => true,
        () => false,
      ),
    );
  await Promise.all([persistent(0, texts(100)), persistent(1, texts(100))]);
  for (const partition of [0, 1]) expect(new Set(await textsOf(stream, topic, partition))).toEqual(new Set(texts(100)));
});

test('that a topic takes less than we may send is said when it is looked for, once', async () => {
  const topic = await topicTaking('max.message.bytes', TAKEN);
  await stream.ensureTopic(topic, 1);
  await stream.ensureTopic(topic, 1);
  const usual = newName('sizes');
  await stream.ensureTopic(usual, 1);
  expect(said).toEqual([expect.stringMatching(`${topic}.*2000 bytes.*raise max.message.bytes to at least 1010000`)]);
});
