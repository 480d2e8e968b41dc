import type { LedgerEvent, OrganizationCommand, Recorded } from '@drawdown/domain';
import { later, START } from '@drawdown/domain/testing';
import type { Instant } from '@drawdown/kernel';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import {
  factsOf,
  grant,
  hold,
  type LedgerWorld,
  mustBeAccepted,
  openLedger,
  recorded,
  recordingStore,
} from './testing';
import { SENDER, stateHash, used, withOrganization } from './testing';

const at = (days: number): Instant => later(START, { days });
const organizations = ['c', 'a', 'b'];

/** Three organizations with lots that begin and end, and holds that end, over three months. */
const planned = async (given: Parameters<typeof openLedger>[0] = {}): Promise<LedgerWorld> => {
  const world = await openLedger(given);
  for (const [i, id] of organizations.entries()) {
    await withOrganization(world, { id, credits: '0' });
    let number = 0;
    const run = (command: OrganizationCommand) =>
      mustBeAccepted(world.submit(`${id} ${String(++number)}`, command, id));
    await run(grant('10'));
    await run(grant('5', { expiresAt: at(20 + i) }));
    await run(grant('7', { effectiveAt: at(10 + i), expiresAt: at(80) }));
    await run(grant('1', { effectiveAt: at(40), expiresAt: at(80) }));
    await run(hold('6', at(25)));
    await run(hold('2', at(25)));
  }
  return world;
};

const isSettled = ({ event }: Recorded<LedgerEvent>): boolean =>
  ['LotActivated', 'LotExpired', 'HoldExpired'].includes(event.type);

const effectiveAt = ({ event }: Recorded<LedgerEvent>): string =>
  event.type === 'LotExpired'
    ? event.data.booking.eventTime
    : 'effectiveAt' in event.data
      ? event.data.effectiveAt
      : '';

/** What time set off, with the instants at which it was due; when it was booked is left out. */
const settledIn = async (world: LedgerWorld) => {
  const log = (await recorded(world.store)).filter(isSettled);
  const what = log.map((entry) => ({
    id: entry.organizationId,
    type: entry.event.type,
    due: effectiveAt(entry),
    ...factsOf([{ ...entry, bookedAt: START }])[0],
  }));
  return { log, what };
};
const byOrganization = <T extends { readonly id: string | null }>(facts: readonly T[]): T[] =>
  organizations.flatMap((id) => facts.filter((fact) => fact.id === id));

