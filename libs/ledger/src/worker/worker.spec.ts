import { walletNamed } from '@drawdown/domain';
import { preset } from '@drawdown/domain/testing';
import { format } from '@drawdown/kernel';
import {
  inProcessStream,
  recordBytes,
  RecordTooLarge,
  type Stream,
  type StreamRecord,
  StreamUnavailable,
} from '@drawdown/ports';
import { TopicsOfAnotherStore } from '../stream/claim';
import { readDeadLetter } from '../stream/dead-letter';
import { COMMANDS_TOPIC, DEAD_LETTER_TOPIC, REPLIES_TOPIC, USAGE_TOPIC } from '../stream/topics';
import { writeUsageRecord } from '../stream/usage-record';
import { grant, mustBeAccepted, recorded, SENDER, used } from '../testing';
import { failingOn, turnsOf } from '../testing/broken-turns';
import { type ApiProcess, eventually, furnish, openDistributed } from '../testing/distributed';
import type { DistributedWorld, WorkerProcess } from '../testing/distributed';
import { ensureTopics, PartitionCountDiffers } from './worker';

const opened: DistributedWorld[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const world of opened.splice(0)) await world.close();
});

interface Running {
  readonly world: DistributedWorld;
  readonly worker: WorkerProcess;
  readonly api: ApiProcess;
}
const running = async (stream: Stream = inProcessStream()): Promise<Running> => {
  const world = openDistributed({ stream });
  opened.push(world);
  const [worker, api] = [await world.worker(), await world.api()];
  await furnish(api);
  return { world, worker, api };
};

const ACME = 'acme';
const SHARD = 1;
const usageOf = (id: string, organizationId = ACME, units = '1'): StreamRecord =>
  writeUsageRecord(used(id, units, { organizationId }));

const settledOf = async ({ ledger }: ApiProcess, id = ACME): Promise<string> => {
  const read = await ledger.read(id, null, (organization) => walletNamed(organization, 'credits')?.settled);
  return read?.value === undefined ? 'nothing' : format(read.value);
};
const consumed = async ({ worker }: Running, count: number): Promise<void> => {
  const names = ['charged', 'duplicate', 'conflict', 'quarantined', 'refused', 'rejected'];
  const total = () =>
    names.reduce((n, name) => n + worker.metrics.of(`intake_events_total{outcome=${name},channel=kafka}`), 0);
  await eventually(() => total() >= count);
};
const letters = async (world: DistributedWorld) =>
  (await world.recordsOf(DEAD_LETTER_TOPIC)).flatMap((record) => readDeadLetter(record) ?? []);

