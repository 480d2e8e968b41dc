import type { LedgerEvent, Recorded } from '@drawdown/domain';
import { later, START } from '@drawdown/domain/testing';
import { NO_LOG } from '@drawdown/ports';
import { faultyEventStore, inMemoryEventStore, inMemorySnapshots, manualClock } from '@drawdown/ports/testing';
import fc from 'fast-check';
import { LocalLedger } from './local-ledger';
import { RecentEvents } from './recent-events';
import {
  ACME,
  CountedMetrics,
  grant,
  openLedger,
  recorded,
  SENDER,
  used,
  VirtualTime,
  withOrganization,
} from './testing';
import { act, activities } from './testing/activity';

/** A ledger that tells of what it stores. */
const telling = async (tell: (event: Recorded<LedgerEvent>) => void) => {
  const faults = faultyEventStore(inMemoryEventStore());
  const clock = manualClock(START);
  const before = await openLedger({ store: faults, clock });
  await withOrganization(before);
  const { catalogue } = before;
  const time = new VirtualTime();
  const ports = {
    store: faults,
    snapshots: inMemorySnapshots(),
    catalogue,
    clock,
    metrics: new CountedMetrics(),
    log: NO_LOG,
  };
  const ledger = new LocalLedger(1, { ...ports, sleep: time.sleep, stored: tell });
  await ledger.start();
  return { faults, clock, time, before, ledger };
};

test('who follows in this process is told of each event once, in order, as it would be read', async () => {
  await fc.assert(
    fc.asyncProperty(activities(20), async (operations) => {
      const told: Recorded<LedgerEvent>[] = [];
      const { ledger, before, faults } = await telling((event) => told.push(event));
      await act({ ...before, ledger, charge: (...usages) => ledger.charge(usages, SENDER) }, operations);
      const log = await recorded(faults);
      const own = told.map(({ revision }) => revision);
      expect(told).toEqual(log.filter(({ revision }) => own.includes(revision)));
    }),
    { numRuns: 20 },
  );
});

test('only once it is stored, and not of what was decided in vain', async () => {
  const told: number[] = [];
  const { ledger, before, faults, time } = await telling(({ revision }) => told.push(revision));
  const run = () => ledger.run(ACME, grant('1'), SENDER, null);
  const held = faults.holdNext();
  const running = run();
  await held.reached;
  expect(told).toEqual([]);
  await before.run(grant('1'));
  held.release();
  await running;
  faults.failNext('unavailable');
  await expect(run()).rejects.toThrow('unavailable');
  await time.until(run());
  expect(told).toEqual([4, 5]);
});

test('a follower that fails keeps nobody from an answer', async () => {
  const { ledger } = await telling(() => {
    throw new Error('a bug in a follower');
  });
  expect(await ledger.run(ACME, grant('1'), SENDER, null)).toMatchObject({ accepted: true });
  expect((await ledger.charge([used('a')], SENDER)).outcomes).toMatchObject([{ outcome: 'charged' }]);
});

test('recent events are kept up to a number of charges, the latest longest', () => {
  const recent = new RecentEvents();
  const event = (revision: number, charges: number): Recorded<LedgerEvent> => ({
    event: { type: 'UsageCharged', data: { charges: new Array(charges).fill(null) as never } },
    ...{ shard: 0, revision, bookedAt: later(START, {}), organizationId: null, actor: SENDER.actor },
  });
  for (let revision = 0; revision < 30; revision++) recent.add(event(revision, 5_000));
  expect(recent.get(0, 19)).toBeUndefined();
  for (let revision = 20; revision < 30; revision++) expect(recent.get(0, revision)?.revision).toBe(revision);
  expect(recent.get(1, 29)).toBeUndefined();
});
