import type { EventStore } from '@drawdown/ports';
import { faultyEventStore, inMemoryEventStore } from '@drawdown/ports/testing';
import { DecidedBefore } from './ledger';
import { ACME, grant, hold, type LedgerWorld, openLedger, recorded, SENDER, stateHash } from './testing';
import { used, withOrganization } from './testing';

const COMMANDS = 'commands.v1';
const USAGE = 'usage.v1';
const from = (offset: number, topic = COMMANDS) => ({ topic, partition: 0, offset });

/** Two processes that both believe they own the shard, on one store; what they are given comes from a stream. */
const twoOwners = async (store: EventStore = inMemoryEventStore()): Promise<[LedgerWorld, LedgerWorld]> => {
  const first = await openLedger({ store });
  await withOrganization(first, { credits: '10' });
  return [first, await first.again()];
};

const send = ({ submit }: LedgerWorld, offset: number, command = grant('1'), key?: string) =>
  submit(`command-${String(offset)}`, command, ACME, key === undefined ? undefined : { key, hash: 'h' }, from(offset));

const take = ({ ledger }: LedgerWorld, each: readonly number[], organizationId = ACME) =>
  ledger.chargeFrom(
    { topic: USAGE, partition: 0, offset: each.at(-1) ?? -1, each },
    0,
    each.map((offset) => used(String(offset), '1', { organizationId })),
    SENDER,
  );

const typesIn = async ({ store }: LedgerWorld): Promise<string[]> =>
  (await recorded(store)).slice(3).map(({ event }) => event.type);
const offsetsOf = async (world: LedgerWorld, topic: string) => (await world.state()).offsets.get(topic)?.get('0');

