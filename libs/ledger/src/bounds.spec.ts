import type { AccessRefusal, OrganizationCommand, UsageEvent } from '@drawdown/domain';
import { later, policy, preset, START, UNITS, wallet } from '@drawdown/domain/testing';
import { credits, formatDecimal, NO_CREDITS, parseQuantity } from '@drawdown/kernel';
import { APPEND_BYTES_MAX } from '@drawdown/ports';
import { faultyEventStore, inMemoryEventStore } from '@drawdown/ports/testing';
import fc from 'fast-check';
import { DecisionFailed, LedgerUnavailable } from './ledger';
import {
  ACME,
  grant,
  hold,
  idIn,
  mustBeAccepted,
  openLedger,
  recorded,
  recordingStore,
  SENDER,
  used,
  withOrganization,
} from './testing';

const opened = async () => {
  const faults = faultyEventStore(inMemoryEventStore());
  const store = recordingStore(faults);
  const world = await openLedger({ store });
  await withOrganization(world, { credits: '1000000' });
  store.appends.length = 0;
  const largest = (): number => Math.max(...store.appends.map(({ bytes }) => bytes));
  return { ...world, store, faults, largest };
};

const sized = (length: number, sign = 'x'): string => sign.repeat(length);

/** Usage as large as the intake lets it be. */
const large = (id: string, sign: string): UsageEvent =>
  used(`${id}-${sized(120 - id.length)}`, '1', {
    source: sized(256, ':'),
    workspaceId: sized(128),
    userId: sized(128, 'u'),
    resourceId: sized(128, 'r'),
    model: sized(200, sign),
    taskId: sized(128, 't'),
    latencyMs: 123_456,
    quantities: Array.from(
      { length: 64 },
      (_, i) => [i === 0 ? UNITS : `q${String(i)}_${sized(50)}`, parseQuantity('123456789.123456789')] as never,
    ),
    dimensions: Object.fromEntries(
      Array.from({ length: 32 }, (_, i) => [`d${String(i)}_${sized(50)}`, sized(200, sign)]),
    ),
  });

