import { bookedAtOf, type Organization, readMetadata, walletNamed } from '@drawdown/domain';
import { instant, later, START } from '@drawdown/domain/testing';
import { type Instant, positionOf } from '@drawdown/kernel';
import fc from 'fast-check';
import { setImmediate as nextTick } from 'node:timers/promises';
import { ShardState } from './fold';
import { foldNext } from './load-shard';
import {
  ACME,
  canonical,
  createCard,
  grant,
  hold,
  type LedgerWorld,
  openLedger,
  SENDER,
  used,
  withOrganization,
} from './testing';
import { act, activities } from './testing/activity';

const textOf = (organization: Organization | undefined): string => JSON.stringify(canonical(organization));

/** An organization folded from the first events of the log, with everything else that is in them. */
const folded = async ({ store }: LedgerWorld, events: number, id: string): Promise<string> => {
  const state = new ShardState();
  for (const stored of await store.read('ledger-0', 0, events)) foldNext(state, 0, stored);
  return textOf(state.organization(id));
};

const asOf = async ({ ledger }: LedgerWorld, when: Parameters<typeof ledger.asOf>[1], id = ACME) =>
  ledger.asOf(id, when, (organization, now) => ({ text: textOf(organization), now }));

test('INV-AUD-5: by position and by instant, an organization as of then is the fold of the events up to then', async () => {
  await fc.assert(
    fc.asyncProperty(activities(25), fc.infiniteStream(fc.nat()), async (operations, random) => {
      const world = await openLedger();
      await withOrganization(world, { id: 'neighbour', credits: '3' });
      await withOrganization(world, { credits: '0' });
      await act(world, operations);
      await world.charge(used('n', '1', { organizationId: 'neighbour' }), used('n'));
      const log = await world.store.read('ledger-0', 0, 10_000);
      const times = log.map(({ metadata }) => bookedAtOf(readMetadata(metadata)));
      for (let i = 0; i < 8; i++) {
        const revision = Number(random.next().value) % log.length;
        for (const id of [ACME, 'neighbour']) {
          const byPosition = await asOf(world, { position: positionOf(0, revision) }, id);
          expect(byPosition?.value.text).toBe(byPosition && (await folded(world, revision + 1, id)));
          const time = times[revision] ?? START;
          const byInstant = await asOf(world, { instant: time }, id);
          expect(byInstant?.value.text).toBe(byInstant && (await folded(world, times.lastIndexOf(time) + 1, id)));
          expect(byInstant?.value.now).toBe(byInstant && time);
        }
      }
    }),
    { numRuns: 15 },
  );
});

const history = async (): Promise<LedgerWorld> => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  world.clock.moveTo(later(START, { days: 1 }));
  await world.run(hold('4', later(START, { days: 5 })));
  world.clock.moveTo(later(START, { days: 2 }));
  await world.charge(used('a', '3', { time: later(START, { days: 1 }) }));
  return world;
};
const figures = (organization: Organization) => {
  const wallet = walletNamed(organization, 'credits');
  return [wallet?.settled, wallet?.held].map((parts) => (parts === undefined ? null : Number(parts) / 1e9));
};

test('holds are included; what had not begun is not there; the present is the state itself', async () => {
  const { ledger } = await history();
  const at = async (when: Parameters<typeof ledger.asOf>[1]) => ledger.asOf(ACME, when, figures);
  const days = (n: number) => ({ instant: later(START, { days: n }) });
  expect(await at(days(-1))).toBeUndefined();
  expect(await at({ position: new Map() })).toBeUndefined();
  expect((await at(days(0)))?.value).toEqual([10, 0]);
  expect((await at(days(1.5)))?.value).toEqual([10, 4]);
  const last = await at(days(3));
  expect(last).toMatchObject({ value: [7, 4], asOf: { position: positionOf(0, 4), time: days(3).instant } });
  const now = await ledger.read(ACME, null, figures);
  expect(now?.value).toEqual(last?.value);
  expect((await at({ position: positionOf(0, 3) }))?.asOf).toEqual({
    position: positionOf(0, 3),
    time: later(START, { days: 1 }),
  });
  expect(await ledger.asOf('nobody', days(3), figures)).toBeUndefined();
});

test('INV-TIM-6: a balance of an instant does not depend on when it was booked that a hold and its lot had ended by then', async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  await world.run(grant('2', { priority: 1, expiresAt: later(START, { days: 3 }) }));
  await world.run(hold('5', later(START, { days: 5 })));
  const at = (days: number) => ({ instant: later(START, { days }) });
  const shown = async (): Promise<unknown[]> => {
    const balances: unknown[] = [];
    for (const days of [2, 3, 4, 5, 6]) balances.push((await world.ledger.asOf(ACME, at(days), figures))?.value);
    return balances;
  };
  const expected = [
    [12, 5],
    [12, 5],
    [12, 5],
    [10, 0],
    [10, 0],
  ];
  expect(await shown()).toEqual(expected);
  world.clock.moveTo(later(START, { days: 60 }));
  await world.run(grant('1'));
  expect(await shown()).toEqual(expected);
});