describe('FLT-35: a record that cannot be read', () => {
  test('becomes a dead letter, and the next record of the partition is decided', async () => {
    const process = await running();
    const { world, worker, api } = process;
    const bad = { key: 'acme', value: Buffer.from([0xff, 0xfe, 1]), headers: { trace: 'x' } };
    await world.stream.send(USAGE_TOPIC, SHARD, [usageOf('1'), bad, { ...bad, value: null }, usageOf('2')]);
    await consumed(process, 4);
    expect(await settledOf(api)).toBe('98');
    const place = { topic: USAGE_TOPIC, partition: SHARD };
    expect(await letters(world)).toMatchObject([
      { reason: 'malformed_json', record: bad, place: { ...place, offset: 1 } },
      { reason: 'empty_value', record: { ...bad, value: null }, place: { ...place, offset: 2 } },
    ]);
    expect(worker.metrics.of('dead_letters_total{reason=malformed_json}')).toBe(1);
    expect(worker.metrics.of('intake_events_total{outcome=rejected,channel=kafka}')).toBe(2);
  });

  test('is not passed before its letter is acknowledged', async () => {
    const inner = inProcessStream();
    let failures = 2;
    const flaky = Object.assign(Object.create(inner) as Stream, {
      send: async (topic: string, partition: number, records: readonly StreamRecord[]) => {
        if (topic === DEAD_LETTER_TOPIC && failures-- > 0) throw new StreamUnavailable('down');
        await inner.send(topic, partition, records);
      },
    });
    const process = await running(flaky);
    await process.world.stream.send(USAGE_TOPIC, SHARD, [usageOf('1', 'org-0'), usageOf('2')]);
    await consumed(process, 1);
    await eventually(async () => (await letters(process.world)).length === 1);
    expect(failures).toBe(-1);
    expect(await settledOf(process.api)).toBe('99');
  });

  test.each([
    ['organization_not_found', 'org-0'],
    ['organization_closed', 'org-6'],
  ])('BAD-042: usage is a dead letter where its organization cannot be charged: %s', async (reason, id) => {
    const process = await running();
    const { world, api } = process;
    const make = { type: 'CreateOrganization', name: 'x', preset: preset(), plan: null, testClock: null } as const;
    await mustBeAccepted(api.run(make, 'org-6'));
    await mustBeAccepted(api.run({ type: 'CloseOrganization', reason: 'over' }, 'org-6'));
    await world.stream.send(USAGE_TOPIC, SHARD, [usageOf('1', id), usageOf('2')]);
    await consumed(process, 2);
    await eventually(async () => (await letters(world)).length === 1);
    expect(await letters(world)).toMatchObject([{ reason, record: usageOf('1', id) }]);
    expect(await settledOf(api)).toBe('99');
  });

  test('a command that is none is a dead letter, and the next one is decided', async () => {
    const { world, api } = await running();
    await world.stream.send(COMMANDS_TOPIC, SHARD, [{ key: null, value: Buffer.from('{}'), headers: {} }]);
    expect(await api.run(grant('1'), ACME)).toMatchObject({ accepted: true });
    expect(await letters(world)).toMatchObject([{ reason: 'invalid_command', place: { topic: COMMANDS_TOPIC } }]);
  });

  test('usage on which the program fails is singled out; the others of its batch are charged', async () => {
    const process = await running();
    const { world, worker, api } = process;
    const card = worker.catalogue.rateCards.compiled('card');
    if (card === undefined) throw new Error('no card');
    const rateFor = card.rateFor.bind(card);
    jest.spyOn(card, 'rateFor').mockImplementation((usage) => {
      if (usage.id === 'poison') throw new Error('a bug');
      return rateFor(usage);
    });
    await world.stream.send(USAGE_TOPIC, SHARD, [usageOf('1'), usageOf('poison'), usageOf('2')]);
    await consumed(process, 3);
    expect(await letters(world)).toMatchObject([{ reason: 'decision_failed' }]);
    expect(worker.metrics.of('intake_events_total{outcome=rejected,channel=kafka}')).toBe(1); // INV-INT-6
    expect(worker.metrics.of('intake_events_total{outcome=charged,channel=kafka}')).toBe(2); // nobody sent one twice
    expect(await settledOf(api)).toBe('98');
  });

  test('who waits for usage on which the program fails is told so, and keeps it; what was sent with it is charged', async () => {
    const process = await running();
    const { world, api } = process;
    const bug = failingOn('poison');
    const sent = api.ledger.charge([used('1'), used('poison'), used('2')], SENDER);
    await expect(sent).rejects.toThrow(/could not decide one of these/);
    bug.mockRestore();
    expect(await letters(world)).toEqual([]);
    const again = await api.ledger.charge([used('1'), used('poison'), used('2')], SENDER);
    expect(again.outcomes.map(({ outcome }) => outcome)).toEqual(['duplicate', 'charged', 'duplicate']);
  });

  test('usage on which the program fails turns after its batch began: what was stored before is told as charged', async () => {
    const process = await running();
    const { world, worker, api } = process;
    const [turns, bug] = [turnsOf(2), failingOn('poison')];
    const ids = ['1', '2', '3', 'poison', '4'];
    await world.stream.send(
      USAGE_TOPIC,
      SHARD,
      ids.map((id) => usageOf(id)),
    );
    await consumed(process, ids.length);
    turns.mockRestore();
    bug.mockRestore();
    expect(await letters(world)).toMatchObject([{ reason: 'decision_failed', record: usageOf('poison') }]);
    expect(worker.metrics.of('intake_events_total{outcome=charged,channel=kafka}')).toBe(4); // nobody sent one twice
    expect(await settledOf(api)).toBe('96');
  });
});