describe('INV-LED-15: every append stays below the limit', () => {
  test('with thousands of ordinary usage events in one request, which is answered when all of them are stored', async () => {
    const { charge, store, largest, available } = await opened();
    const { outcomes } = await charge(...Array.from({ length: 20_000 }, (_, i) => used(`usage-${String(i)}`, '0.1')));
    expect(outcomes.filter(({ outcome }) => outcome === 'charged')).toHaveLength(20_000);
    expect(store.appends.length).toBeGreaterThan(3);
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(await available()).toBe('998000');
  });

  test.each(['x', '漢', '"', '\u0001', '😀'])('with events as large as they may be (%j)', async (sign) => {
    const { charge, largest, metrics } = await opened();
    await charge(...Array.from({ length: 150 }, (_, i) => large(String(i), sign)));
    await charge(
      ...Array.from({ length: 150 }, (_, i) => ({ ...large(`z${String(i)}`, sign), serviceType: 'unknown' })),
    );
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(largest()).toBeGreaterThan(APPEND_BYTES_MAX / 4);
    expect(metrics.of('append_total{outcome=failed}') + metrics.of('decision_failures_total')).toBe(0);
  });

  test.each(['"', '漢'])('with providers’ own usage objects of 64 Ki characters of %j', async (sign) => {
    const { charge, largest, metrics } = await opened();
    const raw = { provider: 'unknown', usage: JSON.stringify(sized(sign === '"' ? 32_000 : 65_000, sign)) };
    const mixed = Array.from({ length: 60 }, (_, i) => used(String(i), '1', i % 3 === 0 ? { raw } : {}));
    const { outcomes } = await charge(...mixed);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(
      mixed.map(({ raw: own }) => (own === null ? 'charged' : 'quarantined')),
    );
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(metrics.of('append_total{outcome=failed}')).toBe(0);
  });

  test('with organizations on clocks of their own taking turns, each with an event of its own', async () => {
    const { charge, catalogue, largest, metrics, ...world } = await opened();
    const made = await catalogue.testClocks.create(later(START, { days: 100 }), SENDER);
    if (!made.accepted) throw new Error('no clock');
    await withOrganization({ charge, catalogue, metrics, ...world }, { id: 'tested', testClock: made.value.id });
    const time = made.value.now;
    const usages = Array.from({ length: 4_000 }, (_, i) =>
      used(String(i), '0.01', i % 2 === 0 ? {} : { organizationId: 'tested', time }),
    );
    expect((await charge(...usages)).outcomes.every(({ outcome }) => outcome === 'charged')).toBe(true);
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(metrics.of('append_total{outcome=failed}')).toBe(0);
  });

  test('with 1,200 commands of long reasons and keys at once', async () => {
    const { ledger, largest } = await opened();
    const sender = { actor: { type: 'user', id: sized(128), role: 'owner' }, requestId: sized(128) } as const;
    const commands = Array.from({ length: 1_200 }, (_, i) =>
      ledger.run(ACME, grant('1', { reason: sized(200, '漢') }), sender, {
        key: `${String(i)}${sized(200)}`,
        hash: sized(64),
      }),
    );
    const results = await Promise.all(commands);
    expect(results.every(({ accepted }) => accepted)).toBe(true);
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
  });

  test('with wallets of many lots: holds, captures and charges over all of them, between other work', async () => {
    const { run, charge, largest, metrics, ...world } = await opened();
    await withOrganization({ run, charge, metrics, ...world }, { id: 'many', credits: '0' });
    await Promise.all(Array.from({ length: 2_600 }, () => run(grant('1'), { of: 'many' })));
    const between = (from: number) =>
      charge(...Array.from({ length: 4_900 }, (_, i) => used(`${String(from + i)}`, '0.1')));
    const [held] = await Promise.all([mustBeAccepted(run(hold('2000'), { of: 'many' })), between(0)]);
    const usage = {
      ...{ serviceType: null, workspaceId: null, userId: null },
      ...{ resourceType: null, resourceId: null, model: null, taskId: null },
    };
    const capture = {
      type: 'CaptureHold',
      holdId: idIn(held),
      amount: 2_500_000_000_000n as never,
      final: true,
      usage,
    } as const;
    const [, captured] = await Promise.all([between(5_000), run(capture, { of: 'many' }), between(10_000)]);
    expect(captured).toMatchObject({ accepted: true });
    expect((await charge(used('last', '100', { organizationId: 'many' }))).outcomes).toMatchObject([
      { outcome: 'charged' },
    ]);
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(metrics.of('append_total{outcome=failed}')).toBe(0);
  });

  test('with a hold over many lots that ends while the append is nearly full, before a command', async () => {
    const { run, charge, clock, largest, metrics, ...world } = await opened();
    await withOrganization({ run, charge, clock, metrics, ...world }, { id: 'many', credits: '0' });
    await Promise.all(Array.from({ length: 2_000 }, () => run(grant('1'), { of: 'many' })));
    const dimensions = { team: sized(2_000) };
    for (let day = 1, charges = 370; charges <= 440; day++, charges += 10) {
      await mustBeAccepted(run(hold('2000', later(START, { days: day })), { of: 'many' }));
      clock.moveTo(later(START, { days: day }));
      const usages = Array.from({ length: charges }, (_, i) =>
        used(`${String(day)}-${String(i)}`, '1', { dimensions }),
      );
      const [{ outcomes }, result] = await Promise.all([charge(...usages), run(grant('1'), { of: 'many' })]);
      expect([outcomes.length, result.accepted]).toEqual([charges, true]);
    }
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(metrics.of('append_total{outcome=failed}') + metrics.of('decision_failures_total')).toBe(0);
  });

  test.each([
    ['ends by time, while the append is nearly full', 330],
    ['ends by time', 0],
    ['is released', null],
  ])('with a hold over many lots that were voided meanwhile: it %s', async (_, charges) => {
    const { run, charge, clock, largest, metrics, time, ...world } = await opened();
    await withOrganization({ run, charge, clock, metrics, time, ...world }, { id: 'many', credits: '0' });
    const lots = await Promise.all(
      Array.from({ length: 2_000 }, () => mustBeAccepted(run(grant('1'), { of: 'many' }))),
    );
    const held = await mustBeAccepted(run(hold('2000', later(START, { days: 1 })), { of: 'many' }));
    const lotIds = lots.map(({ lot }) => (lot as { readonly id: string }).id);
    await Promise.all(
      lotIds.map((lotId) => mustBeAccepted(run({ type: 'VoidGrant', lotId, reason: 'test' }, { of: 'many' }))),
    );
    if (charges === null) {
      await mustBeAccepted(run({ type: 'ReleaseHold', holdId: idIn(held) }, { of: 'many' }));
    } else {
      clock.moveTo(later(START, { days: 1 }));
      const dimensions = { team: sized(2_000) };
      const usages = Array.from({ length: charges }, (__, i) => used(String(i), '1', { dimensions }));
      const [, result] = await Promise.all([charge(...usages), run(grant('1'), { of: 'many' })]);
      expect(result.accepted).toBe(true);
    }
    const left = await world.ledger.read('many', null, ({ wallets }) =>
      wallets.map(({ held: of, live }) => [of, live.length]),
    );
    expect(left?.value).toEqual([[0n, charges === null ? 0 : 1]]);
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(metrics.of('append_total{outcome=failed}') + metrics.of('decision_failures_total')).toBe(0);
  });

  test('with so many open holds that no append has room for their ends: the closing says so, and what it waits for', async () => {
    const { run, metrics, clock, store, ...world } = await opened();
    await Promise.all(Array.from({ length: 3_000 }, () => run(hold('1', later(START, { days: 1 })))));
    const close = { type: 'CloseOrganization', reason: 'test' } as const;
    const read = jest.spyOn(store, 'read');
    const refused = await run(close);
    expect(refused).toMatchObject({ accepted: false, refusal: { code: 'too_many_items' } });
    expect(metrics.of('append_total{outcome=failed}') + metrics.of('decision_failures_total')).toBe(0);
    expect(read).not.toHaveBeenCalled(); // the shard is not loaded again
    expect(await world.available()).toBe('997000');
    clock.moveTo(later(START, { days: 1 }));
    expect(await run(close)).toMatchObject({ accepted: true, answer: { status: 'closed' } });
  });

  test('with any mixture (property)', async () => {
    const item = fc.record({
      name: fc.nat(4_000),
      size: fc.nat(60),
      sign: fc.constantFrom('x', 'ü', '漢'),
      units: fc.integer({ min: 1, max: 99 }),
      known: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 200, maxLength: 1_500, size: 'max' }), async (items) => {
        const { charge, largest } = await opened();
        const usages = items.map(({ name, size, sign, units, known }) =>
          used(`u${String(name)}`, `0.${String(units)}`, {
            model: sized(size, sign),
            serviceType: known ? 'llm_call' : 'unknown',
            dimensions: size < 20 ? null : { team: sized(size * 8, sign) },
          }),
        );
        await charge(...usages);
        expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
      }),
      { numRuns: 8 },
    );
  });
});

