import { walletNamed } from '@drawdown/domain';
import { format } from '@drawdown/kernel';
import type { ConsumedRecord, StreamRecord } from '@drawdown/ports';
import { faultyEventStore, inMemoryEventStore } from '@drawdown/ports/testing';
import { COMMANDS_TOPIC, USAGE_TOPIC } from '../stream/topics';
import { writeUsageRecord } from '../stream/usage-record';
import { grant, hold, mustBeAccepted, recorded, SENDER, used } from '../testing';
import { type ApiProcess, eventually, furnish, openDistributed, ORGANIZATIONS } from '../testing/distributed';
import type { DistributedWorld } from '../testing/distributed';

const opened: DistributedWorld[] = [];
afterEach(async () => {
  for (const world of opened.splice(0)) await world.close();
});
const open = (...given: Parameters<typeof openDistributed>): DistributedWorld => {
  const world = openDistributed(...given);
  opened.push(world);
  return world;
};

const ACME = 'acme';
const SHARD = 1;
const settledOf = async ({ ledger }: ApiProcess, id = ACME): Promise<string> => {
  const read = await ledger.read(id, null, (organization) => walletNamed(organization, 'credits')?.settled);
  return read?.value === undefined ? 'nothing' : format(read.value);
};
const usageOf = (id: string, organizationId = ACME): StreamRecord =>
  writeUsageRecord(used(id, '1', { organizationId }));
const at = (offset: number, record: StreamRecord): ConsumedRecord => ({ ...record, offset });

const typesIn = async ({ store }: DistributedWorld, type: string): Promise<number> =>
  (await recorded(store, SHARD)).filter(({ event }) => event.type === type).length;
const chargesIn = async ({ store }: DistributedWorld): Promise<string[]> => {
  const ids: string[] = [];
  for (const shard of [0, 1, 2, 3]) {
    for (const { event } of await recorded(store, shard)) {
      if (event.type === 'UsageCharged')
        ids.push(...event.data.charges.map(({ usage }) => `${usage.organizationId} ${usage.id}`));
    }
  }
  return ids;
};

test('FLT-32, INV-INT-5: partitions move under load, and every record and command has exactly one effect', async () => {
  const world = open();
  const first = await world.worker();
  const api = await world.api();
  await furnish(api, '1000');
  const sent: string[] = [];
  const granted: Promise<boolean>[] = [];
  const load = async (): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      for (const [shard, id] of ORGANIZATIONS.entries()) {
        // Some go astray, some are sent twice.
        const record = usageOf(String(i), id);
        await world.stream.send(USAGE_TOPIC, i % 7 === 0 ? (shard + 1) % 4 : shard, [record]);
        if (i % 5 === 0) await world.stream.send(USAGE_TOPIC, shard, [record]);
        sent.push(`${id} ${String(i)}`);
      }
      if (i % 4 === 0) {
        const key = `grant-${String(i)}`;
        const once = (): Promise<boolean> => api.run(grant('1'), ACME, key).then(({ accepted }) => accepted);
        granted.push(once().catch(once));
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const churn = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      const other = await world.worker();
      await new Promise((resolve) => setTimeout(resolve, 40));
      await (round === 1 ? first : other).stop();
      if (round === 1) await first.worker.start();
    }
  };
  await Promise.all([load(), churn()]);
  expect(new Set(await Promise.all(granted))).toEqual(new Set([true]));
  await eventually(async () => (await chargesIn(world)).length >= sent.length);
  expect((await chargesIn(world)).sort()).toEqual([...sent].sort());
  expect(await settledOf(api, 'org-1')).toBe('940');
  expect(await settledOf(api)).toBe(String(1000 - 60 + 15));
}, 60_000);

test('what waits is reported by the shard’s owner alone: it grows while that is stuck, and goes with the shard', async () => {
  const store = faultyEventStore(inMemoryEventStore());
  const world = open({ store });
  const [first, api] = [await world.worker({ measureMs: 5 }), await world.api()];
  await furnish(api);
  const series = ({ metrics }: typeof first) => metrics.keysOf('worker_lag_records').length;
  const waiting = (topic = USAGE_TOPIC) =>
    first.metrics.of(`worker_lag_records{topic=${topic},shard=${String(SHARD)}}`);
  await eventually(() => series(first) === 8 && waiting() === 0 && waiting(COMMANDS_TOPIC) === 0);
  const held = store.holdNext();
  for (const id of ['1', '2', '3']) await world.stream.send(USAGE_TOPIC, SHARD, [usageOf(id)]);
  await held.reached;
  await eventually(() => waiting() === 3);
  await world.stream.send(USAGE_TOPIC, SHARD, [usageOf('4')]);
  await eventually(() => waiting() === 4);
  held.release();
  await eventually(() => waiting() === 0);
  const second = await world.worker({ measureMs: 5 });
  await eventually(() => series(first) === 4 && series(second) === 4);
  await first.stop();
  await eventually(() => series(second) === 8);
  expect(first.metrics.keysOf('worker_lag_')).toEqual([]);
});

test('FLT-02: a worker that goes between deciding and storing leaves nothing; the next one decides what it had', async () => {
  const store = faultyEventStore(inMemoryEventStore());
  const world = open({ store });
  const [dying, api] = [await world.worker(), await world.api()];
  await furnish(api);
  await dying.stop();
  const held = await world.worker({ joined: false });
  await held.worker.assigned(SHARD);
  store.failNext('unavailable');
  const batch = { topic: USAGE_TOPIC, partition: SHARD, records: [at(0, usageOf('1'))] };
  await expect(held.worker.handle(batch)).rejects.toThrow('cannot take it');
  const next = await world.worker({ joined: false });
  await next.worker.assigned(SHARD);
  await next.worker.handle(batch);
  expect(await settledOf(api)).toBe('99');
});