describe('INV-INT-10, FLT-08: a record that another owner has taken in is not decided again', () => {
  test('an owner that wakes up meets a conflict, reloads, and decides only what it has not passed', async () => {
    const [asleep, awake] = await twoOwners();
    await Promise.all([send(awake, 0), send(awake, 1)]);
    const woken = await Promise.allSettled([send(asleep, 0), send(asleep, 1), send(asleep, 2)]);
    expect(woken.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(woken[0]).toMatchObject({ reason: expect.any(DecidedBefore) as unknown });
    expect(asleep.metrics.of('shard_fenced_total')).toBe(1);
    expect(await asleep.available()).toBe('13');
    expect(await offsetsOf(asleep, COMMANDS)).toBe(2);
    await awake.run(hold('1'));
    expect(stateHash(await awake.state())).toBe(stateHash(await (await awake.again()).state()));
  });

  test('one that was answered is answered with that again, where it carries a key', async () => {
    const [asleep, awake] = await twoOwners();
    const [first] = await Promise.all([send(awake, 0, grant('1'), 'k'), send(awake, 1)]);
    expect(await send(asleep, 0, grant('1'), 'k')).toEqual({ ...first, replayed: true });
    expect(await typesIn(awake)).toEqual(['CreditsGranted', 'CreditsGranted']);
  });

  test('decided the same by both, it is stored once and both answer the same', async () => {
    const owners = await twoOwners();
    const [first, second] = [await send(owners[0], 0), await send(owners[1], 0)];
    expect(second).toEqual(first);
    expect(owners[1].metrics.of('append_total{outcome=idempotent}')).toBe(1);
    expect(await typesIn(owners[0])).toEqual(['CreditsGranted']);
  });

  test('of usage batches that are cut otherwise each record is decided by one of them', async () => {
    const [asleep, awake] = await twoOwners();
    await take(awake, [5, 6, 7]);
    const { outcomes } = await take(asleep, [6, 7, 8]);
    expect(outcomes).toMatchObject([{ code: 'taken_before' }, { code: 'taken_before' }, { outcome: 'charged' }]);
    expect(await asleep.available()).toBe('6');
    expect(await offsetsOf(asleep, USAGE)).toBe(8);
  });

  test('not even to find its conflict with another record a second time', async () => {
    const [asleep, awake] = await twoOwners();
    await take(awake, [5]);
    const source = { ...from(6, USAGE), each: [6] };
    await awake.ledger.chargeFrom(source, 0, [used('5', '2')], SENDER);
    await asleep.ledger.chargeFrom(source, 0, [used('5', '2')], SENDER);
    expect(await typesIn(awake)).toEqual(['UsageCharged', 'UsageConflicted']);
  });

  test('two copies of one record in one turn: the first is decided', async () => {
    const [owner] = await twoOwners();
    const both = await Promise.allSettled([send(owner, 3), send(owner, 3)]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await owner.available()).toBe('11');
  });

  test('offsets of one topic say nothing about another, nor about another partition', async () => {
    const [owner] = await twoOwners();
    await send(owner, 9);
    await take(owner, [3]);
    await owner.submit('c', grant('1'), ACME, undefined, { topic: COMMANDS, partition: 1, offset: 4 });
    expect(await owner.available()).toBe('11');
  });
});

/** Refused whatever there is. */
const NO_HOLD = { type: 'ReleaseHold', holdId: 'none' } as const;

describe('what is recorded', () => {
  test('INV-LED-6: a refusal is a fact where its record may come again, so that it stays a refusal', async () => {
    const [owner, next] = await twoOwners();
    expect(await send(owner, 0, hold('11'))).toMatchObject({ accepted: false });
    expect(await send(owner, 1, NO_HOLD)).toMatchObject({ accepted: false });
    expect(await typesIn(owner)).toEqual(['HoldRefused', 'CommandAnswered']);
    await next.run(grant('5'));
    await expect(send(next, 0, hold('11'))).rejects.toThrow(DecidedBefore);
    expect(await next.available()).toBe('15');
  });

  test('a refusal without a source and without a key leaves nothing, unless it is one that is kept', async () => {
    const [owner] = await twoOwners();
    await owner.run(NO_HOLD);
    expect(await typesIn(owner)).toEqual([]);
    await owner.run(hold('11'));
    expect(await typesIn(owner)).toEqual(['HoldRefused']);
  });

  test('what left no fact is recorded with the next fact, and not decided again until then', async () => {
    const [owner] = await twoOwners();
    await take(owner, [0, 1]);
    await take(owner, [0, 1]);
    await owner.ledger.chargeFrom({ ...from(2, USAGE), each: [2] }, 0, [used('1')], SENDER);
    expect(await offsetsOf(owner, USAGE)).toBe(1);
    const again = await owner.ledger.chargeFrom({ ...from(2, USAGE), each: [2] }, 0, [used('2')], SENDER);
    expect(again.outcomes).toMatchObject([{ code: 'taken_before' }]);
    await send(owner, 0);
    expect(await offsetsOf(owner, USAGE)).toBe(2);
  });

  test('INV-INT-5: a record that left nothing is not passed before somebody keeps it', async () => {
    const [owner] = await twoOwners();
    await take(owner, [0]);
    const usages = [used('1'), used('2', '1', { organizationId: 'nobody' }), used('3')];
    const { outcomes } = await owner.ledger.chargeFrom({ ...from(3, USAGE), each: [1, 2, 3] }, 0, usages, SENDER);
    expect(outcomes).toMatchObject([{ outcome: 'charged' }, { outcome: 'refused' }, { outcome: 'charged' }]);
    expect(await offsetsOf(owner, USAGE)).toBe(1);
    await take(owner, [4]);
    expect(await offsetsOf(owner, USAGE)).toBe(4);
  });

  test('never goes back, though another writer came further meanwhile', async () => {
    const [slow, fast] = await twoOwners();
    await take(slow, [0]);
    await slow.ledger.chargeFrom({ ...from(1, USAGE), each: [1] }, 0, [used('0')], SENDER);
    await take(fast, [2, 3]);
    await send(slow, 0);
    expect(await offsetsOf(slow, USAGE)).toBe(3);
    const log = await slow.store.read('ledger-0', 3, 99);
    expect(log.map(({ metadata }) => metadata['offsets'])).toEqual([
      { [USAGE]: { 0: 0 } },
      { [USAGE]: { 0: 3 } },
      { [COMMANDS]: { 0: 0 } },
    ]);
  });
});

test('FLT-02: of works whose owner died before the append nothing happened; the next one decides them', async () => {
  const store = faultyEventStore(inMemoryEventStore());
  const [dying, next] = await twoOwners(store);
  store.failNext('unavailable');
  await expect(send(dying, 0)).rejects.toThrow('cannot take it');
  expect(await send(next, 0)).toMatchObject({ accepted: true });
  expect(await next.available()).toBe('11');
});

test('order: commands of one partition are decided in the order of their offsets, across a conflict, too', async () => {
  const [asleep, awake] = await twoOwners();
  await awake.run(grant('1'));
  const amounts = ['3', '4', '5', '2', '1'];
  const results = await Promise.all(amounts.map((credits, offset) => send(asleep, offset, hold(credits))));
  expect(results.map(({ accepted }) => accepted)).toEqual([true, true, false, true, true]);
  expect(asleep.metrics.of('shard_fenced_total')).toBe(1);
});
