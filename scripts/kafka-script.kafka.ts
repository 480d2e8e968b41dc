import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { listens, Script } from './testing/script';

const READY_MAX_MS = 90_000;
const STOP_MAX_MS = 60_000;

let folder: string;
let script: Script | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-kafka-script-'));
});
afterEach(async () => {
  script?.interrupt();
  await script?.ended(STOP_MAX_MS);
  rmSync(folder, { recursive: true, force: true });
});

const asked = async <T>(address: string, ask: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> => {
  const admin = new Kafka({ clientId: 'script', brokers: [address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
};

test('`npm run kafka` says where it listens, makes no topic by use, and ends at Ctrl-C with 0; its data is kept', async () => {
  const data = path.join(folder, 'data');
  script = Script.start('kafka.mjs', ['--port', '0', '--data', data], folder);
  const [, address = ''] = await script.says(/^Kafka listens on (\S+) \(KAFKA_BROKERS=\1\); Ctrl-C/m, READY_MAX_MS);
  await asked(address, (admin) => admin.createTopics({ topics: [{ topic: 'made', numPartitions: 3 }] }));
  const { topics } = await asked(address, (admin) => admin.fetchTopicMetadata({ topics: ['made'] }));
  expect(topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([['made', 3]]);
  const another = asked(address, (admin) => admin.fetchTopicMetadata({ topics: ['not-made'] }));
  await expect(another).rejects.toThrow('does not host this topic-partition');

  script.interrupt();
  expect(await script.ended(STOP_MAX_MS)).toBe(0);
  expect(await listens(address)).toBe(false);
  expect(readdirSync(path.join(data, 'data'))).toEqual(expect.arrayContaining(['made-0', 'made-1', 'made-2']));
});

test('an argument that is none ends it with 2, and it says what there is', async () => {
  script = Script.start('kafka.mjs', ['--port', 'x'], folder);
  expect(await script.ended(STOP_MAX_MS)).toBe(2);
  expect(script.output).toMatch(/^--port must be a number[^]*--data <folder>/);
});
