/**
 * A member of a group as a process of its own: `node member.js <broker> <group> <topic…>`. Says `assigned <partition>`,
 * `revoked <partition>` and `got <topic> <partition> <offset>`; at SIGTERM it closes, and ends by itself.
 */
import { type Offsets, type RecordBatch } from '@drawdown/ports';
import { openKafkaStream } from '../kafka-stream';
import { MEMBER_CLIENT_ID } from './member-process';

const [broker = '', group = '', ...topics] = process.argv.slice(2);
const stream = openKafkaStream({ brokers: [broker], clientId: MEMBER_CLIENT_ID });
const say = (...words: readonly unknown[]): void => void process.stdout.write(`${words.join(' ')}\n`);

const consumer = {
  assigned: async (partition: number): Promise<Offsets> => {
    say('assigned', partition);
    return {};
  },
  handle: async ({ topic, partition, records }: RecordBatch): Promise<void> => {
    for (const { offset } of records) say('got', topic, partition, offset);
  },
  revoked: async (partition: number): Promise<void> => say('revoked', partition),
};

process.once('SIGTERM', () => {
  stream.close().catch((error: unknown) => say('failed', error));
});
stream.consume(topics, group, consumer).catch((error: unknown) => say('failed', error));