describe('FLT-08: a worker is frozen, another takes over, the first wakes', () => {
  const frozen = async () => {
    const store = faultyEventStore(inMemoryEventStore());
    const world = open({ store });
    const [starting, api] = [await world.worker(), await world.api()];
    await furnish(api);
    await starting.stop();
    const asleep = await world.worker({ joined: false });
    await asleep.worker.assigned(SHARD);
    const awake = await world.worker({ joined: false });
    return { store, world, api, asleep, awake };
  };

  test('between deciding and storing: it is fenced, decides nothing of what was passed, and nothing is lost', async () => {
    const { store, world, api, asleep, awake } = await frozen();
    const held = store.holdNext();
    const usage = { topic: USAGE_TOPIC, partition: SHARD };
    const late = asleep.worker.handle({ ...usage, records: [at(0, usageOf('1')), at(1, usageOf('2'))] });
    await held.reached;
    expect(await awake.worker.assigned(SHARD)).toEqual({ [COMMANDS_TOPIC]: 5 });
    await awake.worker.handle({ ...usage, records: [at(0, usageOf('1'))] });
    await awake.worker.handle({ ...usage, records: [at(1, usageOf('2')), at(2, usageOf('3'))] });
    held.release();
    await late;
    expect(asleep.metrics.of('shard_fenced_total')).toBe(1);
    expect((await chargesIn(world)).sort()).toEqual(['acme 1', 'acme 2', 'acme 3']);
    await asleep.worker.handle({ ...usage, records: [at(2, usageOf('3')), at(3, usageOf('4'))] });
    expect(await settledOf(api)).toBe('96');
  });

  test('what it had stored before it froze is known to who takes over, though nobody was told', async () => {
    const { store, world, asleep, awake } = await frozen();
    const usage = { topic: USAGE_TOPIC, partition: SHARD, records: [at(0, usageOf('1'))] };
    await world.stream.send(USAGE_TOPIC, SHARD, [usageOf('1')]); // else the topic were shorter than what was read of it
    store.failNext('answer lost');
    const late = asleep.worker.handle(usage);
    await eventually(async () => (await chargesIn(world)).length === 1);
    expect(await awake.worker.assigned(SHARD)).toEqual({ [USAGE_TOPIC]: 1, [COMMANDS_TOPIC]: 5 });
    await awake.worker.handle(usage);
    await late;
    expect(await chargesIn(world)).toEqual(['acme 1']);
  });

  test('a command of both is decided by one, and its caller has that answer', async () => {
    const { store, world, api, asleep, awake } = await frozen();
    const answer = api.run(hold('60'), ACME, 'k');
    const other = api.run(hold('50'), ACME, 'other');
    await eventually(async () => ((await world.stream.boundsOf(COMMANDS_TOPIC))[SHARD]?.end ?? 0) === 7);
    const records = (await allOf(world, COMMANDS_TOPIC)).slice(5);
    const [one, two] = [records.slice(0, 1), records.slice(1)];
    const commands = { topic: COMMANDS_TOPIC, partition: SHARD };
    const held = store.holdNext();
    const late = asleep.worker.handle({ ...commands, records: two });
    await held.reached;
    await awake.worker.assigned(SHARD);
    await awake.worker.handle({ ...commands, records: one });
    await awake.worker.handle({ ...commands, records: two });
    held.release();
    await late;
    expect(await answer).toMatchObject({ accepted: true });
    expect(await other).toMatchObject({ accepted: false, refusal: { code: 'out_of_credits' } });
    expect(await typesIn(world, 'HoldAuthorized')).toBe(1);
  });
});

const allOf = async (world: DistributedWorld, topic: string): Promise<ConsumedRecord[]> => {
  const found: ConsumedRecord[] = [];
  const stop = new AbortController();
  for await (const { records } of world.stream.follow(topic, SHARD, 0, stop.signal)) {
    found.push(...records);
    break;
  }
  return found;
};

test('INV-LED-6: a command answered by one owner, delivered again to the next, is not decided otherwise', async () => {
  const world = open();
  const [worker, api] = [await world.worker(), await world.api()];
  await furnish(api);
  expect(await api.run(hold('101'), ACME)).toMatchObject({ accepted: false });
  const records = await allOf(world, COMMANDS_TOPIC);
  await mustBeAccepted(api.ledger.run(ACME, grant('50'), SENDER, null));
  await worker.stop();
  const next = await world.worker({ joined: false });
  await next.worker.assigned(SHARD);
  await next.worker.handle({ topic: COMMANDS_TOPIC, partition: SHARD, records });
  expect(next.metrics.of('commands_total{outcome=decided_before}')).toBe(4);
  expect(await typesIn(world, 'HoldAuthorized')).toBe(0);
});

test('a worker that stops while commands wait leaves them to the next one; nobody is told anything else', async () => {
  const store = faultyEventStore(inMemoryEventStore());
  const world = open({ store });
  const [first, api] = [await world.worker(), await world.api()];
  await furnish(api);
  const held = store.holdNext();
  const [one, two] = [api.run(grant('1'), ACME), held.reached.then(() => api.run(grant('2'), ACME))];
  await held.reached;
  const stopped = first.stop();
  const next = await world.worker();
  held.release();
  await stopped;
  expect(await Promise.all([one, two])).toMatchObject([{ accepted: true }, { accepted: true }]);
  expect(await settledOf(api)).toBe('103');
  expect(next.worker.trouble).toBeNull();
});