describe('INV-TIM-6: what is due is booked the same whenever that happens', () => {
  const byTimer = async (): Promise<LedgerWorld> => {
    const world = await planned();
    for (let day = 0.5; day <= 90; day += 0.5) {
      world.clock.moveTo(at(day));
      await world.time.pass(1_000);
    }
    return world;
  };

  test('by the timer, in one jump (FLT-71), or by commands: the same facts, each due at the same instant', async () => {
    const timer = await settledIn(await byTimer());
    const jumped = await planned();
    jumped.clock.moveTo(at(90));
    await jumped.ledger.settleClock('');
    const commanded = await planned();
    for (const day of [15, 23, 60, 90]) {
      commanded.clock.moveTo(at(day));
      for (const of of [...organizations].reverse())
        await commanded.run({ type: 'AssignRateCard', rateCard: 'card' }, { of });
    }
    const jump = await settledIn(jumped);
    expect(timer.what).toHaveLength(21);
    expect(jump.what).toEqual(timer.what);
    expect(byOrganization((await settledIn(commanded)).what)).toEqual(byOrganization(timer.what));
  });

  test('FLT-71: how late it is can be seen while nothing settles, and is 0 once commands have booked it', async () => {
    const world = await planned({ isClockRight: async () => false }); // so nothing is settled by time alone
    const late = (): number => world.metrics.of('settle_due_oldest_seconds{shard=0}');
    await world.time.pass(1_000);
    expect(late()).toBe(0);
    for (const days of [10.5, 30, 89]) {
      world.clock.moveTo(at(days));
      await world.time.pass(1_000);
      expect(late()).toBe((days - 10) * 86_400); // the lot of `c` began on the tenth day
    }
    const left: number[] = [];
    for (const of of organizations) {
      await mustBeAccepted(world.run(grant('1'), { of }));
      left.push(late());
    }
    expect(left).toEqual([78 * 86_400, 77 * 86_400, 0]); // `a` was due a day later, `b` two
  });

  test('two lots and two holds due at one instant are booked one after the other, organizations by id', async () => {
    const { what } = await settledIn(await byTimer());
    const at25 = what.filter(({ due }) => due === at(25));
    expect(at25.map(({ id }) => id)).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
    expect(what.filter(({ due, type }) => due === at(80) && type === 'LotExpired')).toHaveLength(6);
  });

  test('usage settles first, too: a lot that expired unbooked is not drawn (INV-TIM-2, FLD-35)', async () => {
    const world = await planned();
    world.clock.moveTo(at(90));
    await world.charge(used('late', '3', { organizationId: 'a', time: at(89) }));
    const { what } = await settledIn(world);
    expect(what.map(({ id }) => id)).toEqual(Array.from({ length: 7 }, () => 'a'));
    expect(await world.available('a')).toBe('7');
  });

  test('INV-HLD-5, INV-TIM-3: balances are right before anything is booked, and no hold is open past its end after', async () => {
    const world = await planned();
    world.clock.moveTo(at(90));
    const before = await Promise.all(organizations.map((id) => world.available(id)));
    await world.ledger.settleClock('');
    expect(await Promise.all(organizations.map((id) => world.available(id)))).toEqual(['10', '10', '10']);
    // 3 of the 8 held lie in a lot that goes on: a hold ends when that is booked, a lot by the clock.
    expect(before).toEqual(['7', '7', '7']);
    const states = await Promise.all(
      organizations.map((id) =>
        world.ledger.read(id, null, ({ holds }) => [...holds.values()].map(({ state }) => state)),
      ),
    );
    expect(new Set(states.flatMap((read) => read?.value))).toEqual(new Set(['expired']));
  });

  test('what is settled is settled after a restart: nothing is booked twice', async () => {
    const world = await byTimer();
    const before = (await settledIn(world)).what;
    await world.ledger.stop();
    for (const restarted of [await world.again(), await openLedger({ store: world.store, clock: world.clock })]) {
      await restarted.ledger.settleClock('');
      expect((await settledIn(restarted)).what).toEqual(before);
    }
  });
});

test('settling thousands is split over turns, and others have theirs in between', async () => {
  const store = recordingStore(inMemoryEventStore());
  const world = await openLedger({ store });
  await withOrganization(world, { credits: '10000' });
  await withOrganization(world, { id: 'other', credits: '10' });
  await Promise.all(
    Array.from({ length: 3_000 }, (_, i) => world.run(hold('1', later(START, { minutes: 1 + (i % 60) })))),
  );
  world.clock.moveTo(at(1));
  store.appends.length = 0;
  const settled = world.ledger.settleClock('').then(() => store.appends.length);
  const other = world.run(grant('1'), { of: 'other' }).then(() => store.appends.length);
  expect(await other).toBeLessThan(await settled);
  expect(await settled).toBeGreaterThan(2);
  expect(await world.available()).toBe('10000');
});

test('a command on an organization with thousands of facts due waits for them, in appends that fit', async () => {
  const store = recordingStore(inMemoryEventStore());
  const world = await openLedger({ store });
  await withOrganization(world, { credits: '10000' });
  await Promise.all(Array.from({ length: 2_600 }, () => world.run(hold('1', later(START, { minutes: 1 })))));
  world.clock.moveTo(at(1));
  store.appends.length = 0;
  expect(await world.run(hold('10000'))).toMatchObject({ accepted: true });
  expect(store.appends.length).toBeGreaterThan(1);
  expect(world.metrics.of('append_total{outcome=failed}') + world.metrics.of('decision_failures_total')).toBe(0);
});

describe('INV-TIM-1: booking times never go back', () => {
  const times = async (world: LedgerWorld): Promise<string[]> =>
    (await recorded(world.store)).map(({ bookedAt }) => bookedAt);

  test.each([
    ['a grant', (world: LedgerWorld) => world.run(grant('1'))],
    ['a refusal that is remembered', (world: LedgerWorld) => world.run(hold('999'), { key: 'k' })],
    ['a charge', (world: LedgerWorld) => world.charge(used('x'))],
    ['a quarantine', (world: LedgerWorld) => world.charge(used('x', '1', { serviceType: 'unknown' }))],
    ['a conflict', (world: LedgerWorld) => world.charge(used('known', '2'))],
  ])('when the clock steps back after %s, at once and after a restart', async (_, happens) => {
    const world = await openLedger();
    await withOrganization(world);
    await withOrganization(world, { id: 'other' });
    await world.charge(used('known'));
    world.clock.moveTo(at(3));
    await happens(world);
    world.clock.moveTo(at(1));
    expect(await world.ledger.now('other')).toBe(at(3));
    await world.run(grant('1'), { of: 'other' });
    await world.run(grant('1'));
    const restarted = await world.again();
    expect(stateHash(await restarted.state())).toBe(stateHash(await world.state()));
    expect(await restarted.ledger.now('other')).toBe(at(3));
    await restarted.run(grant('1'), { of: 'other' });
    expect(await times(world)).toEqual((await times(world)).sort());
    expect((await times(world)).at(-1)).toBe(at(3));
  });
});

