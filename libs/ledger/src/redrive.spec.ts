import type { UsageEvent } from '@drawdown/domain';
import { flatRate, later, START } from '@drawdown/domain/testing';
import { type LedgerWorld, mustBeAccepted, openLedger, recorded, SENDER, used, withOrganization } from './testing';

/** A service that the card knows no price for, until {@link fixCard}. */
const unpriced = (id: string, units = '1'): UsageEvent => used(id, units, { serviceType: 'new' });

const opened = async (): Promise<LedgerWorld> => {
  const world = await openLedger();
  await withOrganization(world);
  return world;
};
const fixCard = async ({ catalogue }: LedgerWorld): Promise<void> => {
  const rates = [flatRate('new', '2'), flatRate('llm_call')];
  await catalogue.rateCards.saveVersion('card', { rates, rounding: null, effectiveFrom: null }, SENDER);
  const activated = await catalogue.rateCards.activateVersion('card', 2, later(START, { micros: -1 }), SENDER);
  expect(activated).toMatchObject({ accepted: true });
};
const charge = async (world: LedgerWorld, ...usages: UsageEvent[]): Promise<string[]> =>
  (await world.charge(...usages)).outcomes.map(({ outcome }) => outcome);
const redrive = async (world: LedgerWorld, ...usages: UsageEvent[]): Promise<string[]> =>
  (await world.ledger.redrive(usages, SENDER)).outcomes.map(({ outcome }) => outcome);
const chargesOf = async (world: LedgerWorld, id: string): Promise<number> =>
  (await recorded(world.store))
    .flatMap(({ event }) => (event.type === 'UsageCharged' ? event.data.charges : []))
    .filter(({ usage }) => usage.id === id).length;

