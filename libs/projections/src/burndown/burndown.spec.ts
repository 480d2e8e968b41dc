import { openTestDatabase } from '@drawdown/adapters/testing';
import { evolve, settleNext, walletBalances, walletNamed } from '@drawdown/domain';
import {
  authorizeHold,
  closeOrganization,
  granted,
  instant,
  later,
  releaseHold,
  replay,
  START,
  TestLedger,
  used,
  voidGrant,
} from '@drawdown/domain/testing';
import { formatDecimal, type Instant, shift, storedCredits } from '@drawdown/kernel';
import { CheckpointProgress } from '@drawdown/delivery';
import { type EventStore, NO_LOG, NO_METRICS, type ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { projectors } from '../projectors';
import { AnswerTooLarge, type BalancePoint, type Reading, ReadModelBehind } from '../read-models';
import { readModels } from '../read-models-of';
import { endOfDay } from './projector';
import {
  assertBooks,
  type Draft,
  emptyDatabase,
  happenings,
  inTime,
  type Projected,
  projected,
  stopAll,
  TestLog,
  TestWorld,
} from '../testing';

let database: ReadDatabase;
let store: EventStore;
let log: TestLog;
let read: Projected;

/** What the answers here are made of, and what they are compared with. */
const ASKED = projectors.filter(({ name }) => ['balances', 'balance_days', 'burn_rate', 'transactions'].includes(name));

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await stopAll();
  await database.close();
});
beforeEach(async () => {
  await emptyDatabase(database);
  store = inMemoryEventStore();
  log = new TestLog(store);
  read = await projected(store, database, { projectors: ASKED });
});
afterEach(() => read.runner.stop());

const show = async (drafts: readonly Draft[]): Promise<void> => {
  await log.write(drafts);
  await read.level();
};
const draftsOf = ({ log: facts, organization }: TestLedger): Draft[] =>
  facts.map((fact) =>
    fact.kind === 'charge'
      ? { charge: fact.charge, at: fact.at }
      : { event: fact.event, organizationId: organization.id, at: fact.at },
  );
const line = (points: readonly BalancePoint[] | undefined): string[] | undefined =>
  points?.map(({ time, balance }) => `${time.slice(5, 16)} ${balance}`);
const NOW = later(START, { days: 3, hours: 6 });
const READING: Reading = { organizationId: 'org_0', now: NOW };

/** 10 credits on 1 March, of which 2 are used that day and 3 on the 3rd. */
const spent = (): TestLedger => {
  const ledger = new TestLedger({ id: 'org_0' });
  granted('lot', '10')(ledger);
  ledger.advance(later(START, { hours: 5 }));
  used('2', { organizationId: 'org_0', time: START })(ledger);
  ledger.advance(later(START, { days: 2, hours: 5 }));
  used('3', { organizationId: 'org_0', time: START })(ledger);
  return ledger;
};

test('has the balance of each midnight, as it was booked, and of now', async () => {
  await show(draftsOf(spent()));
  const all = await read.models.burndown(READING, { wallet: 'credits', period: 'all' });
  // What is booked at a midnight is in its balance; used on 1 March by the event, but booked on the 3rd.
  expect(line(all?.value.data)).toEqual(['02-28T00:00 0', '03-01T00:00 10', '03-02T00:00 8', '03-03T00:00 8', '03-04T00:00 5', '03-04T06:00 5']); // prettier-ignore
  const week = await read.models.burndown(READING, { wallet: 'credits', period: '7d' });
  expect(line(week?.value.data)).toEqual(['02-25T00:00 0', '02-26T00:00 0', '02-27T00:00 0', ...(line(all?.value.data) ?? [])]); // prettier-ignore
  const month = await read.models.burndown({ ...READING, now: later(NOW, { days: 40 }) }, { wallet: 'credits' });
  expect(line(month?.value.data)).toHaveLength(32);
  expect(month?.value.data[0]).toEqual({ time: instant('2026-03-14'), balance: '5' });
  expect(month?.value.projection).toEqual([]);
  expect(await read.models.burndown(READING, { wallet: 'none' })).toBeUndefined();
  expect(await read.models.burndown({ ...READING, organizationId: 'org_9' }, { wallet: 'credits' })).toBeUndefined();
});

test('at a midnight, now is that midnight; of nothing there is now', async () => {
  await show(draftsOf(spent()));
  const now = instant('2026-03-03');
  const all = await read.models.burndown({ ...READING, now }, { wallet: 'credits', period: '7d' });
  expect(all?.value.data.map(({ time }) => time).slice(-2)).toEqual([instant('2026-03-02'), now]);
  await show(draftsOf(new TestLedger({ id: 'org_1' })));
  const none = await read.models.burndown(
    { ...READING, organizationId: 'org_1' },
    { wallet: 'credits', period: 'all' },
  );
  expect(none?.value).toEqual({ data: [{ time: NOW, balance: '0' }], projection: [] });
});

