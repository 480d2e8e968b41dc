import { later, START } from '@drawdown/domain/testing';
import { derivedId } from '@drawdown/kernel';
import { inMemorySnapshots } from '@drawdown/ports/testing';
import type { CommandResult } from './ledger';
import { ACME, grant, hold, type LedgerWorld, mustBeAccepted, openLedger, recorded, SENDER } from './testing';
import { withOrganization } from './testing';

const ten = async (): Promise<LedgerWorld> => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  return world;
};

/** The answer without the word whether it is a repetition. */
const told = (result: CommandResult) => ({ ...result, replayed: null });
const isReplayed = (result: CommandResult): boolean => 'replayed' in result && result.replayed;
const keyReused = { accepted: false, keyReused: true };

describe('INV-INT-8: the same key with the same content', () => {
  test('gets the same answer, ids and position; nothing is written for it', async () => {
    const world = await ten();
    const first = await world.run(grant('5'), { key: 'k' });
    const head = await world.store.head('ledger-0');
    await world.run(grant('1'), { key: 'another' });
    const second = await world.run(grant('5'), { key: 'k' });
    expect(told(second)).toEqual(told(first));
    expect([isReplayed(first), isReplayed(second)]).toEqual([false, true]);
    expect(await world.store.head('ledger-0')).toBe(head + 1);
  });

  test('a refusal is remembered, too: it stays one when the command would succeed', async () => {
    const world = await ten();
    const first = await world.run(hold('11'), { key: 'k' });
    await world.run(grant('5'));
    const second = await world.run(hold('11'), { key: 'k' });
    expect(told(second)).toEqual(told(first));
    expect(first).toMatchObject({ accepted: false, refusal: { code: 'out_of_credits' }, replayed: false });
    const refusals = (await recorded(world.store)).filter(({ event }) => /Refused|Answered/.test(event.type));
    expect(refusals.map(({ event }) => event.type)).toEqual(['HoldRefused']);
    expect(await world.run(hold('11'), { key: 'fresh' })).toMatchObject({ accepted: true });
  });

  test('a command that changed nothing is remembered: its position and answer stay', async () => {
    const world = await ten();
    const assign = { type: 'AssignRateCard', rateCard: 'card' } as const;
    const first = await world.run(assign, { key: 'k' });
    await world.run(grant('5'));
    expect(told(await world.run(assign, { key: 'k' }))).toEqual(told(first));
    expect((await recorded(world.store)).filter(({ event }) => event.type === 'CommandAnswered').length).toBeLessThan(
      2,
    );
  });

  test('BAD-060: 1,000 at once in one batch make one lot and 1,000 equal answers', async () => {
    const world = await ten();
    const results = await Promise.all(Array.from({ length: 1_000 }, () => world.run(grant('5'), { key: 'k' })));
    expect(new Set(results.map((result) => JSON.stringify(told(result)))).size).toBe(1);
    expect(results.filter((result) => !isReplayed(result))).toHaveLength(1);
    expect(await world.available()).toBe('15');
  });

  test.each(['snapshot', 'no snapshot'])('after a restart with %s', async (which) => {
    const world = await ten();
    const firsts = [await world.run(grant('5'), { key: 'a' }), await world.run(hold('99'), { key: 'b' })];
    await world.ledger.stop();
    const { store, clock } = world;
    const restarted = await openLedger(which === 'snapshot' ? { ...world } : { store, clock });
    const seconds = [await restarted.run(grant('5'), { key: 'a' }), await restarted.run(hold('99'), { key: 'b' })];
    expect(seconds.map(told)).toEqual(firsts.map(told));
    expect(seconds.map(isReplayed)).toEqual([true, true]);
    expect(await restarted.run(grant('6'), { key: 'a', hash: 'other' })).toEqual(keyReused);
  });

  test('after an answer "unavailable" it is decided once', async () => {
    const { clock, ...world } = await ten();
    const other = await world.again();
    const [first, second] = await Promise.all([
      world.run(grant('5'), { key: 'k' }),
      other.run(grant('5'), { key: 'k' }),
    ]);
    expect(told(first)).toEqual(told(second));
    expect([first, second].filter(isReplayed)).toHaveLength(1);
    expect(clock.now()).toBe(START);
  });
});

