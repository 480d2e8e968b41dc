import { walletNamed } from '@drawdown/domain';
import { format } from '@drawdown/kernel';
import { inProcessStream, type Log, NO_LOG, type Stream, type StreamRecord, StreamUnavailable } from '@drawdown/ports';
import { COMMANDS_TOPIC, USAGE_TOPIC } from '../stream/topics';
import { writeUsageRecord } from '../stream/usage-record';
import { recorded, used } from '../testing';
import { type DistributedWorld, eventually, furnish, openDistributed } from '../testing/distributed';
import type { WorkerProcess } from '../testing/distributed';
import { ensureTopics } from './worker';

const ACME = 'acme';
const SHARD = 1;
const READ = 3;

const opened: DistributedWorld[] = [];
const open = (...given: Parameters<typeof openDistributed>): DistributedWorld => {
  const world = openDistributed(...given);
  opened.push(world);
  return world;
};
let errors: string[];
const log: Log = { ...NO_LOG, error: (fields, message) => void errors.push(`${message}: ${String(fields['error'])}`) };
beforeEach(() => {
  errors = [];
});
afterEach(async () => {
  for (const world of opened.splice(0)) await world.close();
});

const usageOf = (id: string): StreamRecord => writeUsageRecord(used(id, '1', { organizationId: ACME }));
const send = async ({ stream }: DistributedWorld, prefix: string, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await stream.send(USAGE_TOPIC, SHARD, [usageOf(`${prefix}${String(i)}`)]);
};
const chargedIn = async ({ store }: DistributedWorld): Promise<string[]> =>
  (await recorded(store, SHARD)).flatMap(({ event }) =>
    event.type === 'UsageCharged' ? event.data.charges.map(({ usage }) => usage.id) : [],
  );

/** A stream that says of a topic what the test says. */
const streamThatSays = (inner: Stream, changes: Partial<Stream>): Stream =>
  Object.assign(Object.create(inner) as Stream, changes);

/** A world whose log has read some usage, and whose processes are gone. */
const left = async (stream: Stream = inProcessStream()): Promise<DistributedWorld> => {
  const world = open({ stream });
  const worker = await world.worker();
  await furnish(await world.api());
  await send(world, 'old', READ);
  await eventually(async () => (await chargedIn(world)).length === READ);
  await worker.stop();
  return world;
};
/** The same log, on brokers whose topics were made anew and hold so much. */
const anew = async (before: DistributedWorld, count: number): Promise<DistributedWorld> => {
  const world = open({ store: before.store, stream: inProcessStream() });
  await ensureTopics(world.stream, world.shards);
  await send(world, 'new', count);
  return world;
};
const refused = ({ metrics }: WorkerProcess, topic: string): number => metrics.of(`topics_refused{topic=${topic}}`);
const troubleOf = async (process: WorkerProcess): Promise<string> => {
  await eventually(() => process.metrics.of('shards_owned') === 4);
  return process.worker.trouble ?? '';
};
const idOf = async ({ stream }: DistributedWorld, topic: string): Promise<string> =>
  `${topic}@${String(await stream.identityOf(topic))}`;

