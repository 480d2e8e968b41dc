import { type Log, NO_LOG, NO_METRICS, type RecordBatch, type Stream, StreamGap } from '@drawdown/ports';
import { type Admin, CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs';
import { openKafkaStream } from './kafka-stream';
import { SASL_USER } from './testing/broker-properties';
import { newName, record, textsOf, until } from './testing/reading';
import { sharedBroker } from './testing/shared-broker';

let stream: Stream;
let admin: Admin;
const errors: string[] = [];
let lost = 0;
const log: Log = { ...NO_LOG, error: (fields, message) => void errors.push(`${message}: ${String(fields['error'])}`) };
const kafka = () => new Kafka({ brokers: [sharedBroker()], clientId: 'others', logLevel: logLevel.NOTHING });

beforeAll(async () => {
  const count = (name: string, _?: object, by = 1): void => void (lost += name === 'records_lost_total' ? by : 0);
  const metrics = { ...NO_METRICS, count };
  stream = openKafkaStream({ brokers: [sharedBroker()], clientId: 'gaps', log, metrics });
  admin = kafka().admin();
  await admin.connect();
});
afterAll(async () => {
  await stream.close();
  await admin.disconnect();
});
beforeEach(() => {
  errors.splice(0);
  lost = 0;
});

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));
const topicWith = async (count: number): Promise<string> => {
  const topic = newName('gaps');
  await stream.ensureTopic(topic, 1);
  for (let n = 0; n < count; n++) await stream.send(topic, 0, [record(String(n))]);
  return topic;
};
const forget = async (topic: string, offset: number): Promise<void> => {
  await admin.fetchTopicOffsets(topic); // kafkajs deletes only in topics that it has looked at
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
};
const makeAnew = async (topic: string): Promise<void> => {
  await admin.deleteTopics({ topics: [topic] });
  await until('it is gone', async () => !(await admin.listTopics()).includes(topic));
  await stream.ensureTopic(topic, 1);
};
const first = async (topic: string, from: number): Promise<string> => {
  for await (const { records } of stream.follow(topic, 0, from, new AbortController().signal))
    return String(records[0]?.value);
  return '';
};

describe('FLT-37: records that are gone before they were read', () => {
  test('who follows is told which, and can go on at the oldest', async () => {
    const topic = await topicWith(10);
    await forget(topic, 6);
    const gone = first(topic, 2);
    await expect(gone).rejects.toBeInstanceOf(StreamGap);
    await expect(gone).rejects.toMatchObject({ topic, partition: 0, from: 2, bounds: { oldest: 6, end: 10 } });
    expect(await first(topic, 6)).toBe('6');
  });

  test('a follower that waits at the end of a topic is told when that is made anew; other topics go on', async () => {
    const [topic, other] = [await topicWith(5), await topicWith(1)];
    const [waiting, undisturbed] = [first(topic, 5), first(other, 1)];
    waiting.catch(() => undefined);
    await makeAnew(topic);
    await expect(waiting).rejects.toBeInstanceOf(StreamGap);
    await stream.send(other, 0, [record('on')]);
    expect(await undisturbed).toBe('on');
    await stream.send(topic, 0, [record('anew')]);
    expect(await textsOf(stream, topic, 0)).toEqual(['anew']);
  });

  test('a topic that is made anew has another identity, the one that Kafka’s own tools print', async () => {
    const topic = await topicWith(1);
    const identity = await stream.identityOf(topic);
    expect(identity).toMatch(/^[\w-]{22}$/);
    await makeAnew(topic);
    expect(await stream.identityOf(topic)).toMatch(/^[\w-]{22}$/);
    expect(await stream.identityOf(topic)).not.toBe(identity);
  });

  test('a reader is told where the topic was made anew and has grown past what it wants next', async () => {
    const topic = await topicWith(3);
    const reader = stream.follow(topic, 0, 0, new AbortController().signal)[Symbol.asyncIterator]();
    for (let last = -1; last < 2;) {
      const page = await reader.next();
      if (page.done === true) throw new Error('it ends');
      last = page.value.records.at(-1)?.offset ?? last;
    }
    const busySince = performance.now();
    await makeAnew(topic);
    for (const text of numbers(9)) await stream.send(topic, 0, [record(text)]);
    await until('nobody can be sure any more', () => performance.now() - busySince > 1_100);
    await expect(reader.next()).rejects.toMatchObject({ code: 'stream_gap', from: 3, bounds: { oldest: 0, end: 9 } });
    expect(await first(topic, 3)).toBe('3');
  });

  test('a group goes on with the oldest, counts what it has lost, and says so as an error', async () => {
    const topic = await topicWith(10);
    await forget(topic, 6);
    const got: string[] = [];
    const consumption = await stream.consume([topic], newName('group'), {
      assigned: async () => ({ [topic]: 2 }),
      handle: async ({ records }) => void got.push(...records.map(({ value }) => String(value))),
    });
    await until('the rest has arrived', () => got.length === 4);
    await consumption.stop();
    expect(got).toEqual(['6', '7', '8', '9']);
    expect(errors).toEqual([expect.stringMatching(/deleted before they were consumed.*offset 2 is not there/)]);
    expect(lost).toBe(4);
  });

  test('they are counted once, however often the partition is taken up', async () => {
    const [topic, group] = [await topicWith(4), newName('group')];
    await forget(topic, 4);
    const got: string[] = [];
    const consumer = {
      assigned: async () => ({ [topic]: 1 }),
      handle: async ({ records }: RecordBatch) => void got.push(...records.map(({ value }) => String(value))),
    };
    const before = await stream.consume([topic], group, consumer);
    await until('they are counted', () => lost === 3);
    await before.stop();
    const after = await stream.consume([topic], group, consumer);
    await stream.send(topic, 0, [record('4')]);
    await until('the next one has arrived', () => got.length === 1);
    await after.stop();
    expect([got, lost, errors.length]).toEqual([['4'], 3, 1]);
  });

  test('what the group has consumed is not lost, though its consumer kept nothing of it', async () => {
    const [topic, group] = [await topicWith(8), newName('group')];
    const got: string[] = [];
    const handle = async ({ records }: RecordBatch): Promise<void> =>
      void got.push(...records.map(({ value }) => String(value)));
    const before = await stream.consume([topic], group, { handle });
    await until('all have arrived', () => got.length === 8);
    await before.stop();
    await forget(topic, 8);
    await stream.send(topic, 0, [record('8')]);
    const after = await stream.consume([topic], group, { handle, assigned: async () => ({ [topic]: 2 }) });
    await until('the next one has arrived', () => got.length === 9);
    await after.stop();
    expect([got.at(-1), errors, lost]).toEqual(['8', [], 0]);
  });

  test('a group does not consume a topic that ends before the recorded offset: all of it would be taken for old', async () => {
    const topic = await topicWith(3);
    const got: string[] = [];
    const consumption = await stream.consume([topic], newName('group'), {
      assigned: async () => ({ [topic]: 1_000 }),
      handle: async ({ records }) => void got.push(...records.map(({ value }) => String(value))),
    });
    await until('it was said twice', () => errors.length >= 2);
    await consumption.stop();
    expect(got).toEqual([]);
    expect(errors[0]).toMatch(/cannot be consumed.*offset 1000 is not there; it holds 0 up to 3/);
  });
});