describe('FLD-68: the same key with other content', () => {
  test('is refused and does nothing, whatever the first answer was, in one batch as well', async () => {
    const world = await ten();
    const [first, other] = await Promise.all([
      world.run(grant('5'), { key: 'k', hash: 'one' }),
      world.run(grant('6'), { key: 'k', hash: 'other' }),
    ]);
    expect(first).toMatchObject({ accepted: true });
    expect(other).toEqual(keyReused);
    await world.run(hold('99'), { key: 'refused', hash: 'one' });
    expect(await world.run(hold('1'), { key: 'refused', hash: 'other' })).toEqual(keyReused);
    expect(told(await world.run(grant('5'), { key: 'k', hash: 'one' }))).toEqual(told(first));
    expect(await world.available()).toBe('15');
  });

  test('BAD-056: a key belongs to its organization; the same one elsewhere is another', async () => {
    const world = await ten();
    await withOrganization(world, { id: 'other', credits: '0' });
    const [here, there] = [
      await world.run(grant('5'), { key: 'k' }),
      await world.run(grant('6'), { key: 'k', hash: 'x', of: 'other' }),
    ];
    expect([here, there]).toMatchObject([
      { accepted: true, replayed: false },
      { accepted: true, replayed: false },
    ]);
    expect(await world.available('other')).toBe('6');
  });
});

test('a refusal that no organization can remember is decided anew', async () => {
  const world = await openLedger();
  expect(await world.run(grant('5'), { key: 'k' })).toMatchObject({ accepted: false, refusal: { code: 'not_found' } });
  await withOrganization(world, { credits: '0' });
  expect(await world.run(grant('5'), { key: 'k' })).toMatchObject({ accepted: true, replayed: false });
});

test('the ids that a command makes follow from it: decided again after a conflict, they are the same', async () => {
  const world = await ten();
  const other = await world.again();
  await world.run(grant('1'));
  const granted = await mustBeAccepted(other.submit('command-1', grant('5')));
  expect(granted).toMatchObject({ lot: { id: derivedId('lot', ACME, 'command-1') } });
  expect(other.metrics.of('shard_fenced_total')).toBe(1);
});

describe('how long keys are remembered', () => {
  const daily = async (world: LedgerWorld, days: number, of?: string): Promise<void> => {
    for (let day = 0; day < days; day++) {
      world.clock.advance(86_400_000_000n);
      await world.run(grant('1'), { key: `daily-${String(day)}`, ...(of === undefined ? {} : { of }) });
    }
  };

  test('40 days at least; later they are forgotten, and memory stays bounded', async () => {
    const world = await ten();
    const first = await world.run(grant('5'), { key: 'first' });
    await daily(world, 39);
    expect(told(await world.run(grant('5'), { key: 'first' }))).toEqual(told(first));
    await daily(world, 160);
    expect((await world.state()).commands.size).toBeLessThanOrEqual(42);
    expect(await world.run(grant('5'), { key: 'first' })).toMatchObject({ replayed: false });
  });

  test.each(['2020-01-01', '2040-01-01'])('on a test clock (%s) for ever, hiding none of the others', async (date) => {
    const world = await openLedger({ snapshots: inMemorySnapshots() });
    const clock = await world.catalogue.testClocks.create(
      later(START, { days: date < '2026' ? -2_250 : 5_000 }),
      SENDER,
    );
    if (!clock.accepted) throw new Error('no clock');
    await withOrganization(world, { id: 'tested', credits: '0', testClock: clock.value.id });
    const first = await world.run(grant('5'), { key: 'first', of: 'tested' });
    await withOrganization(world, { credits: '0' });
    await daily(world, 100);
    expect(told(await world.run(grant('5'), { key: 'first', of: 'tested' }))).toEqual(told(first));
    await world.catalogue.testClocks.advance(clock.value.id, later(clock.value.now, { days: 300 }), SENDER);
    expect(told(await world.run(grant('5'), { key: 'first', of: 'tested' }))).toEqual(told(first));
    expect((await world.state()).commands.size).toBeLessThanOrEqual(43);
  });
});