describe('an organization of many lots', () => {
  const LOTS = 3_800;
  const withLots = async () => {
    const world = await opened();
    await withOrganization(world, { id: 'many', credits: '0' });
    const ends = { expiresAt: later(START, { days: 1 }) };
    await Promise.all(Array.from({ length: LOTS }, () => world.run(grant('1', ends), { of: 'many' })));
    return world;
  };

  test('takes no more appends than another for what does not touch them all', async () => {
    const { store, run, charge, largest } = await withLots();
    // Of less than 1 KiB each.
    expect(store.appends.length).toBeLessThan(20);
    store.appends.length = 0;
    const grants = Array.from({ length: 100 }, () => mustBeAccepted(run(grant('1'), { of: 'many' })));
    const usages = Array.from({ length: 100 }, (_, i) => used(String(i), '1', { organizationId: 'many' }));
    await Promise.all([...grants, ...usages.map((usage) => charge(usage))]);
    expect(store.appends.length).toBeLessThan(5);
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
  });

  test('has those that end at one instant booked in a few appends', async () => {
    const { store, run, clock, largest } = await withLots();
    store.appends.length = 0;
    clock.moveTo(later(START, { days: 1 }));
    await run(grant('1'), { of: 'many' });
    expect(store.appends.length).toBeLessThan(10);
    expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect((await recorded(store)).filter(({ event }) => event.type === 'LotExpired')).toHaveLength(LOTS);
  });
});

