/** On brokers that know who connects, and let them do what deploy/README.md lists and no more. */
import { NO_LOG, type Log, RecordTooLarge, type Stream } from '@drawdown/ports';
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from 'kafkajs';
import { openKafkaStream } from './kafka-stream';
import { type KafkaBroker, startKafkaBroker } from './testing/broker';
import { SASL_USER } from './testing/broker-properties';
import { record, textsOf, until } from './testing/reading';

const [TOPIC, GROUP] = ['drawdown.rights', 'drawdown.workers'];

let broker: KafkaBroker;
let admin: Admin;
let stream: Stream;
const errors: string[] = [];
const log: Log = { ...NO_LOG, error: (fields, message) => void errors.push(`${message}: ${String(fields['error'])}`) };

beforeAll(async () => {
  const properties = {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // Who comes without a name is the operator, and the broker itself.
    'super.users': 'User:ANONYMOUS',
  };
  broker = await startKafkaBroker({ properties });
  admin = new Kafka({ brokers: [broker.address], clientId: 'operator', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  stream = openKafkaStream({
    ...{ brokers: [broker.saslAddress], clientId: 'rights', log },
    sasl: { mechanism: 'plain', ...SASL_USER },
  });
}, 120_000);
afterAll(async () => {
  await stream.close();
  await admin.disconnect();
  await broker.stop();
}, 60_000);

const allow = (resourceType: AclResourceTypes, resourceName: string, operation: AclOperationTypes): Promise<boolean> =>
  admin.createAcls({
    acl: [
      {
        ...{ resourceType, resourceName, operation },
        resourcePatternType: ResourcePatternTypes.LITERAL,
        permissionType: AclPermissionTypes.ALLOW,
        principal: `User:${SASL_USER.username}`,
        host: '*',
      },
    ],
  });

test('a topic that is there is used without the right to make topics: read and write, and read the group', async () => {
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }] });
  await allow(AclResourceTypes.TOPIC, TOPIC, AclOperationTypes.READ);
  await allow(AclResourceTypes.TOPIC, TOPIC, AclOperationTypes.WRITE);
  await allow(AclResourceTypes.GROUP, GROUP, AclOperationTypes.READ);
  await stream.ensureTopic(TOPIC, 1);
  expect(await stream.partitionsOf(TOPIC)).toBe(1);
  expect(await stream.identityOf(TOPIC)).not.toBeNull();
  await stream.send(TOPIC, 0, [record('a')]);
  expect(await textsOf(stream, TOPIC, 0)).toEqual(['a']);
  const got: string[] = [];
  const consumption = await stream.consume([TOPIC], GROUP, {
    handle: async ({ records }) => void got.push(...records.map(({ value }) => String(value))),
  });
  await until('it is consumed', () => got.length > 0);
  await consumption.stop();
  expect(got).toEqual(['a']);
  const [committed] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] });
  expect(committed?.partitions).toMatchObject([{ offset: '1' }]);
  expect(errors).toEqual([]);
});

test('how much a topic takes is found out where this user is not let look: batches fit, a record is refused', async () => {
  const topic = 'drawdown.small';
  const configEntries = [{ name: 'max.message.bytes', value: '2000' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
  await allow(AclResourceTypes.TOPIC, topic, AclOperationTypes.READ);
  await allow(AclResourceTypes.TOPIC, topic, AclOperationTypes.WRITE);
  await stream.ensureTopic(topic, 1);
  const texts = Array.from({ length: 100 }, (_, n) => String(n).padEnd(100, '.'));
  await stream.send(topic, 0, texts.map(record));
  expect(await textsOf(stream, topic, 0)).toEqual(texts);
  const large = stream.send(topic, 0, [record('x'.repeat(3_000))]);
  await expect(large).rejects.toThrow(/3081 bytes .*the topic takes .*max\.message\.bytes/);
  await expect(large).rejects.toBeInstanceOf(RecordTooLarge);
});

test('a topic that is not there is not made without it, and the reason is told', async () => {
  await expect(stream.ensureTopic('drawdown.other', 1)).rejects.toThrow(/not authorized.*deploy\/README.md/i);
});
