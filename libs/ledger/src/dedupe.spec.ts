import { canonicalContent, isRejection, parseUsageEvent, type UsageEvent } from '@drawdown/domain';
import { later, policy, preset, START, wallet } from '@drawdown/domain/testing';
import { identityOf, organizationNamespace } from '@drawdown/kernel';
import { createHash } from 'node:crypto';
import { PastDecisions } from './past-decisions';
import { ACME, type LedgerWorld, openLedger, recorded, SENDER, used, withOrganization } from './testing';

const opened = async (): Promise<LedgerWorld> => {
  const world = await openLedger();
  await withOrganization(world, { credits: '100' });
  return world;
};
const outcomesOf = async (world: LedgerWorld, ...usages: UsageEvent[]): Promise<string[]> =>
  (await world.charge(...usages)).outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.outcome));
const chargesIn = async (world: LedgerWorld): Promise<number> =>
  (await recorded(world.store)).flatMap(({ event }) => (event.type === 'UsageCharged' ? event.data.charges : []))
    .length;
const contentHash = (usage: UsageEvent): string => createHash('sha256').update(canonicalContent(usage)).digest('hex');

describe('INV-INT-1: one charge per identity', () => {
  test('BAD-021: 1,000 times in one request, and 1,000 requests in one batch', async () => {
    const world = await opened();
    const inOne = await world.charge(...Array.from({ length: 1_000 }, () => used('a')));
    const inMany = (await Promise.all(Array.from({ length: 1_000 }, () => world.charge(used('b'))))).map(
      ({ outcomes }) => outcomes[0],
    );
    for (const outcomes of [inOne.outcomes, inMany]) {
      expect(outcomes.filter((outcome) => outcome?.outcome === 'charged')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome?.outcome === 'duplicate')).toHaveLength(999);
      const ids = outcomes.map((outcome) => (outcome && 'transactionId' in outcome ? outcome.transactionId : null));
      expect(new Set(ids).size).toBe(1);
    }
    expect(await world.available()).toBe('98');
  });

  test('FLD-65, INV-INT-9: 1,000 events, one repeated: 999 charged, 1 duplicate', async () => {
    const world = await opened();
    const usages = Array.from({ length: 1_000 }, (_, i) => used(`u${String(i % 999)}`, '0.01'));
    const outcomes = await outcomesOf(world, ...usages);
    expect(outcomes.filter((outcome) => outcome === 'charged')).toHaveLength(999);
    expect(outcomes[999]).toBe('duplicate');
  });

  test.each(['snapshot', 'no snapshot'])('BAD-024: across batches, and after a restart with %s', async (which) => {
    const world = await opened();
    expect(await outcomesOf(world, used('a'))).toEqual(['charged']);
    const [again] = (await world.charge(used('a'))).outcomes;
    await world.ledger.stop();
    const { store, clock } = world;
    const restarted = await openLedger(which === 'snapshot' ? { ...world } : { store, clock });
    const [after] = (await restarted.charge(used('a'))).outcomes;
    const said = { outcome: 'duplicate', wallet: 'credits', debited: 1_000_000_000n, balanceAfter: 99_000_000_000n };
    expect([again, after]).toMatchObject([said, said]);
    expect(await chargesIn(restarted)).toBe(1);
  });

  test('an identity is organization, source and id: any other of them is another event', async () => {
    const world = await opened();
    await withOrganization(world, { id: 'other' });
    const variants = [
      used('a'),
      used('b'),
      used('a', '1', { source: 'x' }),
      used('a', '1', { organizationId: 'other' }),
    ];
    expect(await outcomesOf(world, ...variants, ...variants)).toEqual([
      ...Array.from({ length: 4 }, () => 'charged'),
      ...Array.from({ length: 4 }, () => 'duplicate'),
    ]);
  });

  test('the index only suspects: where another identity has the same 64 bits, the event at the place decides', async () => {
    const world = await opened();
    await world.charge(used('a'));
    const head = await world.store.head('ledger-0');
    const { identities } = await world.state();
    const suspected = identityOf(organizationNamespace(ACME), 'tests', 'b');
    identities.insert(suspected, { revision: head, index: 0 }, START, false);
    identities.insert(suspected, { revision: 0, index: 0 }, START, false);
    identities.insert(suspected, { revision: head, index: 99 }, START, false);
    expect(await outcomesOf(world, used('b'), used('b'), used('a'))).toEqual(['charged', 'duplicate', 'duplicate']);
  });

  test('FLD-62: an event is read from the log once for all the duplicates that come after each other', async () => {
    const world = await opened();
    await world.charge(...Array.from({ length: 20 }, (_, i) => used(`u${String(i)}`)));
    const read = jest.spyOn(world.store, 'read');
    for (let i = 0; i < 20; i++) expect(await outcomesOf(world, used(`u${String(i)}`))).toEqual(['duplicate']);
    expect(read).toHaveBeenCalledTimes(1);
    read.mockRestore();
  });

  test('duplicates from all over a long log are found without holding much of it in memory', async () => {
    const world = await opened();
    for (let i = 0; i < 200; i++) await world.charge(used(`u${String(i)}`, '0.1'));
    const all = Array.from({ length: 200 }, (_, i) => used(`u${String((i * 37) % 200)}`, '0.1'));
    const fetch = jest.spyOn(PastDecisions.prototype, 'fetch');
    const outcomes = await outcomesOf(world, ...all, used('new'));
    expect(Math.max(...fetch.mock.calls.map(([revisions]) => revisions.size))).toBeLessThanOrEqual(32);
    fetch.mockRestore();
    expect(outcomes.slice(0, 200).every((outcome) => outcome === 'duplicate')).toBe(true);
    expect(outcomes[200]).toBe('charged');
  });
});