test('an organization has no more lots than one charge can be drawn from, and a hold takes from half of them', async () => {
  const { run, charge, largest, metrics, time, clock, ...world } = await opened();
  await withOrganization({ run, charge, metrics, time, clock, ...world }, { id: 'many', credits: '0' });
  const of = 'many';
  const granted = await Promise.all(Array.from({ length: 4_000 }, () => run(grant('1'), { of })));
  expect(granted.every(({ accepted }) => accepted)).toBe(true);
  const tooMany = { accepted: false, refusal: { code: 'too_many_items' } };
  expect(await run(grant('1'), { of })).toMatchObject(tooMany);
  const more = { type: 'AdjustBalance', wallet: 'credits', amount: credits(1n), reason: 'test' } as const;
  expect(await run(more, { of })).toMatchObject(tooMany);
  expect(await run(hold('2001'), { of })).toMatchObject(tooMany);
  const held = await mustBeAccepted(run(hold('2000'), { of }));
  const extend = { type: 'ExtendHold', holdId: idIn(held), expiresAt: later(START, { days: 2 }), amount: credits(1n) };
  expect(await run(extend as OrganizationCommand, { of })).toMatchObject(tooMany);
  await mustBeAccepted(run({ type: 'ReleaseHold', holdId: idIn(held) }, { of }));
  expect((await charge(used('all', '4000', { organizationId: of }))).outcomes).toMatchObject([{ outcome: 'charged' }]);
  expect(await run(grant('1'), { of })).toMatchObject({ accepted: true });
  expect(largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
  expect(metrics.of('append_total{outcome=failed}') + metrics.of('decision_failures_total')).toBe(0);
});

test('an organization that may have no further lot can still have its debt paid', async () => {
  const world = await opened();
  const of = 'many';
  await withOrganization(world, { id: of, credits: '0' });
  const mail = { scope: { service_types: ['email'] } };
  await Promise.all(Array.from({ length: 4_000 }, () => mustBeAccepted(world.run(grant('1', mail), { of }))));
  await world.charge(used('owed', '10', { organizationId: of, serviceType: 'compute' }));
  expect(await world.run(grant('10.5'), { of })).toMatchObject({
    accepted: false,
    refusal: { code: 'too_many_items' },
  });
  await mustBeAccepted(world.run(grant('9'), { of }));
  const rest = { type: 'AdjustBalance', wallet: 'credits', amount: credits(1_000_000_000n), reason: 'test' } as const;
  await mustBeAccepted(world.run(rest, { of }));
  expect(await world.run(rest, { of })).toMatchObject({ accepted: false, refusal: { code: 'too_many_items' } });
});

describe('what lots alone do not tell the size of', () => {
  /** As long as the amounts of so many lots can be. */
  const LONG = 170_000_000_000_000_123_456_789n;
  const lotsOf = async (lots: number, each: bigint) => {
    const world = await opened();
    const wallets = [wallet({ policy: policy({ onClose: 'forfeit' }) })];
    await withOrganization(world, { id: 'many', credits: '0', policy: preset({ wallets }) });
    const all = Array.from({ length: lots }, () =>
      mustBeAccepted(world.run(grant(formatDecimal(each)), { of: 'many' })),
    );
    await Promise.all(all);
    return world;
  };
  const chargedOverAll = async (lots: number, each = 1_000_000_000n) => {
    const world = await lotsOf(lots, each);
    const all = formatDecimal(each * BigInt(lots));
    const { outcomes } = await world.charge(used('all', all, { organizationId: 'many' }));
    const [outcome] = outcomes;
    if (outcome?.outcome !== 'charged') throw new Error('it was not charged');
    const { transactionId } = outcome;
    const refund: OrganizationCommand = {
      ...{ type: 'RefundCharge', transactionId, charge: null, amount: null, reason: 'test' },
    };
    return { ...world, refund: () => world.run(refund, { of: 'many' }) };
  };
  const usages = (count: number) =>
    Array.from({ length: count }, (_, i) => used(String(i), '1', { dimensions: { team: sized(2_000) } }));
  const failures = ({ metrics }: Pick<Awaited<ReturnType<typeof opened>>, 'metrics'>): number =>
    metrics.of('append_total{outcome=failed}') + metrics.of('decision_failures_total');

  test('a refund to spent lots waits for the next append where this one is nearly full', async () => {
    const world = await chargedOverAll(4_000);
    const [{ outcomes }, refunded] = await Promise.all([world.charge(...usages(300)), world.refund()]);
    expect([outcomes.length, refunded.accepted]).toEqual([300, true]);
    expect(world.largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(failures(world)).toBe(0);
  });

  test('at the limits of lots, however long their amounts are, a charge is refunded whole, a hold captured, and a closing forfeits the rest', async () => {
    const world = await chargedOverAll(4_000, LONG);
    expect(await world.refund()).toMatchObject({
      accepted: true,
      answer: { credits: formatDecimal(LONG * 4_000n) },
    });
    const of = 'many';
    const half = formatDecimal(LONG * 2_000n);
    const holdId = idIn(await mustBeAccepted(world.run(hold(half), { of })));
    const usage = { ...{ serviceType: null, workspaceId: null, userId: null, resourceType: null }, resourceId: null };
    const captured = {
      ...{ type: 'CaptureHold', holdId, final: true },
      usage: { ...usage, model: null, taskId: null },
    };
    await mustBeAccepted(world.run({ ...captured, amount: credits(LONG * 2_000n) } as OrganizationCommand, { of }));
    await Promise.all(
      Array.from({ length: 2_000 }, () => mustBeAccepted(world.run(grant('123456789012.123456789'), { of }))),
    );
    await mustBeAccepted(world.run({ type: 'CloseOrganization', reason: 'test' }, { of }));
    expect(world.largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(failures(world)).toBe(0);
  });

  test('a closing with holds that all take from the same lots', async () => {
    const world = await opened();
    const [LOTS, HOLDS] = [100, 50];
    const end = later(START, { days: 1 });
    const of = 'many';
    await withOrganization(world, { id: of, credits: '0' });
    await Promise.all(Array.from({ length: LOTS }, () => world.run(grant(String(HOLDS)), { of })));
    const all = Array.from({ length: LOTS * HOLDS }, () => mustBeAccepted(world.run(hold('1', end), { of })));
    const ids = (await Promise.all(all)).map(idIn);
    for (let wide = 0; wide < HOLDS; wide++) {
      // One of each lot.
      const free = ids.filter((_, i) => i % HOLDS === wide);
      await Promise.all(free.map((holdId) => mustBeAccepted(world.run({ type: 'ReleaseHold', holdId }, { of }))));
      await mustBeAccepted(world.run(hold(String(LOTS), end), { of }));
    }
    const charged = world.charge(...usages(300));
    const close = world.run({ type: 'CloseOrganization', reason: 'test' }, { of });
    const [{ outcomes }, closed] = await Promise.all([charged, close]);
    expect([outcomes.length, closed.accepted]).toEqual([300, true]);
    expect(world.largest()).toBeLessThanOrEqual(APPEND_BYTES_MAX);
    expect(failures(world)).toBe(0);
  });
});

describe('a huge request', () => {
  test('is split between decisions; nobody is answered before its last part is stored', async () => {
    const { charge, faults, time } = await opened();
    let answered = false;
    const held = Array.from({ length: 3 }, () => faults.holdNext());
    const charged = charge(...Array.from({ length: 12_000 }, (_, i) => used(String(i), '0.1'))).then(
      () => (answered = true),
    );
    for (const append of held) {
      await append.reached;
      await time.pass(10);
      expect(answered).toBe(false);
      append.release();
    }
    await charged;
  });

  test('that fails half-way is answered "unavailable"; sent again it is charged once', async () => {
    const { charge, faults, time, ...world } = await opened();
    const usages = Array.from({ length: 12_000 }, (_, i) => used(String(i), '0.1'));
    const first = faults.holdNext();
    faults.failNext('unavailable');
    const charged = charge(...usages);
    await first.reached;
    first.release();
    await expect(charged).rejects.toThrow(LedgerUnavailable);
    const { outcomes } = await time.until(charge(...usages));
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['duplicate', 'charged']));
    expect(await world.available()).toBe('998800');
  });

  test('whose second part meets another writer is decided again from there on', async () => {
    const { charge, faults, time, ...world } = await opened();
    const other = await openLedger({ store: faults, clock: world.clock });
    const first = faults.holdNext();
    const second = faults.holdNext();
    const charged = charge(...Array.from({ length: 12_000 }, (_, i) => used(String(i), '0.1')));
    first.release();
    await second.reached;
    const doubled = await other.charge(used('7000', '0.1'), used('1', '0.1'));
    expect(doubled.outcomes.map(({ outcome }) => outcome)).toEqual(['charged', 'duplicate']);
    second.release();
    const { outcomes } = await time.until(charged);
    expect(outcomes.filter(({ outcome }) => outcome === 'charged')).toHaveLength(11_999);
    expect(await world.available()).toBe('998800');
  });
});

test('what waits is bounded: more is refused at once, and what was taken is stored', async () => {
  const { run, charge, faults, metrics } = await opened();
  const held = faults.holdNext();
  const first = run(grant('1'));
  await held.reached;
  const many = Array.from({ length: 100_001 }, (_, i) => used(String(i % 10), '1', { organizationId: 'nobody' }));
  const taken = [run(grant('1')), charge(...many)];
  await expect(charge(used('too much'))).rejects.toThrow(LedgerUnavailable);
  await expect(run(grant('1'))).rejects.toThrow('too much is waiting');
  expect(metrics.of('ledger_overloaded_total')).toBe(2);
  held.release();
  expect(await Promise.all([first, ...taken])).toMatchObject([
    { accepted: true },
    { accepted: true },
    { outcomes: {} },
  ]);
  expect(await run(grant('1'))).toMatchObject({ accepted: true });
});

test('INV-AMT-3, INV-DEL-7: what nobody could read again is not stored: its caller is told so, the others are served', async () => {
  const { run, store, metrics } = await opened();
  const refusal: AccessRefusal = {
    asked: { serviceType: 'compute', model: null, workspaceId: null, userId: null, estimate: null },
    ...{ code: 'out_of_credits', wallet: 'credits', available: NO_CREDITS, nextSteps: [] },
    required: credits(1_800_000_000_000_000_000_000_000_000n), // 1.8·10¹⁸ credits
    ...{ rateCard: null, rateCardVersion: null, asOf: { position: '0.0', time: START } },
  };
  const [unreadable, other] = await Promise.allSettled([
    run({ type: 'RecordAccessRefusal', refusal }),
    run(grant('1')),
  ]);
  expect(unreadable).toMatchObject({ status: 'rejected', reason: expect.any(DecisionFailed) as DecisionFailed });
  expect(other).toMatchObject({ status: 'fulfilled', value: { accepted: true } });
  expect(metrics.of('decision_failures_total')).toBe(1);
  expect((await recorded(store)).map(({ event }) => event.type)).not.toContain('AccessRefused');
});
