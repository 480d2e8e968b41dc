import type { Cluster } from '@drawdown/adapters/cluster/testing/cluster';
import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { PREFIX } from './oracle';

/** How many charges of the files' usage the read model of transactions shows; -1 where the database does not answer. */
export const charges = async ({ addresses }: Cluster): Promise<number> => {
  const client = new Client({ connectionString: addresses.DATABASE_URL, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined); // it is killed in between
  try {
    await client.connect();
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE tablename ~ '^transactions(_|$)' ORDER BY 1 DESC LIMIT 1`,
    );
    const { rows } = await client.query<{ count: string }>(
      `SELECT count(*) FROM ${tables[0]?.name ?? 'transactions'}
       WHERE kind = 'consumption' AND starts_with(organization_id, '${PREFIX}')`,
    );
    return Number(rows[0]?.count);
  } catch {
    return -1;
  } finally {
    await client.end().catch(() => undefined);
  }
};

export const deadLetters = async ({ addresses }: Cluster): Promise<number> => {
  const brokers = [addresses.KAFKA_BROKERS];
  const admin = new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets('drawdown.dead-letter.v1');
  await admin.disconnect();
  return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
};

/** What the workers have counted under a metric's name since they were started, in all. */
export const workersMetric = async ({ apps }: Cluster, name: string): Promise<number> => {
  const workers = apps.filter((app) => app.name.startsWith('worker-'));
  const counted = await Promise.all(workers.map((worker) => worker.metric(name)));
  return counted.reduce((sum, count) => sum + count, 0);
};
