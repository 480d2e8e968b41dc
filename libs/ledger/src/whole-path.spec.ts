import { later, START } from '@drawdown/domain/testing';
import type { CommandResult, UsageOutcome } from './ledger';
import { grant, hold, idIn, mustBeAccepted, openLedger, refund, used, withOrganization } from './testing';

const transactionOf = (outcome: UsageOutcome | undefined): string =>
  outcome !== undefined && 'transactionId' in outcome ? (outcome.transactionId ?? '') : '';

const kinds = (outcomes: readonly UsageOutcome[]): string[] => outcomes.map(({ outcome }) => outcome);

const refusalOf = (result: CommandResult): string | undefined =>
  !result.accepted && 'refusal' in result ? result.refusal.code : undefined;

test('the whole path: organization, credits, usage, duplicates, refund, restart', async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '40' });
  const first = await world.charge(used('1', '0.15'), used('2', '0.5'), used('1', '0.15'), used('1', '0.2'));
  expect(kinds(first.outcomes)).toEqual(['charged', 'charged', 'duplicate', 'conflict']);
  expect(await world.available()).toBe('39.35');
  const [again] = (await world.charge(used('1', '0.15'))).outcomes;
  expect(again).toMatchObject({ outcome: 'duplicate', wallet: 'credits', debited: 150_000_000n, uncovered: 0n });
  const charged = transactionOf(again);
  expect(charged).toBe(transactionOf(first.outcomes[0]));
  await mustBeAccepted(world.run(refund(charged), { key: 'r1' }));
  expect(refusalOf(await world.run(refund(charged), { key: 'r2' }))).toBe('already_refunded');
  expect(await world.available()).toBe('39.5');
  await world.ledger.stop();
  const restarted = await world.again();
  expect(await restarted.available()).toBe('39.5');
  expect(kinds((await restarted.charge(used('2', '0.5'))).outcomes)).toEqual(['duplicate']);
  expect(await restarted.run(refund(charged), { key: 'r1' })).toMatchObject({ accepted: true, replayed: true });
  expect(refusalOf(await restarted.run(refund(charged), { key: 'r3' }))).toBe('already_refunded');
});

test('answers come from the state after the command: a hold, its capture, what is left', async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  const held = await mustBeAccepted(world.run(hold('6')));
  expect(held).toMatchObject({ amount: '6', state: 'open' });
  expect(await world.available()).toBe('4');
  expect(refusalOf(await world.run(hold('4.000000001')))).toBe('out_of_credits');
  const released = await world.run({ type: 'ReleaseHold', holdId: idIn(held) });
  expect(released).toMatchObject({ accepted: true, answer: { state: 'released' } });
  expect(await world.available()).toBe('10');
});

test('a charge, a grant and a capture decided in one batch can be refunded in the same batch', async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  const [known] = (await world.charge(used('known'))).outcomes;
  const [charged, refunded] = await Promise.all([
    world.charge(used('fresh', '3')),
    world.run(refund(transactionOf(known))),
  ]);
  expect(refunded).toMatchObject({ accepted: true, answer: { credits: '1' } });
  const [, byId] = await Promise.all([world.run(grant('1')), world.run(refund(transactionOf(charged.outcomes[0])))]);
  expect(byId).toMatchObject({ accepted: true, answer: { credits: '3' } });
  expect(await world.available()).toBe('11');
});

test('a grant cannot be refunded, an unknown transaction is not found, and of another organization as little', async () => {
  const world = await openLedger();
  await withOrganization(world);
  await withOrganization(world, { id: 'other' });
  const granted = await mustBeAccepted(world.run(grant('5')));
  const { id } = granted['transaction'] as { id: string };
  expect(refusalOf(await world.run(refund(id)))).toBe('not_refundable');
  const [charged] = (await world.charge(used('1'))).outcomes;
  expect(refusalOf(await world.run(refund(transactionOf(charged)), { of: 'other' }))).toBe('not_found');
  for (const nonsense of ['txn_00000000-0000-0000-0000-000000000000', 'txn_', 'x']) {
    expect(refusalOf(await world.run(refund(nonsense)))).toBe('not_found');
  }
});

test('usage that cannot be taken says why and leaves nothing behind (BAD-042)', async () => {
  const world = await openLedger();
  await withOrganization(world);
  await mustBeAccepted(world.run({ type: 'CloseOrganization', reason: 'over' }));
  const head = await world.store.head('ledger-0');
  const { outcomes } = await world.charge(used('1', '1', { organizationId: 'nobody' }), used('1'));
  expect(outcomes).toMatchObject([
    { outcome: 'refused', code: 'organization_not_found' },
    { outcome: 'refused', code: 'organization_closed' },
  ]);
  expect(await world.store.head('ledger-0')).toBe(head);
});

test('an organization begins once, on a clock that exists, with a card that exists and is its own', async () => {
  const world = await openLedger();
  await withOrganization(world);
  const create = { type: 'CreateOrganization', name: 'n', plan: null } as const;
  const [preset] = world.catalogue.presets.all();
  if (preset === undefined) throw new Error('no preset');
  expect(refusalOf(await world.run({ ...create, preset, testClock: null }))).toBe('already_exists');
  expect(refusalOf(await world.run({ ...create, preset, testClock: 'clock_x' }, { of: 'new' }))).toBe('not_found');
  await world.catalogue.rateCards.create(
    { key: 'theirs', name: 'x', unit: 'credit', organizationId: 'other' },
    SENDER_OF_TEST,
  );
  for (const rateCard of ['theirs', 'nothing']) {
    expect(refusalOf(await world.run({ type: 'AssignRateCard', rateCard }))).toBe('not_found');
  }
  expect(refusalOf(await world.run(grant('1'), { of: 'nobody' }))).toBe('not_found');
  expect(await world.ledger.read('nobody', null, () => 1)).toBeUndefined();
});

const SENDER_OF_TEST = { actor: { type: 'key', id: 'key_1', role: null }, requestId: 'r' } as const;

test('a lot that charges have used up before its expiry is due no more, and nothing stands still for it', async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '0' });
  await mustBeAccepted(world.run(grant('2', { expiresAt: later(START, { days: 1 }) })));
  await world.charge(used('1', '2'));
  world.clock.moveTo(later(START, { days: 2 }));
  await world.ledger.settleClock('');
  expect(await world.run(grant('1'))).toMatchObject({ accepted: true });
  expect(kinds((await world.charge(used('2'))).outcomes)).toEqual(['charged']);
  expect(world.metrics.of('decision_failures_total') + world.metrics.of('shard_loads_total')).toBe(1);
});
