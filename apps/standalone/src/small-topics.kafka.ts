import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { send } from './testing/api';
import { chargedIn, KafkaService, messageOf } from './testing/forms/kafka-service';
import { leftAfter, makeOrganizations, untilLeft, usageOf } from './testing/forms/organizations';
import { ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const SAID_MAX_MS = 90_000;
const [USAGE, LEDGER, LETTERS] = ['drawdown.usage.v1', 'drawdown.ledger.v1', 'drawdown.dead-letter.v1'];
/** Enough for what makes an organization, and for the place of a letter; not for many charges at once. */
const TAKEN = 4_000;
const MANY = 60;

let folder: string;
let kafka: KafkaBroker;
let admin: Admin;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-small-'));
  kafka = await startKafkaBroker({ folder: path.join(folder, 'kafka') });
  admin = new Kafka({ brokers: [kafka.address], clientId: 'operator', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
}, 240_000);
afterAll(async () => {
  await ServerProcess.endAll();
  await admin.disconnect();
  await kafka.stop();
  rmSync(folder, { recursive: true, force: true });
});

const taking = (bytes: number) => [{ name: 'max.message.bytes', value: String(bytes) }];

test('topics that take less than is sent: the relay stands and says so, charging goes on, no event is skipped, no letter lost', async () => {
  const topics = [LEDGER, LETTERS].map((topic) => ({ topic, numPartitions: 1, configEntries: taking(TAKEN) }));
  await admin.createTopics({ topics });
  const server = await ServerProcess.spawn({
    dataFolder: path.join(folder, 'data'),
    environment: { KAFKA_BROKERS: kafka.address, DRAWDOWN_SHARDS: '1' },
  });
  await server.ready();
  const relay = async (): Promise<string | null> => {
    const { checks } = (await send(`${server.url}/readyz`, 'GET')).body as {
      readonly checks: Readonly<Record<string, { readonly reason: string | null } | undefined>>;
    };
    return checks['relay']?.reason ?? null;
  };
  const [name = ''] = await makeOrganizations(server.url, 1);
  const service = new KafkaService(kafka.address);
  const usages = Array.from({ length: MANY }, (_, n) => usageOf(name, `many-${String(n)}`, 1));
  await service.send(USAGE, [...usages.map(messageOf), { key: name, value: '?'.repeat(2 * TAKEN) }]);
  await untilLeft(server.url, name, leftAfter(MANY));
  const why = new RegExp(
    `${LEDGER}: the brokers refuse a record of .*takes ${String(TAKEN)}: raise its max.message.bytes`,
  );
  await until('the relay says so', SAID_MAX_MS, async () => why.test((await relay()) ?? ''));
  const [letter] = await service.read(LETTERS, (records) => records.length > 0);
  expect([letter?.bytes, letter?.headers]).toMatchObject([null, { topic: USAGE, omitted: 'value' }]);
  await service.send(USAGE, [messageOf(usageOf(name, 'meanwhile', 20))]);
  await untilLeft(server.url, name, leftAfter(MANY + 20));

  const resources = [{ type: ConfigResourceTypes.TOPIC, name: LEDGER, configEntries: taking(1_048_588) }];
  await admin.alterConfigs({ validateOnly: false, resources });
  await until('the relay goes on', SAID_MAX_MS, async () => (await relay()) === null);
  const published = await service.read(LEDGER, (records) => records.flatMap(chargedIn).length > MANY);
  const revisions = published.map(({ headers }) => Number(headers['revision']));
  expect(revisions).toEqual(revisions.map((_, n) => n));
  expect((await server.stop()).code).toBe(0);
}, 300_000);