describe('FLT-70: the clock steps', () => {
  test('+3 days and −2 hours: no booking time goes back, and none is before what was booked already', async () => {
    const world = await openLedger();
    await withOrganization(world);
    world.clock.moveTo(at(3));
    await world.charge(used('ahead'));
    world.clock.moveTo(later(START, { days: 3, hours: -2 }));
    await world.charge(used('back'));
    await mustBeAccepted(world.run(grant('1')));
    const restarted = await world.again();
    await restarted.charge(used('restarted'));
    const booked = (await recorded(world.store)).map(({ bookedAt }) => bookedAt);
    expect(booked).toEqual([...booked].sort());
    expect(booked.slice(-4)).toEqual([at(3), at(3), at(3), at(3)]);
    expect(await restarted.available()).toBe('98');
  });

  test('while it is known to be wrong nothing is settled by time alone; once it is right, what is due is', async () => {
    let isRight = false;
    const world = await openLedger({ isClockRight: async () => isRight });
    await withOrganization(world, { credits: '0' });
    await mustBeAccepted(world.run(grant('5', { expiresAt: at(2) })));
    world.clock.moveTo(at(3));
    await world.time.pass(10_000);
    expect((await settledIn(world)).what).toEqual([]);
    isRight = true;
    await world.time.pass(10_000);
    expect((await settledIn(world)).what).toMatchObject([{ due: at(2) }]);
  });
});

describe('test clocks', () => {
  const tested = async (start: Instant) => {
    const world = await openLedger();
    const made = await world.catalogue.testClocks.create(start, SENDER);
    if (!made.accepted) throw new Error('no clock');
    await withOrganization(world, { id: 'tested', credits: '0', testClock: made.value.id });
    await withOrganization(world, { id: 'real', credits: '10' });
    await mustBeAccepted(world.run(grant('5', { expiresAt: later(start, { days: 10 }) }), { of: 'tested' }));
    return { ...world, clockId: made.value.id };
  };

  test.each(['2001-01-01', '2101-01-01'])(
    'an organization lives on its clock, whatever the machine’s says (%s)',
    async (date) => {
      const start = `${date}T00:00:00.000000Z` as Instant;
      const world = await tested(start);
      world.clock.moveTo(at(300));
      await world.time.pass(1_000);
      expect([await world.available('tested'), await world.ledger.now('tested')]).toEqual(['5', start]);
      const to = later(start, { days: 10 });
      await world.catalogue.testClocks.advance(world.clockId, to, SENDER);
      expect([await world.available('tested'), await world.ledger.now('tested')]).toEqual(['0', to]);
      await world.ledger.settleClock(world.clockId);
      const last = (await recorded(world.store)).at(-1);
      expect(last).toMatchObject({ organizationId: 'tested', bookedAt: to, event: { type: 'LotExpired' } });
      await world.run(grant('1'), { of: 'real' });
      expect((await recorded(world.store)).at(-1)?.bookedAt).toBe(at(300));
    },
  );

  test('a clock that is not there any more stands still; an unknown one has nothing to settle', async () => {
    const world = await tested(at(0));
    await world.ledger.settleClock('clock_unknown');
    await world.catalogue.testClocks.advance(world.clockId, at(5), SENDER);
    await mustBeAccepted(world.run(grant('1'), { of: 'tested' }));
    jest.spyOn(world.catalogue.testClocks, 'get').mockReturnValue(undefined);
    expect(await world.ledger.now('tested')).toBe(at(5));
    await mustBeAccepted(world.run(grant('1'), { of: 'tested' }));
    expect((await recorded(world.store)).at(-1)?.bookedAt).toBe(at(5));
  });
});