describe('INV-INT-2: a known identity with other content', () => {
  test('BAD-022: is recorded with both hashes, every time; the first result stays as it was', async () => {
    const world = await opened();
    const [first, other] = [used('a', '1'), used('a', '2')];
    const before = await world.charge(first);
    expect(await outcomesOf(world, other)).toEqual(['conflict']);
    const transactionId = before.outcomes.map((outcome) => 'transactionId' in outcome && outcome.transactionId)[0];
    const log = await recorded(world.store);
    expect(log.at(-1)).toMatchObject({
      organizationId: ACME,
      event: {
        type: 'UsageConflicted',
        data: { source: 'tests', id: 'a', firstHash: contentHash(first), otherHash: contentHash(other), transactionId },
      },
    });
    expect(await outcomesOf(world, first, other)).toEqual(['duplicate', 'conflict']);
    expect(await world.available()).toBe('99');
  });

  test('is a conflict in the same batch, and of what was quarantined or refused, too', async () => {
    const world = await openLedger();
    await withOrganization(world, {
      credits: '1',
      policy: preset({ wallets: [wallet({ policy: policy({ onShortfall: 'refuse' }) })] }),
    });
    expect(await outcomesOf(world, used('a', '1'), used('a', '2'))).toEqual(['charged', 'conflict']);
    const unpriced = used('q', '1', { serviceType: 'unknown' });
    const [quarantine, refused] = [await outcomesOf(world, unpriced), await outcomesOf(world, used('r', '5'))];
    expect([quarantine, refused]).toEqual([['no_rate'], ['out_of_credits']]);
    expect(await outcomesOf(world, unpriced, used('r', '5'))).toEqual(['no_rate', 'out_of_credits']);
    expect(await outcomesOf(world, used('q', '1'), used('r', '6'))).toEqual(['conflict', 'conflict']);
    const log = await recorded(world.store);
    expect(log.filter(({ event }) => event.type === 'UsageQuarantined' || event.type === 'UsageRefused')).toHaveLength(
      2,
    );
  });

  test('BAD-023: the same content written differently is the same', async () => {
    const world = await opened();
    const event = (data: object, time: string, extra: object = {}): UsageEvent => {
      const head = { specversion: '1.0', id: 'a', source: 'tests', type: 'drawdown.usage.v1', subject: ACME };
      const parsed = parseUsageEvent(JSON.parse(JSON.stringify({ ...extra, data, ...head, time })));
      if (isRejection(parsed)) throw new Error(JSON.stringify(parsed));
      return parsed;
    };
    const quantities = { units: '1', calls: '2' };
    const service = { service_type: 'llm_call', dimensions: { a: 'x', b: 'y' } };
    const written = [
      event({ ...service, quantities }, '2026-03-01T00:00:00Z'),
      event({ quantities: { calls: '2.0', units: '1.000' }, ...service }, '2026-03-01T00:00:00.000000Z'),
      event({ dimensions: { b: 'y', a: 'x' }, quantities, service_type: 'llm_call' }, '2026-03-01T01:00:00.000+01:00'),
      event({ ...service, quantities }, '2026-03-01T00:00:00Z', { traceparent: 'x' }),
    ];
    const [first, ...rest] = await outcomesOf(world, ...written);
    expect(rest).toEqual(['duplicate', 'duplicate', 'duplicate']);
    expect(first).toBe('charged');
    const other = event({ ...service, quantities: { ...quantities, calls: '3' } }, '2026-03-01T00:00:00Z');
    expect(await outcomesOf(world, other)).toEqual(['conflict']);
  });
});