test('goes on at the burn rate, to when that says that nothing is left', async () => {
  await show(draftsOf(spent()));
  const { value: burn } = (await read.models.burnRate(READING, { wallet: 'credits' })) ?? {};
  const { value: burndown } = (await read.models.burndown(READING, { wallet: 'credits' })) ?? {};
  expect(burn?.credits_per_day).toBe('1.25');
  expect(burndown?.projection[0]).toEqual(burndown?.data.at(-1));
  expect(burndown?.projection.at(-1)).toEqual({ time: burn?.projected_depletion_at, balance: '0' });
});

test('INV-TIM-3: a lot is out of the balance from when it ended, whenever that was booked, and if it never was', async () => {
  const ledger = new TestLedger({ id: 'org_0' });
  granted('ending', '10', { expiresAt: instant('2026-03-02') })(ledger);
  granted('staying', '5')(ledger);
  const unbooked = draftsOf(ledger);
  await show(unbooked);
  const expected = ['02-28T00:00 0', '03-01T00:00 15', '03-02T00:00 5', '03-03T00:00 5', '03-04T00:00 5', '03-04T06:00 5']; // prettier-ignore
  const seen = async () =>
    line((await read.models.burndown(READING, { wallet: 'credits', period: 'all' }))?.value.data);
  expect(await seen()).toEqual(expected);
  ledger.advance(NOW);
  await show(draftsOf(ledger).slice(unbooked.length));
  expect(await seen()).toEqual(expected);
});

test('INV-LOT-4, INV-TIM-6: what was voided while it was held is out of the balance from when its hold ended, whenever that was booked', async () => {
  const ledger = new TestLedger({ id: 'org_0' });
  granted('gone', '10')(ledger);
  authorizeHold('h', '4', { expiresAt: later(START, { days: 1, hours: 12 }) })(ledger);
  voidGrant('gone')(ledger);
  ledger.advance(NOW);
  await show(draftsOf(ledger));
  const all = await read.models.burndown(READING, { wallet: 'credits', period: 'all' });
  expect(line(all?.value.data)).toEqual(['02-28T00:00 0', '03-01T00:00 4', '03-02T00:00 4', '03-03T00:00 0', '03-04T00:00 0', '03-04T06:00 0']); // prettier-ignore
});

test('INV-LOT-7, INV-TIM-6: debt that a lot paid when it began stays paid after its end, whenever that was booked, and if it never was', async () => {
  const ledger = new TestLedger({ id: 'org_0' });
  used('20', { organizationId: 'org_0' })(ledger);
  granted('short', '100', { effectiveAt: instant('2026-03-02T06:00:00Z'), expiresAt: instant('2026-03-02T12:00:00Z') })(
    ledger,
  );
  const unbooked = draftsOf(ledger);
  await show(unbooked);
  const expected = ['02-28T00:00 0', '03-01T00:00 80', '03-02T00:00 80', '03-03T00:00 0', '03-04T00:00 0', '03-04T06:00 0']; // prettier-ignore
  const seen = async () =>
    line((await read.models.burndown(READING, { wallet: 'credits', period: 'all' }))?.value.data);
  expect(await seen()).toEqual(expected);
  ledger.advance(NOW);
  await show(draftsOf(ledger).slice(unbooked.length));
  expect(await seen()).toEqual(expected);
});

test('is as of what all of its read models have, and waits for each of them (INV-DEL-5)', async () => {
  const ledger = spent();
  await show(draftsOf(ledger));
  const head = await store.head('ledger-0');
  await stopAll();
  used('1', { organizationId: 'org_0' })(ledger);
  await log.write(draftsOf(ledger).slice(-1));
  const some = await projected(store, database, {
    projectors: projectors.filter(({ name }) => name !== 'balance_days'),
  });
  await some.level();
  const progress = new CheckpointProgress(database, projectors, NO_LOG);
  const models = readModels({
    database,
    progress,
    store,
    shardOf: () => 0,
    metrics: NO_METRICS,
    catalogueReached: async () => undefined,
  });
  const answer = await models.burndown(READING, { wallet: 'credits' });
  expect(answer?.asOf.position).toEqual(new Map([['0', head]]));
  const after = new Map([['0', head + 1]]);
  await expect(models.burndown({ ...READING, after }, { wallet: 'credits' })).rejects.toThrow(ReadModelBehind);
  await stopAll();
  read = await projected(store, database);
  const caughtUp = await read.models.burndown({ ...READING, after }, { wallet: 'credits' });
  expect([caughtUp?.asOf.position, caughtUp?.value.data.at(-1)?.balance]).toEqual([after, '4']);
});

test('refuses more days than one answer holds', async () => {
  await show(draftsOf(spent()));
  const late = { ...READING, now: instant('2046-03-01') };
  await expect(read.models.burndown(late, { wallet: 'credits', period: 'all' })).rejects.toThrow(AnswerTooLarge);
  expect((await read.models.burndown(late, { wallet: 'credits', period: '90d' }))?.value.data).toHaveLength(91);
});

