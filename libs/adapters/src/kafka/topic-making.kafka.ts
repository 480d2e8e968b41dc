/** Brokers that refuse what we would set: here by settings that there are not, which they answer as providers do. */
import { type Log, NO_LOG, StreamUnavailable } from '@drawdown/ports';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { makeTopic } from './topic-making';
import { newName } from './testing/reading';
import { sharedBroker } from './testing/shared-broker';

let admin: Admin;
const warned: object[] = [];
const log: Log = { ...NO_LOG, warn: (fields) => void warned.push(fields) };

beforeAll(async () => {
  admin = new Kafka({ brokers: [sharedBroker()], clientId: 'making', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
});
afterAll(() => admin.disconnect());
beforeEach(() => warned.splice(0));

const refusedConfig = { name: 'nobody.may.set.this', value: '1' };
const made = (topic: string) => ({ topic, partitions: 2, forEver: true, replicas: null });

test('what is only wished for is left out where the brokers refuse it, and that is said', async () => {
  const topic = newName('wished');
  await makeTopic(admin, made(topic), log, { wished: [refusedConfig] });
  expect(await admin.listTopics()).toContain(topic);
  expect(warned).toEqual([{ topic, refused: 'INVALID_CONFIG', without: refusedConfig.name }]);
});

test('where they refuse what is needed, what has to be typed is said, and no topic is made', async () => {
  const topic = newName('needed');
  const making = makeTopic(admin, made(topic), log, { needed: [refusedConfig] });
  await expect(making).rejects.toBeInstanceOf(StreamUnavailable);
  await expect(making).rejects.toThrow(
    `${topic}: the brokers refuse to make it (INVALID_CONFIG). Make it yourself, as like this as they let you: ` +
      `kafka-topics.sh --bootstrap-server HOST:PORT --create --topic ${topic} --partitions 2 --replication-factor 1 ` +
      '--config nobody.may.set.this=1 --config retention.ms=-1 --config retention.bytes=-1 --config compression.type=uncompressed',
  );
  expect(await admin.listTopics()).not.toContain(topic);
});