describe('FLT-39: a record on the wrong partition, or without a key', () => {
  test('is forwarded to its organization’s partition as it is, and decided once there', async () => {
    const process = await running();
    const { world, worker, api } = process;
    const traced = { ...usageOf('1'), headers: { ...usageOf('1').headers, trace: 'x' } };
    const keyless = { ...usageOf('2', 'org-1'), key: null };
    await world.stream.send(USAGE_TOPIC, 0, [traced, usageOf('3', 'org-4'), keyless]);
    await consumed(process, 3);
    expect([await settledOf(api), await settledOf(api, 'org-4'), await settledOf(api, 'org-1')]).toEqual([
      '99',
      '99',
      '99',
    ]);
    expect(worker.metrics.of('forwarded_records_total')).toBe(2);
    expect((await world.recordsOf(USAGE_TOPIC)).filter(({ headers }) => headers['trace'] === 'x')).toEqual([
      expect.objectContaining(traced),
      expect.objectContaining(traced),
    ]);
  });

  test('a command, too', async () => {
    const inner = inProcessStream();
    const astray = Object.assign(Object.create(inner) as Stream, {
      send: (topic: string, partition: number, records: readonly StreamRecord[]) =>
        inner.send(topic, topic === COMMANDS_TOPIC && records[0]?.key === ACME ? 0 : partition, records),
    });
    const world = openDistributed({ stream: inner });
    opened.push(world);
    const [worker, api] = [await world.worker(), await world.api({ stream: astray })];
    await furnish(api);
    expect(await api.run(grant('1'), ACME)).toMatchObject({ accepted: true });
    expect(worker.metrics.of('forwarded_records_total')).toBe(4);
    expect(await settledOf(api)).toBe('101');
  });
});

describe('INV-LED-14: partitions that somebody has added, which no shard reads', () => {
  const widened = async () => {
    const stream = inProcessStream();
    await stream.ensureTopic(USAGE_TOPIC, 6);
    await stream.ensureTopic(COMMANDS_TOPIC, 5);
    const world = openDistributed({ stream });
    opened.push(world);
    const [worker, api] = [await world.worker(), await world.api()];
    await furnish(api);
    return { world, worker, api };
  };

  test('are no shards, and the usage on them is forwarded and decided', async () => {
    const { world, worker, api } = await widened();
    await world.stream.send(USAGE_TOPIC, 5, [usageOf('1'), usageOf('2', 'org-1')]);
    await eventually(() => worker.metrics.of('intake_events_total{outcome=charged,channel=kafka}') === 2);
    expect([await settledOf(api), await settledOf(api, 'org-1')]).toEqual(['99', '99']);
    expect(worker.metrics.of('forwarded_records_total')).toBe(2);
    expect(worker.metrics.of('shards_owned')).toBe(4);
    expect(worker.worker.trouble).toBeNull();
    expect(await world.store.head('ledger-5')).toBe(-1);
  });

  test('what can be no shard’s is a dead letter', async () => {
    const { world } = await widened();
    const asked = (await world.recordsOf(COMMANDS_TOPIC))[0];
    if (asked === undefined) throw new Error('no command was sent');
    const settling = { ...asked, key: null, value: Buffer.from(JSON.stringify({ kind: 'settle', clock: 'c' })) };
    await world.stream.send(COMMANDS_TOPIC, 4, [settling]);
    await world.stream.send(USAGE_TOPIC, 4, [{ key: null, value: Buffer.from('no JSON'), headers: {} }]);
    await eventually(async () => (await letters(world)).length === 2);
    const reasons = (await letters(world)).map(({ reason }) => reason);
    expect(reasons.sort()).toEqual(['invalid_command', 'malformed_json']);
  });
});

describe('a topic of dead letters that is set to take less than the others', () => {
  const taking = (limit: number) => {
    const inner = inProcessStream();
    const limited = { bytes: limit };
    const stream = Object.assign(Object.create(inner) as Stream, {
      send: async (topic: string, partition: number, records: readonly StreamRecord[]) => {
        if (topic === DEAD_LETTER_TOPIC && records.some((record) => recordBytes(record) > limited.bytes))
          throw new RecordTooLarge(`${topic}: raise its max.message.bytes`);
        await inner.send(topic, partition, records);
      },
    });
    return { stream, limited };
  };
  const garbage = (bytes: number): StreamRecord => ({ key: 'k', value: Buffer.alloc(bytes, '?'), headers: {} });

  test('gets the place of what it does not take, and all of the rest', async () => {
    const process = await running(taking(1_000).stream);
    await process.world.stream.send(USAGE_TOPIC, SHARD, [garbage(10), garbage(2_000), usageOf('1')]);
    await consumed(process, 3);
    const [small, large] = (await letters(process.world)).slice(-2);
    expect(small).toMatchObject({ record: garbage(10), omitted: false });
    expect(large).toMatchObject({ omitted: true, place: { topic: USAGE_TOPIC, partition: SHARD, offset: 1 } });
    expect(await settledOf(process.api)).toBe('99');
  });

  test('where not even that is taken, the partition waits, and says so until it is', async () => {
    const { stream, limited } = taking(10);
    const process = await running(stream);
    const { world, worker } = process;
    await world.stream.send(USAGE_TOPIC, SHARD, [garbage(10), usageOf('1')]);
    await eventually(() => worker.worker.trouble === `${DEAD_LETTER_TOPIC}: raise its max.message.bytes`);
    expect(await settledOf(process.api)).toBe('100');
    limited.bytes = 1_000;
    await consumed(process, 2);
    await eventually(() => worker.worker.trouble === null);
    expect(await settledOf(process.api)).toBe('99');
  });
});