/** 10 credits that end on 2 March, of which 4 are held over that, and 5 that stay. */
const heldOver = (until: string): TestLedger => {
  const ledger = new TestLedger({ id: 'org_0' });
  granted('ending', '10', { expiresAt: instant('2026-03-02'), priority: 1 })(ledger);
  granted('staying', '5')(ledger);
  authorizeHold('hold', '4', { expiresAt: instant(until) })(ledger);
  return ledger;
};
const HELD_OVER = ['02-28T00:00 0', '03-01T00:00 15', '03-02T00:00 9', '03-03T00:00 9', '03-04T00:00 5', '03-04T06:00 5']; // prettier-ignore

test.each([
  ['ends, whenever that was booked', '2026-03-03T12:00:00Z', (ledger: TestLedger) => ledger.advance(NOW)],
  [
    'is released',
    '2026-03-10',
    (ledger: TestLedger) => {
      ledger.advance(instant('2026-03-03T12:00:00Z'));
      releaseHold('hold')(ledger);
    },
  ],
  [
    'is given free by a closure that keeps lots, after which nothing expires',
    '2026-03-10',
    (ledger: TestLedger) => {
      ledger.advance(instant('2026-03-03T12:00:00Z'));
      closeOrganization()(ledger);
    },
  ],
] as const)(
  'INV-HLD-6: what is held of a lot that has ended is in the balance until its hold %s',
  async (_, until, end) => {
    const ledger = heldOver(until);
    end(ledger);
    // In one batch, and each event in its own.
    for (const events of [1_000, 1]) {
      await emptyDatabase(database);
      store = inMemoryEventStore();
      read = await projected(store, database, { projectors: ASKED, batch: { events, weight: events } });
      log = new TestLog(store);
      await show(draftsOf(ledger));
      const { value } = (await read.models.burndown(READING, { wallet: 'credits', period: 'all' })) ?? {};
      expect(line(value?.data)).toEqual(HELD_OVER);
    }
  },
);

test('INV-AUD-5, INV-TIM-6: each point is the balance as of then: the log up to then, with what was due by then', async () => {
  await fc.assert(
    fc.asyncProperty(
      happenings(150),
      inTime(10_000, async (history) => {
        await emptyDatabase(database);
        const world = TestWorld.of(history);
        const own = inMemoryEventStore();
        await new TestLog(own).write(world.drafts);
        const made = await projected(own, database, { projectors: ASKED });
        await made.level();
        for (const ledger of world.ledgers) {
          // A hold that has ended without a booking of it is shown as it is booked.
          const ends = [...ledger.organization.openHolds.values()].map(({ expiresAt }) => shift(expiresAt, -1n));
          const [now = world.now] = [later(world.now, { hours: 7 }), ...ends].sort();
          const reading = { organizationId: ledger.organization.id, now };
          for (const { key: wallet } of ledger.organization.wallets) {
            const { value } = (await made.models.burndown(reading, { wallet, period: 'all' })) ?? {};
            const { data = [] } = value ?? {};
            expect(data.length).toBeGreaterThan(0);
            for (const { time, balance } of data)
              expect([time, balance]).toEqual([time, settledAt(ledger, wallet, time)]);
          }
        }
        await assertBooks(database);
        await made.runner.stop();
      }),
    ),
    { numRuns: 3 },
  );
}, 60_000);

const settledAt = (ledger: TestLedger, key: string, time: Instant): string => {
  const facts = ledger.log.filter(({ at }) => at <= time);
  if (facts.length === 0) return '0';
  const organization = replay(facts, undefined, ledger.organization.id);
  for (let due = settleNext(organization, time); due.length > 0; due = settleNext(organization, time)) {
    for (const event of due) evolve(organization, event, time);
  }
  const wallet = walletNamed(organization, key);
  if (wallet === undefined) throw new Error(`no wallet ${key}`);
  return formatDecimal(walletBalances(wallet, organization, time).settled);
};

test('the days of a wallet come to its balance, holds over an expiry included', async () => {
  const [history = []] = fc.sample(happenings(200), { numRuns: 5, seed: 3 }).sort((a, b) => b.length - a.length);
  const world = TestWorld.of(history);
  await show(world.drafts);
  await assertBooks(database);
  for (const { organization } of world.ledgers) {
    const now = shift(endOfDay(world.now), 1n);
    const answer = await read.models.burndown({ organizationId: organization.id, now }, { wallet: 'credits' });
    const [midnight, last] = answer?.value.data.slice(-2) ?? [];
    // Nothing is booked, and nothing ends, in the microsecond between them.
    expect(storedCredits(midnight?.balance ?? '')).toBe(storedCredits(last?.balance ?? ''));
  }
});