describe('FLT-37: a topic that was made anew', () => {
  test.each([0, 1, READ, READ + 5])(
    'is not consumed, and readiness, metric and log say so, however far it has grown: %d records',
    async (count) => {
      const before = await left();
      const world = await anew(before, count);
      const worker = await world.worker({ log });
      const trouble = await troubleOf(worker);
      expect(trouble).toContain(`${USAGE_TOPIC}, partition 1: `);
      expect(trouble).toContain(`read ${await idOf(before, USAGE_TOPIC)} up to offset ${String(READ - 1)}`);
      expect(trouble).toContain(`which ends at ${String(count)}, is ${await idOf(world, USAGE_TOPIC)}`);
      expect(trouble).toContain(`DRAWDOWN_NEW_TOPICS naming ${await idOf(world, USAGE_TOPIC)}`);
      expect(refused(worker, USAGE_TOPIC)).toBe(1);
      const record = { ...usageOf('late'), offset: count };
      const handed = worker.worker.handle({ topic: USAGE_TOPIC, partition: SHARD, records: [record] });
      await expect(handed).rejects.toMatchObject({ code: 'topic_refused' });
      expect((await chargedIn(world)).length).toBe(READ);
      // A rebalance is no news.
      await worker.worker.revoked(SHARD);
      expect(refused(worker, USAGE_TOPIC)).toBe(0);
      await worker.worker.assigned(SHARD);
      expect(errors.filter((line) => line.includes(`${USAGE_TOPIC}, partition 1`))).toHaveLength(1);
    },
  );

  test('is consumed from its beginning once an operator has said that it is new, and the log knows it from then on', async () => {
    const before = await left();
    const world = await anew(before, READ);
    const newTopics = new Set([await idOf(world, USAGE_TOPIC), await idOf(world, COMMANDS_TOPIC)]);
    const worker = await world.worker({ newTopics });
    expect(await troubleOf(worker)).toBe('');
    await eventually(async () => (await chargedIn(world)).length === 2 * READ);
    const { ledger } = await world.api();
    const read = await ledger.read(ACME, null, (organization) => walletNamed(organization, 'credits')?.settled);
    expect(read?.value === undefined ? '' : format(read.value)).toBe(String(100 - 2 * READ));
    await worker.stop();

    const later = await world.worker({ joined: false, newTopics: new Set([await idOf(world, COMMANDS_TOPIC)]) });
    expect(await later.worker.assigned(SHARD)).toMatchObject({ [USAGE_TOPIC]: READ });
    expect(later.worker.trouble).toBeNull();
    await later.worker.revoked(SHARD);
  });

  test('is found where it is the one of the commands, too', async () => {
    const before = await left();
    const identityOf = (topic: string): Promise<string | null> =>
      topic === USAGE_TOPIC ? before.stream.identityOf(topic) : Promise.resolve('another-one');
    const world = open({ store: before.store, stream: streamThatSays(before.stream, { identityOf }) });
    const worker = await world.worker();
    expect(await troubleOf(worker)).toContain(COMMANDS_TOPIC);
    expect([refused(worker, USAGE_TOPIC), refused(worker, COMMANDS_TOPIC)]).toEqual([0, 4]);
  });
});

describe('a topic that has lost records', () => {
  /** The same topics as before, of which one ends before what the log has read. */
  const shorter = async (count: number) => {
    const before = await left();
    const world = await anew(before, count);
    for (const [partition, { end }] of (await before.stream.boundsOf(COMMANDS_TOPIC)).entries()) {
      for (let i = 0; i < end; i++) await world.stream.send(COMMANDS_TOPIC, partition, [usageOf('read long ago')]);
    }
    const identityOf = (topic: string) => before.stream.identityOf(topic);
    return { world, stream: streamThatSays(world.stream, { identityOf }), store: before.store };
  };

  test('is not consumed, nor later when it has grown past that offset', async () => {
    const { world, stream, store } = await shorter(READ - 1);
    const first = await open({ store, stream }).worker();
    const trouble = await troubleOf(first);
    expect(trouble).toContain(`${USAGE_TOPIC}, partition 1: the log has read up to offset ${String(READ - 1)}`);
    expect(trouble).toContain(`the topic ended at ${String(READ - 1)}: it has lost records`);
    await first.stop();
    await send(world, 'grown', 5);
    const second = await open({ store, stream }).worker();
    expect(await troubleOf(second)).toBe(trouble);
    expect((await chargedIn(world)).length).toBe(READ);
  });

  test('is not taken for one where it ends exactly after what was read', async () => {
    const { stream, store } = await shorter(READ);
    const worker = await open({ store, stream }).worker();
    expect(await troubleOf(worker)).toBe('');
  });
});

test('brokers that do not answer, or do not know a partition for a moment, are no topic made anew', async () => {
  const inner = inProcessStream();
  await left(inner);
  const [before] = opened;
  const answers: (() => Promise<never> | Promise<readonly []>)[] = [
    () => Promise.reject(new StreamUnavailable('the broker restarts')),
    () => Promise.resolve([] as const),
  ];
  const boundsOf = (topic: string) => answers.shift()?.() ?? inner.boundsOf(topic);
  const world = open({ store: before?.store ?? fail(), stream: streamThatSays(inner, { boundsOf }) });
  const worker = await world.worker({ joined: false, log });
  for (let i = 0; i < 2; i++) {
    await expect(worker.worker.assigned(SHARD)).rejects.toMatchObject({ code: 'stream_unavailable' });
  }
  expect(await worker.worker.assigned(SHARD)).toMatchObject({ [USAGE_TOPIC]: READ });
  expect([worker.worker.trouble, errors]).toEqual([null, []]);
  await worker.worker.revoked(SHARD);
});

const fail = (): never => {
  throw new Error('there is no world');
};
