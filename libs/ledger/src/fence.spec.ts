import type { EventStore } from '@drawdown/ports';
import { preset } from '@drawdown/domain/testing';
import { faultyEventStore, inMemoryEventStore } from '@drawdown/ports/testing';
import { ACME, delegating, grant, hold, type LedgerWorld, mustBeAccepted, openLedger, recorded } from './testing';
import { recordingStore, stateHash, used, withOrganization } from './testing';

/** Two processes that both believe they own the shard, on one store. */
const twoOwners = async (store: EventStore = inMemoryEventStore()): Promise<[LedgerWorld, LedgerWorld]> => {
  const first = await openLedger({ store });
  await withOrganization(first, { credits: '10' });
  return [first, await first.again()];
};

const isGranted = (result: { readonly accepted: boolean }): boolean => result.accepted;

describe('INV-LED-3, FLD-26: two owners of one shard', () => {
  test('the stale one conflicts, drops its state, reloads and decides again', async () => {
    const [first, second] = await twoOwners();
    expect(await first.run(hold('4'))).toMatchObject({ accepted: true });
    expect(await second.run(hold('6'))).toMatchObject({ accepted: true });
    expect(second.metrics.of('append_total{outcome=conflict}')).toBe(1);
    expect(second.metrics.of('shard_fenced_total')).toBe(1);
    expect(second.metrics.of('shard_loads_total')).toBe(2);
    expect(await first.run(hold('1'))).toMatchObject({ accepted: false, refusal: { code: 'out_of_credits' } });
    expect(await second.available()).toBe('0');
    const fresh = await first.again();
    expect(stateHash(await first.state())).toBe(stateHash(await fresh.state()));
  });

  test('FLD-25, INV-HLD-2: of two holds for the whole balance exactly one is granted, whoever is first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const owners = await twoOwners();
      const results = await Promise.all(order.map((at) => owners[at].run(hold('10'))));
      expect(results.filter(isGranted)).toHaveLength(1);
      expect(owners.map(({ metrics }) => metrics.of('shard_fenced_total')).sort()).toEqual([0, 1]);
      const refused = results.find((result) => !result.accepted);
      expect(refused).toMatchObject({ refusal: { code: 'out_of_credits' }, replayed: false });
      expect(await Promise.all(owners.map((owner) => owner.available()))).toContain('0');
    }
  });

  test('FLD-20, INV-HLD-2: 100 holds of 1 against 10, over two owners: exactly 10', async () => {
    const owners = await twoOwners();
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, i) => owners[i % 2 === 0 ? 0 : 1].run(hold('1'))),
    );
    expect(results.filter(isGranted)).toHaveLength(10);
    const log = await recorded(owners[0].store);
    expect(log.filter(({ event }) => event.type === 'HoldAuthorized')).toHaveLength(10);
  });

  test('FLT-23: the total is the sum of what was accepted, and every usage event is charged once', async () => {
    const owners = await twoOwners();
    const [first] = owners;
    const either = (i: number): LedgerWorld => owners[i % 2 === 0 ? 0 : 1];
    const grants = Array.from({ length: 20 }, (_, i) => either(i).run(grant('1')));
    const usages = Array.from({ length: 40 }, (_, i) => either(i).charge(used(`u${String(i >> 1)}`, '0.5')));
    const [granted, charged] = await Promise.all([Promise.all(grants), Promise.all(usages)]);
    expect(granted.every(isGranted)).toBe(true);
    const outcomes = charged.map((result) => result.outcomes[0]?.outcome);
    expect(new Set(outcomes)).toEqual(new Set(['charged', 'duplicate']));
    await mustBeAccepted(first.run(grant('1')));
    expect(await first.available()).toBe('21'); // 10 + 21 granted − 20 × 0.5
    const log = await recorded(first.store);
    const charges = log.flatMap(({ event }) => (event.type === 'UsageCharged' ? event.data.charges : []));
    expect(new Set(charges.map((charge) => charge.usage.id)).size).toBe(charges.length);
  });

  test('FLD-69: a first-ever organization, created and spent by both: it begins once, the whole is granted once', async () => {
    const first = await openLedger();
    const second = await first.again();
    const create = { type: 'CreateOrganization', name: 'Acme', preset: preset(), plan: null, testClock: null } as const;
    const sender = (requestId: string) => ({ actor: { type: 'key', id: 'k', role: null }, requestId }) as const;
    const made = await Promise.all(
      [first, second].map((owner, i) => owner.ledger.run(ACME, create, sender(`request ${String(i)}`), null)),
    );
    expect(made.filter(isGranted)).toHaveLength(1);
    expect(made.find((result) => !result.accepted)).toMatchObject({ refusal: { code: 'already_exists' } });
    await mustBeAccepted(first.run(grant('10')));
    const spent = await Promise.all([first.run(hold('10')), second.run(hold('10'))]);
    expect(spent.filter(isGranted)).toHaveLength(1);
  });

  test('the expected revision goes with every append: one that comes late finds the place taken', async () => {
    const store = faultyEventStore(inMemoryEventStore());
    const [first, second] = await twoOwners(store);
    const held = store.holdNext();
    const late = first.run(hold('10'));
    await held.reached;
    expect(await second.run(hold('10'))).toMatchObject({ accepted: true });
    held.release();
    expect(await late).toMatchObject({ accepted: false, refusal: { code: 'out_of_credits' } });
  });

  test('FLT-72: two settle runs at once book everything once', async () => {
    const store = recordingStore(inMemoryEventStore());
    const [first, second] = await twoOwners(store);
    await mustBeAccepted(first.run(hold('3', '2026-03-02T00:00:00.000000Z' as never)));
    await second.run(grant('1'));
    await first.run(grant('1'));
    first.clock.advance(2n * 86_400_000_000n);
    const conflicts = (): number[] =>
      [first, second].map(({ metrics }) => metrics.of('append_total{outcome=conflict}'));
    const before = conflicts();
    await Promise.all([first.ledger.settleClock(''), second.ledger.settleClock('')]);
    const lost = conflicts().map((count, i) => count - (before[i] ?? 0));
    expect(lost.sort()).toEqual([0, 1]);
    const log = await recorded(store);
    expect(log.filter(({ event }) => event.type === 'HoldExpired')).toHaveLength(1);
    expect(await first.available()).toBe('12');
    await second.run(grant('1'));
    expect(await second.available()).toBe('13');
  });
});

test('a store that ignores the expected revision is noticed by the hash chain', async () => {
  const inner = inMemoryEventStore();
  const store = {
    ...delegating(inner),
    append: async (...[stream, , events]: Parameters<EventStore['append']>) =>
      inner.append(stream, (await inner.head(stream)) + 1, events),
  };
  const [first, second] = await twoOwners(store);
  await first.run(grant('1'));
  await second.run(grant('1'));
  await expect(first.again()).rejects.toMatchObject({ code: 'log_damaged' });
});