describe('BAD-024, INV-INT-3: how long an identity is known', () => {
  const at = (days: number) => later(START, { days });

  test('31 and 36 days later it is a duplicate, 41 days later too old', async () => {
    const world = await opened();
    expect(await outcomesOf(world, used('a'))).toEqual(['charged']);
    for (const [days, expected] of [
      [31, 'duplicate'],
      [36, 'duplicate'],
      [39.999, 'duplicate'],
      [41, 'event_too_old'],
    ] as const) {
      world.clock.moveTo(at(days));
      await world.charge(used(`other ${String(days)}`, '1', { time: at(days) }));
      expect(await outcomesOf(world, used('a'))).toEqual([expected]);
    }
    expect(await chargesIn(world)).toBe(5);
  });

  test('INV-TIM-5: to the microsecond: it is a duplicate until 40 days after its booking, and no longer', async () => {
    const world = await opened();
    expect(await outcomesOf(world, used('a'))).toEqual(['charged']);
    world.clock.moveTo(later(at(40), { micros: -1 }));
    expect(await outcomesOf(world, used('a'))).toEqual(['duplicate']);
    world.clock.moveTo(at(40));
    expect(await outcomesOf(world, used('a'))).toEqual(['event_too_old']);
  });

  test('on a test clock, too, wherever the machine’s clock is', async () => {
    const world = await opened();
    const made = await world.catalogue.testClocks.create(START, SENDER);
    if (!made.accepted) throw new Error('no clock');
    await withOrganization(world, { id: 'tested', testClock: made.value.id });
    const usage = used('a', '1', { organizationId: 'tested' });
    expect(await outcomesOf(world, usage)).toEqual(['charged']);
    for (const [days, expected] of [
      [31, 'duplicate'],
      [36, 'duplicate'],
      [41, 'event_too_old'],
    ] as const) {
      await world.catalogue.testClocks.advance(made.value.id, at(days), SENDER);
      world.clock.moveTo(at(10 * days));
      await world.charge(used(`other ${String(days)}`, '1', { time: at(10 * days) }));
      expect(await outcomesOf(world, usage)).toEqual([expected]);
    }
    const restarted = await world.again();
    expect(await outcomesOf(restarted, usage)).toEqual(['event_too_old']);
    expect((await restarted.charge(usage)).outcomes).toMatchObject([{ duplicate: true }]);
  });

  test('whatever is still accepted is still known: an event from the future, sent again at the end of its age', async () => {
    const world = await opened();
    const ahead = used('a', '1', { time: later(START, { minutes: 5 }) });
    expect(await outcomesOf(world, ahead)).toEqual(['charged']);
    world.clock.moveTo(later(START, { days: 35, minutes: 5 }));
    await world.charge(used('other', '1', { time: later(START, { days: 30 }) }));
    expect(await outcomesOf(world, ahead)).toEqual(['duplicate']);
  });
});

test('INV-TIM-1: nothing is booked before a conflict that was, though the clock was set back and the log is read anew', async () => {
  const world = await opened();
  await outcomesOf(world, used('a'));
  const late = later(START, { days: 9 });
  world.clock.moveTo(late);
  expect(await outcomesOf(world, used('a', '2'))).toEqual(['conflict']);
  await world.ledger.stop();
  const { store, clock } = world;
  clock.moveTo(later(START, { days: 1 }));
  const restarted = await openLedger({ store, clock });
  expect(await outcomesOf(restarted, used('b'))).toEqual(['charged']);
  expect((await recorded(store)).at(-1)?.bookedAt).toBe(late);
});
