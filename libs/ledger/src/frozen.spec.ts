import {
  type Organization,
  type OrganizationCommand,
  organizationView,
  type UsageEvent,
  walletNamed,
} from '@drawdown/domain';
import { later, START } from '@drawdown/domain/testing';
import { ONE_CREDIT, positionOf } from '@drawdown/kernel';
import { DecisionFailed, LedgerUnavailable } from './ledger';
import { APPEND_BYTES_MAX } from '@drawdown/ports';
import { MicroBatch } from './micro-batch';
import {
  ACME,
  grant,
  hold,
  type LedgerWorld,
  openLedger,
  recorded,
  stateHash,
  used,
  withOrganization,
} from './testing';
import { failingOn, turnsOf } from './testing/broken-turns';

afterEach(() => jest.restoreAllMocks());

const opened = async (shards = 1): Promise<LedgerWorld> => {
  const world = await openLedger({ shards });
  await withOrganization(world, { credits: '10' });
  await withOrganization(world, { id: 'other', credits: '10' });
  return world;
};

/** Falsifies the state in memory, as a bug would. */
const sabotage = async (world: LedgerWorld, change: (organization: Organization) => void): Promise<void> => {
  await world.ledger.read(ACME, null, change);
};
const wallet = (organization: Organization) => {
  const found = walletNamed(organization, 'credits');
  if (found === undefined) throw new Error('no wallet');
  return found;
};

/** One way to falsify the books for each invariant that is checked. */
const falsified: readonly [string, (organization: Organization) => void][] = [
  ['INV-LOT-2', (organization) => (wallet(organization).settled = (20n * ONE_CREDIT) as never)],
  ['INV-LOT-1', (organization) => wallet(organization).live.forEach((lot) => (lot.consumed = ONE_CREDIT))],
  ['INV-LOT-2', (organization) => wallet(organization).live.pop()],
  ['INV-LED-1', (organization) => (wallet(organization).sequence = -5)],
  ['INV-HLD-3', (organization) => (wallet(organization).held = ONE_CREDIT)],
];

/** What freezes an organization is found, and its record is not stored. */
const unstored = async (world: LedgerWorld): Promise<void> => {
  const append = jest.spyOn(world.store, 'append').mockImplementationOnce(() => {
    throw new TypeError('a bug in an adapter');
  });
  await expect(world.time.until(world.run(grant('1')))).rejects.toThrow(LedgerUnavailable);
  append.mockRestore();
};