describe('INV-INT-7, BAD-032: quarantined usage driven again', () => {
  test('INV-LED-2: is charged once after the card is fixed, and says which quarantine that resolves', async () => {
    const world = await opened();
    expect(await charge(world, unpriced('a'))).toEqual(['quarantined']);
    const quarantine = await world.store.head('ledger-0');
    await fixCard(world);
    expect(await charge(world, unpriced('a'))).toEqual(['quarantined']);
    expect(await redrive(world, unpriced('a'), unpriced('a'))).toEqual(['charged', 'duplicate']);
    expect(await redrive(world, unpriced('a'))).toEqual(['duplicate']);
    expect(await charge(world, unpriced('a'))).toEqual(['duplicate']);
    const last = (await recorded(world.store)).at(-1)?.event;
    expect(last).toMatchObject({ type: 'UsageCharged', data: { charges: [{ redriven: quarantine }] } });
    expect(await world.available()).toBe('98');
  });

  test('INV-TIM-10: to which no version can give a price any more is charged by another card; no charge changes', async () => {
    const world = await opened();
    const { rateCards } = world.catalogue;
    const rates = [flatRate('new', '2'), flatRate('llm_call')];
    world.clock.moveTo(later(START, { days: 9 }));
    const time = world.clock.now();
    const missing = used('a', '1', { serviceType: 'new', time });
    expect(await charge(world, missing)).toEqual(['quarantined']);
    world.clock.moveTo(later(START, { days: 20 }));
    expect(await charge(world, used('b', '1', { time: world.clock.now() }))).toEqual(['charged']);

    const version = { rates, rounding: null, effectiveFrom: null };
    await rateCards.saveVersion('card', version, SENDER);
    const added = await rateCards.activateVersion('card', 2, time, SENDER);
    expect(added).toMatchObject({ accepted: false, refusal: { code: 'invalid_interval' } });

    await rateCards.create({ key: 'copy', name: 'Copy', unit: 'credit', organizationId: null }, SENDER);
    await rateCards.saveVersion('copy', version, SENDER);
    expect(await rateCards.activateVersion('copy', 1, START, SENDER)).toMatchObject({ accepted: true });
    await mustBeAccepted(world.run({ type: 'AssignRateCard', rateCard: 'copy' }));
    expect(await redrive(world, missing)).toEqual(['charged']);
    await mustBeAccepted(world.run({ type: 'AssignRateCard', rateCard: 'card' }));

    const charges = (await recorded(world.store)).flatMap(({ event }) =>
      event.type === 'UsageCharged' ? event.data.charges : [],
    );
    expect(charges.map(({ usage, rate }) => [usage.id, rate.card, rate.version])).toEqual([
      ['b', 'card', 1],
      ['a', 'copy', 1],
    ]);
    for (const { rate, usage } of charges) {
      expect(rateCards.compiled(rate.card)?.versionAt(usage.time)?.number).toBe(rate.version);
    }
  });

  test('twice at once, by two owners, and after a restart: still once', async () => {
    const world = await opened();
    await charge(world, unpriced('a'), unpriced('b'));
    await fixCard(world);
    const other = await world.again();
    const both = await Promise.all([
      redrive(world, unpriced('a')),
      redrive(world, unpriced('a')),
      redrive(other, unpriced('a')),
    ]);
    expect(new Set(both.flat())).toEqual(new Set(['charged', 'duplicate']));
    await world.ledger.stop();
    for (const restarted of [await world.again(), await openLedger({ store: world.store, clock: world.clock })]) {
      expect(await redrive(restarted, unpriced('a'))).toEqual(['duplicate']);
    }
    expect(await chargesOf(world, 'a')).toBe(1);
  });

  test('that still has no price stays as it is, and nothing is written', async () => {
    const world = await opened();
    await charge(world, unpriced('a'));
    const head = await world.store.head('ledger-0');
    expect((await world.ledger.redrive([unpriced('a')], SENDER)).outcomes).toMatchObject([
      { outcome: 'quarantined', code: 'no_rate', duplicate: true },
    ]);
    expect(await world.store.head('ledger-0')).toBe(head);
  });

  test('INV-INT-2: with other content is a conflict', async () => {
    const world = await opened();
    await charge(world, unpriced('a'));
    await fixCard(world);
    expect(await redrive(world, unpriced('a', '50'))).toEqual(['conflict']);
    expect(await redrive(world, unpriced('a'))).toEqual(['charged']);
  });

  test('that is old by now is charged at the card version of its event time', async () => {
    const world = await opened();
    await charge(world, unpriced('a'));
    await fixCard(world);
    world.clock.moveTo(later(START, { days: 39 }));
    expect(await redrive(world, unpriced('a'))).toEqual(['charged']);
  });

  test('whose time has not come waits on, or a card would have priced what is years ahead; then it is charged', async () => {
    const world = await opened();
    const ahead = used('a', '1', { time: later(START, { days: 3 }) });
    expect(await charge(world, ahead)).toEqual(['quarantined']);
    expect((await world.ledger.redrive([ahead], SENDER)).outcomes).toMatchObject([
      { outcome: 'quarantined', code: 'event_in_future', duplicate: true },
    ]);
    world.clock.moveTo(later(START, { days: 3 }));
    expect(await redrive(world, ahead)).toEqual(['charged']);
  });

  test('late is known for 40 days from its charge, not only from its quarantine', async () => {
    const world = await opened();
    await charge(world, unpriced('a'));
    await fixCard(world);
    for (const days of [10, 20, 30, 39]) {
      world.clock.moveTo(later(START, { days }));
      await charge(world, used(`day ${String(days)}`, '1', { time: later(START, { days }) }));
    }
    expect(await redrive(world, unpriced('a'))).toEqual(['charged']);
    for (const days of [46, 52, 58, 78]) {
      world.clock.moveTo(later(START, { days }));
      await charge(world, used(`day ${String(days)}`, '1', { time: later(START, { days }) }));
      expect(await charge(world, unpriced('a'))).toEqual(['duplicate']);
    }
  });

  test.each(['snapshot', 'no snapshot'])(
    'that was charged before it was forgotten is not charged again (%s)',
    async (which) => {
      const world = await opened();
      expect(await charge(world, used('a'), used('b'))).toEqual(['charged', 'charged']);
      for (const days of [20, 47]) {
        world.clock.moveTo(later(START, { days }));
        await charge(world, used(`day ${String(days)}`, '1', { time: later(START, { days }) }));
      }
      const tooOld = { outcome: 'quarantined', code: 'event_too_old' };
      expect((await world.charge(used('a'), used('b', '2'), used('c'))).outcomes).toMatchObject([
        tooOld,
        tooOld,
        tooOld,
      ]);
      await world.ledger.stop();
      const { store, clock } = world;
      const restarted = await openLedger(which === 'snapshot' ? { ...world } : { store, clock });
      expect(await redrive(restarted, used('a'))).toEqual(['duplicate']); // alone, as it is mostly sent
      expect(await redrive(restarted, used('a'), used('b', '2'), used('c'))).toEqual([
        'duplicate',
        'conflict',
        'charged',
      ]);
      expect(await redrive(restarted, used('a'), used('c'))).toEqual(['duplicate', 'duplicate']);
      expect([await chargesOf(restarted, 'a'), await chargesOf(restarted, 'b')]).toEqual([1, 1]);
    },
  );
});
