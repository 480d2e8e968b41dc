import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';

const CONSUME_MAX_MS = 60_000;

/** So many records of a topic, from these offsets on. */
export interface Records {
  readonly topic: string;
  readonly from: readonly number[];
  readonly count: number;
}

/**
 * Kp: records per second that bare kafkajs reads and parses (`eachBatch`, no commits), in a group of its own, from the
 * first batch on; raw: without parsing.
 */
export const consumeRate = async (brokers: string, records: Records, parse: boolean): Promise<number> => {
  const kafka = new Kafka({ clientId: 'bench', brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `bench-${randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topic: records.topic, fromBeginning: true });
  try {
    return await rateOfRun(consumer, records, parse);
  } finally {
    await consumer.disconnect();
  }
};

const rateOfRun = (consumer: ReturnType<Kafka['consumer']>, { topic, from, count }: Records, parse: boolean) =>
  new Promise<number>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the topic could not be read in time')), CONSUME_MAX_MS);
    let started = 0;
    let first = 0;
    let seen = 0;
    const eachBatch = async ({ batch }: { batch: { messages: { value: Buffer | null }[] } }): Promise<void> => {
      if (started === 0) {
        started = performance.now(); // the first batch was fetched before the clock ran: it does not count
        first = batch.messages.length;
      }
      if (parse) for (const { value } of batch.messages) JSON.parse((value ?? Buffer.alloc(0)).toString());
      seen += batch.messages.length;
      if (seen < count) return;
      clearTimeout(late);
      resolve(((seen - first) / (performance.now() - started)) * 1000);
    };
    consumer.run({ autoCommit: false, eachBatch }).catch(reject);
    for (const [partition, offset] of from.entries()) consumer.seek({ topic, partition, offset: String(offset) });
  });