describe('a violated invariant', () => {
  test.each(falsified)(
    '%s: refuses its organization’s work, freezes it and says so; the others’ is stored',
    async (invariant, change) => {
      const world = await opened();
      const head = await world.store.head('ledger-0');
      await sabotage(world, change);
      const works = [
        world.run(grant('1')),
        world.run(grant('1'), { of: 'other' }),
        world.charge(used('1', '1', { organizationId: 'other' })),
      ];
      const [own, ...others] = await Promise.allSettled(works);
      expect(own).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringContaining('frozen') as string },
      });
      expect(others).toMatchObject([
        { status: 'fulfilled', value: { accepted: true } },
        { status: 'fulfilled', value: { outcomes: [{ outcome: 'charged' }] } },
      ]);
      expect(world.metrics.of(`invariant_violations_total{invariant=${invariant}}`)).toBe(1);
      const ofAcme = (await recorded(world.store)).filter(({ organizationId }) => organizationId === ACME);
      expect(ofAcme).toHaveLength(4);
      expect(ofAcme.at(-1)?.event).toMatchObject({ type: 'OrganizationFrozen', data: { invariant } });
      expect(await world.store.head('ledger-0')).toBe(head + 3);
    },
  );

  test('stays: commands are refused, usage is not taken, reads show the books as they are stored', async () => {
    const world = await opened();
    await sabotage(world, (organization) => wallet(organization).live.pop());
    await expect(world.run(grant('1'))).rejects.toThrow('frozen');
    await expect(world.run(hold('1'))).rejects.toMatchObject({ code: 'organization_frozen' });
    const { outcomes } = await world.charge(used('1'), used('2', '1', { organizationId: 'other' }));
    const refused = { outcome: 'refused', code: 'unavailable', detail: expect.stringContaining('frozen') as string };
    expect(outcomes).toMatchObject([refused, { outcome: 'charged' }]);
    expect(await world.available()).toBe('10');
    const shown = await world.ledger.read(ACME, null, organizationView);
    expect(shown?.value).toMatchObject({ status: 'suspended' });
  });

  test.each(['the log', 'a snapshot'])('stays, also after a restart from %s, and is recorded once', async (from) => {
    const world = await opened();
    await world.run(hold('3', later(START, { days: 1 })));
    await sabotage(world, (organization) => wallet(organization).live.pop());
    await expect(world.run(grant('1'))).rejects.toThrow('frozen');
    if (from === 'a snapshot') await world.ledger.stop();
    let restarted = await world.again();
    for (let restart = 0; restart < 2; restart++) {
      await expect(restarted.run(grant('1'))).rejects.toThrow('frozen');
      const { outcomes } = await restarted.charge(used('1'), used('2', '1', { organizationId: 'other' }));
      expect(outcomes).toMatchObject([{ outcome: 'refused', code: 'unavailable' }, { outcome: expect.stringMatching(/charged|duplicate/) as string }]); // prettier-ignore
      restarted.clock.moveTo(later(START, { days: 2 }));
      await restarted.ledger.settleClock('');
      restarted = await restarted.again();
    }
    const ofAcme = (await recorded(world.store)).filter(({ organizationId }) => organizationId === ACME);
    expect(ofAcme.map(({ event }) => event.type).slice(-2)).toEqual(['HoldAuthorized', 'OrganizationFrozen']);
    expect(await restarted.run(grant('1'), { of: 'other' })).toMatchObject({ accepted: true });
  });

  test('stays where its record could not be stored at first', async () => {
    const world = await opened();
    await sabotage(world, (organization) => wallet(organization).live.pop());
    await unstored(world);
    await expect(world.time.until(world.run(grant('1')))).rejects.toThrow('frozen');
    const restarted = await world.again();
    await expect(restarted.run(grant('1'))).rejects.toThrow('frozen');
  });

  test('is recorded also where what was loaded does not add up, and the others go on', async () => {
    const world = await opened();
    await sabotage(world, (organization) => wallet(organization).live.pop());
    await world.ledger.stop(); // leaves a snapshot of what was falsified
    const restarted = await world.again();
    await expect(restarted.run(grant('1'))).rejects.toThrow('frozen');
    expect(await restarted.run(grant('1'), { of: 'other' })).toMatchObject({ accepted: true });
    expect((await recorded(world.store)).map(({ event }) => event.type)).toContain('OrganizationFrozen');
  });

  test.each(['the log', 'a snapshot'])('is counted as long as it lasts, also after a restart from %s', async (from) => {
    const world = await opened();
    const frozen = (of: LedgerWorld): number => of.metrics.of('organizations_frozen{shard=0}');
    expect(world.metrics.keysOf('organizations_frozen')).toEqual(['organizations_frozen{shard=0}']);
    expect(frozen(world)).toBe(0);
    await sabotage(world, (organization) => wallet(organization).live.pop());
    await expect(world.run(grant('1'))).rejects.toThrow('frozen');
    expect(frozen(world)).toBe(1);
    await expect(world.run(grant('1'))).rejects.toThrow('frozen');
    expect(frozen(world)).toBe(1);
    if (from === 'a snapshot') await world.ledger.stop();
    const restarted = await world.again();
    await restarted.available();
    expect(frozen(restarted)).toBe(1);
    await restarted.ledger.read('other', null, (organization) => wallet(organization).live.pop());
    await expect(restarted.run(grant('1'), { of: 'other' })).rejects.toThrow('frozen');
    expect(frozen(restarted)).toBe(2);
    await restarted.ledger.stop();
    expect(restarted.metrics.keysOf('organizations_frozen')).toEqual(['organizations_frozen{shard=0}']);
    expect(frozen(restarted)).toBe(0);
  });

  test('is counted where its record could not be stored yet', async () => {
    const world = await opened();
    await sabotage(world, (organization) => wallet(organization).live.pop());
    await unstored(world);
    expect(world.metrics.of('organizations_frozen{shard=0}')).toBe(1);
  });

  test('charges are checked like bookings: in a batch with others', async () => {
    const world = await opened();
    await sabotage(world, (organization) => (wallet(organization).settled = ONE_CREDIT));
    const { outcomes } = await world.charge(used('1'), used('2', '1', { organizationId: 'other' }));
    expect(outcomes).toMatchObject([{ code: 'unavailable' }, { outcome: 'charged' }]);
  });
});

