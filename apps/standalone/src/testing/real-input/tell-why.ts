import type { Cluster } from '@drawdown/adapters/cluster/testing/cluster';
import { Kafka, logLevel } from 'kafkajs';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { say } from './say';

/** Of each process, where a run fails. */
const LINES_TOLD = 12;

export const logOf = (folder: string, app: string): string => path.join(folder, `${app}.log`);

/** Why a run failed can be seen in what the processes said last, and in how far each topic was read. */
export const tellWhy = async ({ apps, addresses }: Cluster, logs: string): Promise<void> => {
  for (const { name } of apps) {
    const file = logOf(logs, name);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LINES_TOLD) : [];
    for (const line of lines) say(`${name}: ${line.slice(0, 400)}`);
  }
  const admin = new Kafka({ clientId: 'test', brokers: [addresses.KAFKA_BROKERS], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  for (const topic of await admin.listTopics()) {
    const bounds = await admin.fetchTopicOffsets(topic);
    say(`${topic}: ${bounds.map(({ low, high }) => `${low}–${high}`).join(', ')}`);
  }
  for (const { groupId } of (await admin.listGroups()).groups) {
    say(`${groupId}: ${JSON.stringify(await admin.fetchOffsets({ groupId }))}`);
  }
  await admin.disconnect();
};
