import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { Kafka, logLevel } from 'kafkajs';
import { KafkaService, messageOf } from './testing/forms/kafka-service';
import { leftAfter, makeOrganizations, untilLeft, usageOf } from './testing/forms/organizations';
import { ServerProcess } from './testing/server-process';

const SHARDS = 2;
const USAGE = 'drawdown.usage.v1';
const LEDGER = 'drawdown.ledger.v1';

let folder: string;
let kafka: KafkaBroker;
let service: KafkaService;
const start = async (): Promise<ServerProcess> => {
  const server = await ServerProcess.spawn({
    dataFolder: path.join(folder, 'data'),
    environment: { KAFKA_BROKERS: kafka.address, DRAWDOWN_SHARDS: String(SHARDS) },
  });
  await server.ready();
  return server;
};

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-added-'));
  kafka = await startKafkaBroker({ folder: path.join(folder, 'kafka') });
  service = new KafkaService(kafka.address);
}, 240_000);
afterAll(async () => {
  await ServerProcess.endAll();
  await kafka.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As `kafka-topics.sh --alter --partitions` does. */
const addPartitions = async (topic: string, count: number): Promise<void> => {
  const admin = new Kafka({ brokers: [kafka.address], clientId: 'operator', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic, count }] });
  await admin.disconnect();
};

test('INV-LED-14: usage on partitions that were added to the topic is charged, while it runs and after a start', async () => {
  const server = await start();
  const [name = ''] = await makeOrganizations(server.url, 1);
  await service.send(USAGE, [messageOf(usageOf(name, 'before', 1))]);
  await untilLeft(server.url, name, leftAfter(1));
  for (const topic of [USAGE, LEDGER]) await addPartitions(topic, SHARDS + 2);
  const astray = [SHARDS, SHARDS + 1].map((partition) => ({
    ...messageOf(usageOf(name, `on-${String(partition)}`, 20)),
    partition,
  }));
  await service.send(USAGE, astray);
  await untilLeft(server.url, name, leftAfter(41));
  await server.stop();
  await service.send(USAGE, [{ ...messageOf(usageOf(name, 'later', 300)), partition: SHARDS }]);
  const again = await start();
  await untilLeft(again.url, name, leftAfter(341));
  expect(await again.stop()).toEqual({ code: 0, signal: null });
}, 300_000);