describe('what is due and cannot be settled', () => {
  test('freezes its organization instead of stopping the shard again and again', async () => {
    const world = await opened();
    await world.run(hold('3', later(START, { days: 1 })));
    await world.run(hold('3', later(START, { days: 1 })), { of: 'other' });
    await sabotage(world, ({ lots }) => lots.clear());
    world.clock.moveTo(later(START, { days: 2 }));
    await world.ledger.settleClock('');
    expect(world.metrics.of('shard_loads_total')).toBe(2);
    await world.ledger.settleClock('');
    expect(world.metrics.of('shard_loads_total')).toBe(2);
    expect(await world.available('other')).toBe('10');
    await expect(world.run(grant('1'))).rejects.toThrow('frozen');
  });
});

describe('a decision that throws', () => {
  const broken = async (): Promise<LedgerWorld> => {
    const world = await opened();
    const { catalogue } = world;
    const compiled = catalogue.rateCards.compiled('card');
    jest.spyOn(catalogue.rateCards, 'compiled').mockImplementation((key) => {
      if (key !== 'card') throw new TypeError('a bug');
      return compiled;
    });
    await catalogue.rateCards.create(
      { key: 'broken', name: 'b', unit: 'credit', organizationId: null },
      {
        actor: { type: 'key', id: 'k', role: null },
        requestId: 'r',
      },
    );
    await world.run({ type: 'AssignRateCard', rateCard: 'broken' });
    return world;
  };

  test('and has booked nothing is refused alone, however often it comes: the shard is not loaded again', async () => {
    const world = await opened();
    const loads = world.metrics.of('shard_loads_total');
    const nonsense = { type: 'Nonsense' } as unknown as OrganizationCommand;
    const tooLarge = { ...grant('1'), scope: { models: ['x'.repeat(APPEND_BYTES_MAX)] } } as OrganizationCommand;
    for (let round = 1; round <= 5; round++) {
      const works = [
        world.run(nonsense),
        world.run(grant('1')),
        world.run(tooLarge),
        world.charge(used(String(round))),
      ];
      const [own, after, large, usage] = await Promise.allSettled(works);
      expect(own).toMatchObject({ status: 'rejected', reason: expect.any(DecisionFailed) as unknown });
      expect(large).toMatchObject({ value: { accepted: false, refusal: { code: 'too_many_items' } } });
      expect([after, usage].map((settled) => settled?.status)).toEqual(['fulfilled', 'fulfilled']);
    }
    expect(world.metrics.of('decision_failures_total')).toBe(5);
    expect(world.metrics.of('shard_loads_total')).toBe(loads);
    expect(await world.available()).toBe('10');
    expect(stateHash(await world.state())).toBe(stateHash(await (await world.again()).state()));
  });

  test('on one of several usage events: those before it are booked, once', async () => {
    const world = await broken();
    const some = [used('1', '1', { organizationId: 'other' }), used('2'), used('3', '1', { organizationId: 'other' })];
    await expect(world.charge(...some)).rejects.toThrow('those that are stored are duplicates');
    expect(await world.available('other')).toBe('9');
    const { outcomes } = await world.charge(some[0] as UsageEvent, some[2] as UsageEvent);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['duplicate', 'charged']);
  });

  test('in a later turn than its list began: what the turns before stored is told with where it stands, the rest is not', async () => {
    const world = await opened();
    const [turns, bug] = [turnsOf(2), failingOn('4')];
    const list = ['1', '2', '3', '4', '5'].map((id) => used(id));
    const failed = await world.charge(...list).catch((error: unknown) => error);
    bug.mockRestore();
    expect(failed).toBeInstanceOf(DecisionFailed);
    const head = await world.store.head('ledger-0');
    expect(failed).toMatchObject({
      message: expect.stringContaining('those that are stored are duplicates') as string,
      before: {
        outcomes: [
          { outcome: 'charged', balanceAfter: 9n * ONE_CREDIT },
          { outcome: 'charged', balanceAfter: 8n * ONE_CREDIT },
        ],
        position: positionOf(0, head),
      },
    });
    expect((failed as DecisionFailed).before?.outcomes).toHaveLength(2);
    expect(await world.available()).toBe('8');
    const { outcomes } = await world.charge(...list);
    turns.mockRestore();
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['duplicate', 'duplicate', 'charged', 'charged', 'charged']);
    expect(await world.available()).toBe('5');
  });

  test('on a list for several shards: nothing is said of what the others stored', async () => {
    const world = await opened(2);
    const [own, other] = [world.ledger.shardOf(ACME), world.ledger.shardOf('other')];
    expect(own).not.toBe(other);
    const bug = failingOn('2');
    const list = [used('1', '1', { organizationId: 'other' }), used('2')];
    const failed = await world.charge(...list).catch((error: unknown) => error);
    bug.mockRestore();
    expect(failed).toBeInstanceOf(DecisionFailed);
    expect(failed).toMatchObject({ message: expect.not.stringContaining('nothing happened') as string, before: null });
    const { outcomes } = await world.charge(...list);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['duplicate', 'charged']);
  });

  test('in the turn in which its list began: nothing of it is stored, and nothing is told', async () => {
    const world = await opened();
    const bug = failingOn('2');
    const failed = await world.charge(used('1'), used('2')).catch((error: unknown) => error);
    bug.mockRestore();
    expect(failed).toMatchObject({ message: expect.stringContaining('nothing happened') as string, before: null });
    expect(await world.available()).toBe('10');
  });

  test('rejects its own work only; the others of the batch are stored', async () => {
    const world = await broken();
    const [before, own, after, usage] = await Promise.allSettled([
      world.run(grant('1'), { of: 'other' }),
      world.charge(used('1')),
      world.run(grant('2'), { of: 'other' }),
      world.charge(used('1', '1', { organizationId: 'other' })),
    ]);
    expect(own).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('nothing happened') as string },
    });
    expect([before, after, usage].map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(await world.available('other')).toBe('12');
    expect(world.metrics.of('decision_failures_total')).toBe(1);
    expect(await world.run(grant('1'))).toMatchObject({ accepted: true });
  });

  test('is too large for one append: it is refused, the others are stored', async () => {
    const world = await opened();
    jest.spyOn(MicroBatch.prototype, 'isTooLarge', 'get').mockImplementation(function (this: MicroBatch) {
      return this.drafts.some(({ type }) => type === 'HoldAuthorized');
    });
    const works = [world.run(grant('1')), world.run(hold('1')), world.charge(used('1')), world.run(hold('2'))];
    const results = await Promise.allSettled(works);
    jest.restoreAllMocks();
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(await world.available()).toBe('10');
  });

  test('every time it comes, and readers that wait meanwhile are answered', async () => {
    const world = await broken();
    const reads = [1, 2, 3].map(async () => {
      const read = world.available('other');
      await expect(world.charge(used('1'))).rejects.toThrow(LedgerUnavailable);
      return [await read, await world.available('other')];
    });
    expect(await Promise.all(reads)).toEqual([
      ['10', '10'],
      ['10', '10'],
      ['10', '10'],
    ]);
  });
});

test('a failure that nobody thought of rejects what was in flight, and the shard goes on', async () => {
  const world = await opened();
  const append = jest.spyOn(world.store, 'append').mockImplementationOnce(() => {
    throw new TypeError('a bug in an adapter');
  });
  const works = await Promise.allSettled([world.run(grant('1')), world.charge(used('1'))]);
  expect(works.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  append.mockRestore();
  expect(await world.time.until(world.run(grant('1')))).toMatchObject({ accepted: true });
});