describe('INV-INT-1: records that come again', () => {
  test('duplicates and reorderings are charged once, a conflict is recorded', async () => {
    const process = await running();
    const { world, api } = process;
    const records = Array.from({ length: 50 }, (_, i) => usageOf(String(i)));
    const shuffled = [...records].reverse();
    await world.stream.send(USAGE_TOPIC, SHARD, [...records, ...shuffled]);
    await world.stream.send(USAGE_TOPIC, SHARD, [...shuffled.slice(0, 10), usageOf('7', ACME, '2')]);
    await consumed(process, 111);
    expect(await settledOf(api)).toBe('50');
    const log = await recorded(world.store, SHARD);
    expect(log.filter(({ event }) => event.type === 'UsageConflicted')).toHaveLength(1);
  });

  test('usage that a service put there itself is booked in the name of the stream', async () => {
    const process = await running();
    await process.world.stream.send(USAGE_TOPIC, SHARD, [usageOf('1')]);
    await process.api.ledger.charge([used('2')], SENDER);
    await consumed(process, 1);
    const charges = (await recorded(process.world.store, SHARD)).flatMap(({ event }) =>
      event.type === 'UsageCharged' ? event.data.charges : [],
    );
    expect(Object.fromEntries(charges.map(({ usage, actor }) => [usage.id, actor]))).toEqual({
      1: 'kafka',
      2: 'key_test',
    });
  });
});

test('INV-LED-14: a topic with fewer partitions than the store has shards is refused', async () => {
  const stream = inProcessStream();
  await stream.ensureTopic(USAGE_TOPIC, 3);
  const world = openDistributed({ stream });
  opened.push(world);
  await expect(world.worker()).rejects.toThrow(PartitionCountDiffers);
});

test('INV-LED-14: how a topic is cut is asked once it is there, however long the brokers take to make it', async () => {
  const brokers = inProcessStream();
  const ensureTopic: Stream['ensureTopic'] = async (...given) => {
    await new Promise((resolve) => setImmediate(resolve));
    await brokers.ensureTopic(...given);
  };
  await ensureTopics(Object.assign(Object.create(brokers) as Stream, { ensureTopic }), 4);
  expect(await brokers.partitionsOf(USAGE_TOPIC)).toBe(4);
  expect(await brokers.partitionsOf(REPLIES_TOPIC)).toBeGreaterThan(0);
});

test('a worker of another store is refused the topics, before it is given any record', async () => {
  const stream = inProcessStream();
  const [first, second] = [openDistributed({ stream }), openDistributed({ stream })];
  opened.push(first, second);
  const { worker } = await first.worker();
  await expect(second.worker()).rejects.toThrow(TopicsOfAnotherStore);
  expect(worker.trouble).toBeNull();
});

test('a worker takes up what it left where the log says, not where the group says', async () => {
  const process = await running();
  const { world, worker } = process;
  await world.stream.send(USAGE_TOPIC, SHARD, [usageOf('1'), usageOf('2')]);
  await consumed(process, 2);
  await worker.stop();
  const next = await world.worker({ joined: false });
  expect(await next.worker.assigned(SHARD)).toEqual({ [USAGE_TOPIC]: 2, [COMMANDS_TOPIC]: 5 });
  expect(await next.worker.assigned(0)).toEqual({ [COMMANDS_TOPIC]: 5 });
  expect(next.worker.trouble).toBeNull();
  await next.worker.revoked(SHARD);
  await expect(next.worker.handle({ topic: USAGE_TOPIC, partition: SHARD, records: [] })).rejects.toThrow('not owned');
  await next.worker.revoked(0);
});