/** Two records in a transaction. */
const transact = async (topic: string, value: string, commit: boolean): Promise<void> => {
  const transactional = { transactionalId: newName('transaction'), idempotent: true, maxInFlightRequests: 1 };
  const producer = kafka().producer({ ...transactional, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const transaction = await producer.transaction();
  const messages = [value, `${value}2`].map((text) => ({ value: text, partition: 0 }));
  await transaction.send({ topic, messages });
  await (commit ? transaction.commit() : transaction.abort());
  await producer.disconnect();
};

describe('records of other producers', () => {
  test('what a transaction has taken back is never given, and what it has committed is', async () => {
    const topic = await topicWith(1);
    await transact(topic, 'a', false);
    await transact(topic, 'b', true);
    await transact(topic, 'c', false);
    await transact(topic, 'd', true);
    await stream.send(topic, 0, [record('end')]);
    // The end of a transaction is an offset without a record, and may come after what was sent later.
    const got: string[] = [];
    for await (const { records } of stream.follow(topic, 0, 0, new AbortController().signal)) {
      got.push(...records.map(({ value }) => String(value)));
      if (got.includes('end')) break;
    }
    expect(got).toEqual(['0', 'b', 'b2', 'd', 'd2', 'end']);
  });

  test('the end of a transaction is no record that waits: a consumer is past it, and has no lag', async () => {
    const topic = await topicWith(1);
    await transact(topic, 'a', true);
    const got: string[] = [];
    const consumption = await stream.consume([topic], newName('group'), {
      handle: async ({ records }) => void got.push(...records.map(({ value }) => String(value))),
    });
    const { end } = (await stream.boundsOf(topic))[0] ?? {};
    expect(end).toBe(4); // three records and the marker
    await until('it is past the marker', () => consumption.places()[0]?.next === end);
    expect(got).toEqual(['0', 'a', 'a2']);
    await consumption.stop();
  });

  test('compressed records, headers that are there twice, and records without key are read', async () => {
    const topic = await topicWith(0);
    const producer = kafka().producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const headers = { once: 'x', twice: ['y', 'z'] };
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: [{ value: 'v', headers, partition: 0 }],
    });
    await producer.disconnect();
    for await (const batch of stream.follow(topic, 0, 0, new AbortController().signal)) {
      expect(batch.records).toEqual([
        { offset: 0, key: null, value: Buffer.from('v'), headers: { once: 'x', twice: 'z' } },
      ]);
      break;
    }
  });

  test('a broker that asks for a name and a password is given them', async () => {
    const topic = await topicWith(1);
    const sasl = { mechanism: 'plain', ...SASL_USER } as const;
    const address = process.env['KAFKA_TEST_BROKER_SASL'] ?? '';
    const secured = openKafkaStream({ brokers: [address], clientId: 'sasl', sasl });
    await secured.send(topic, 0, [record('1')]);
    expect(await textsOf(secured, topic, 0)).toEqual(['0', '1']);
    await secured.close();
  });
});