test('looked at again, an organization is read from where it began, and is the same', async () => {
  const world = await openLedger();
  await withOrganization(world, { id: 'older', credits: '100' });
  for (let i = 0; i < 40; i++) await world.charge(used(`o${String(i)}`, '1', { organizationId: 'older' }));
  const begin = (await world.store.head('ledger-0')) + 1;
  await withOrganization(world, { credits: '10' });
  const times = [START, later(START, { days: 1 }), later(START, { days: 2 })];
  for (const [n, time] of times.entries()) {
    world.clock.moveTo(time);
    await world.charge(used(String(n)));
  }
  const read = jest.spyOn(world.store, 'read');
  const all = async (): Promise<readonly unknown[]> => {
    const before = asOf(world, { position: positionOf(0, begin - 1) });
    return Promise.all([before, ...times.map((instant) => asOf(world, { instant }))]);
  };
  const first = await all();
  expect(read.mock.calls[0]?.[1]).toBe(0);
  read.mockClear();
  expect(await all()).toEqual(first);
  expect(first[0]).toBeUndefined();
  expect(Math.min(...read.mock.calls.map(([, from]) => from))).toBe(begin);
  expect((await asOf(world, { instant: START }, 'older'))?.value.text).toBe(await folded(world, begin, 'older'));
});

test('views of the past take turns and give others theirs: of one organization four wait, in all sixteen', async () => {
  const world = await openLedger();
  const others = Array.from({ length: 4 }, (_, i) => `other-${String(i)}`);
  for (const id of [ACME, ...others]) await withOrganization(world, { id, credits: '10' });
  for (let i = 0; i < 20; i++) await world.charge(used(`u-${String(i)}`));
  const view = (id: string) => world.ledger.asOf(id, { position: positionOf(0, 999) }, figures);
  let ticks = 0;
  for (const isOver = view(ACME).then(() => true); !(await Promise.race([isOver, nextTick(false)]));) ticks++;
  expect(ticks).toBeGreaterThanOrEqual(20);

  const asked = [ACME, ...others].flatMap((id) => Array.from({ length: 5 }, () => view(id)));
  const outcomes = (await Promise.allSettled(asked)).map(({ status }) => status);
  const four = [...Array<string>(4).fill('fulfilled'), 'rejected'];
  const none = Array<string>(5).fill('rejected');
  expect(outcomes).toEqual([...four, ...four, ...four, ...four, ...none]);
  await expect(Promise.all(others.map(view))).resolves.toHaveLength(4);
});

test.each(['2001-01-01', '2101-01-01'])(
  'the clocks of others say nothing about this organization’s (%s)',
  async (date) => {
    const world = await openLedger();
    const made = await world.catalogue.testClocks.create(instant(date), SENDER);
    if (!made.accepted) throw new Error('no clock');
    await createCard(world, instant('2000-01-01'));
    await withOrganization(world, { id: 'tested', testClock: made.value.id, credits: '5' });
    await withOrganization(world, { credits: '10' });
    const tested = (day: number): Instant => later(instant(date), { days: day });
    const real = (day: number): Instant => later(START, { days: day });
    for (const day of [1, 2, 3]) {
      world.clock.moveTo(real(day));
      await world.catalogue.testClocks.advance(made.value.id, tested(day), SENDER);
      await world.charge(
        used(`t${String(day)}`, '1', { organizationId: 'tested', time: tested(day) }),
        used(`r${String(day)}`, '1', { time: real(day) }),
      );
      await world.run(grant('0.5'));
    }
    const settled = async (id: string, time: Instant) =>
      (await world.ledger.asOf(id, { instant: time }, figures))?.value[0];
    for (const day of [0, 1, 2, 3]) {
      expect(await settled('tested', tested(day))).toBe(5 - day);
      expect(await settled(ACME, real(day))).toBe(10 - 0.5 * day);
    }
  },
);

test('a workspace, a user or a model called like the organization makes nothing of others its own', async () => {
  const world = await openLedger();
  const made = await world.catalogue.testClocks.create(instant('2101-01-01'), SENDER);
  if (!made.accepted) throw new Error('no clock');
  await withOrganization(world, { credits: '10' });
  await withOrganization(world, { id: 'other', credits: '10', testClock: made.value.id });
  const other = { organizationId: 'other', time: made.value.now };
  const named = { workspaceId: ACME, userId: ACME, model: ACME, source: ACME, dimensions: { team: ACME } };
  await world.charge(used('a', '3', { ...other, ...named }), used(ACME, '2', { ...other, serviceType: ACME }));
  await world.run(grant('1', { reason: ACME }), { of: 'other' });
  await world.run(grant('1'));
  const all = { position: positionOf(0, 999) };
  expect((await world.ledger.asOf(ACME, all, figures))?.value).toEqual([11, 0]);
  expect((await world.ledger.asOf(ACME, { instant: START }, figures))?.value).toEqual([11, 0]);
  expect((await world.ledger.asOf('other', all, figures))?.value).toEqual([8, 0]);
});
