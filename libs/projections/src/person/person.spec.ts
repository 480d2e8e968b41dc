import { openTestDatabase } from '@drawdown/adapters/testing';
import { later, START } from '@drawdown/domain/testing';
import { formatDecimal, type Instant, storedCredits } from '@drawdown/kernel';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { breakdown } from '../breakdown/projector';
import type { ReadModels, TransactionDocument } from '../read-models';
import {
  emptyDatabase,
  fileDatabase,
  type Happening,
  happenings,
  type Projected,
  projected,
  TestLog,
  TestWorld,
} from '../testing';
import { startOf } from '../time-range';
import { transactions } from '../transactions/projector';
import { PERSON_KEYS, type PersonKey, type PersonQuery, type PersonReading, type PersonTransaction } from './person';

const database = fileDatabase(openTestDatabase);

const SHARDS = 2;
const shardOf = (organizationId: string): number => (organizationId === 'org_1' ? 1 : 0);
const ORGANIZATIONS = ['org_0', 'org_1', 'org_2'];
const UNITS = new Map([
  ['credits', 'credit'],
  ['machines', 'USD'],
]);

interface Opened {
  readonly log: TestLog;
  readonly now: Projected;
}
const open = async (world: TestWorld): Promise<Opened> => {
  await emptyDatabase(database);
  const store = inMemoryEventStore();
  const log = new TestLog(store, shardOf);
  await log.write(world.drafts);
  const now = await projected(store, database, { shards: SHARDS, shardOf, projectors: [breakdown, transactions] });
  await now.level();
  return { log, now };
};

const readingsOf = (organizations: readonly string[], now: Instant): readonly PersonReading[] =>
  organizations.map((organizationId) => ({ organizationId, now, onTestClock: false, units: UNITS }));

/** Everything a person caused in these organizations, from their own lists. */
const ownOf = async (models: ReadModels, organizations: readonly string[], query: PersonQuery, now: Instant) => {
  const lists = organizations.map(async (organization_id): Promise<PersonTransaction[]> => {
    const page = await models.transactions({ organizationId: organization_id, now }, { ...query, limit: 500 });
    return page.value.data.map((one) => ({ organization_id, ...one }));
  });
  return (await Promise.all(lists)).flat();
};

const sumOf = (all: readonly TransactionDocument[]): string =>
  formatDecimal(all.reduce((sum, { credits_debited }) => sum + storedCredits(credits_debited), 0n));

const latestFirst = (a: PersonTransaction, b: PersonTransaction): number => {
  if (a.booked_at !== b.booked_at) return a.booked_at > b.booked_at ? -1 : 1;
  return a.organization_id < b.organization_id ? -1 : a.organization_id > b.organization_id ? 1 : 0;
};

/** Histories in which everybody uses something all the time, over some days. */
const busy: fc.Arbitrary<readonly Happening[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Happening['kind']>('grant', 'use', 'use', 'use', 'use', 'use', 'refund', 'time'),
    who: fc.nat(2),
    a: fc.nat(2_000),
    b: fc.nat(200),
  }),
  { minLength: 60, maxLength: 120 },
);

const asked = fc.record({
  history: busy,
  organizations: fc.subarray(ORGANIZATIONS),
  person: fc.constantFrom('u0', 'u1', 'u2'),
  period: fc.constantFrom('7d', '30d', '90d', 'all' as const),
  days: fc.nat(40),
});

const KEY: Readonly<Record<PersonKey, (one: PersonTransaction) => string | null>> = {
  unit: ({ wallet }) => UNITS.get(wallet) ?? null,
  organization: ({ organization_id }) => organization_id,
  service_type: ({ service_type }) => service_type,
};

test('sums over organizations equal the transactions they cover, exactly, by every key and period', async () => {
  const property = async ({ history, organizations, person, period, days }: FcValue): Promise<void> => {
    const world = TestWorld.of(history);
    const now = later(world.now, { days });
    const { models } = (await open(world)).now;
    const query = { userId: person, period };
    const readings = readingsOf(organizations, now);
    const own = await ownOf(models, organizations, query, now);
    for (const by of PERSON_KEYS) {
      const { value } = await models.personBreakdown(readings, { ...query, by, now });
      expect([by, value.total]).toEqual([by, sumOf(own)]);
      for (const { key, credits, transactions } of value.data) {
        const ofKey = own.filter((one) => KEY[by](one) === key);
        expect([key, credits, transactions]).toEqual([key, sumOf(ofKey), ofKey.length]);
      }
      expect(value.data.reduce((sum, { transactions }) => sum + transactions, 0)).toBe(own.length);
    }
    for (const bucket of ['day', 'hour'] as const) {
      const { data, total } = (await models.personSpending(readings, { ...query, bucket, now })).value;
      expect(total).toBe(sumOf(own));
      for (const { start, credits } of data) {
        expect(credits).toBe(sumOf(own.filter(({ event_time }) => startOf(event_time, bucket) === start)));
      }
      const step = bucket === 'day' ? { hours: 24 } : { hours: 1 };
      for (const [index, { start }] of data.slice(1).entries())
        expect(start).toBe(later(data[index]?.start ?? now, step));
    }
  };
  type FcValue = typeof asked extends fc.Arbitrary<infer T> ? T : never;
  await fc.assert(fc.asyncProperty(asked, property), { numRuns: 8, endOnFailure: true });
}, 60_000);

test('INV-DEL-6: transactions walked while rows arrive show each that was there once, latest booking first', async () => {
  const walk = fc.record({
    history: busy,
    more: happenings(30),
    organizations: fc.subarray(ORGANIZATIONS, { minLength: 1 }),
    person: fc.constantFrom('u0', 'u1'),
    period: fc.constantFrom('7d', '90d', 'all' as const),
    limit: fc.integer({ min: 1, max: 5 }),
  });
  const property = async ({ history, more, organizations, person, period, limit }: Walk): Promise<void> => {
    const world = TestWorld.of(history);
    const { now: opened, log } = await open(world);
    const query = { userId: person, period, limit };
    const due = (await ownOf(opened.models, organizations, { userId: person, period }, world.now)).sort(latestFirst);
    const there = world.drafts.length;
    for (const one of more) world.happen(one);
    const seen: PersonTransaction[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      // Time goes on, too: the period is that of the first page.
      const now = pages === 0 ? TestWorld.of(history).now : later(world.now, { days: 5 });
      const page = await opened.models.personTransactions(readingsOf(organizations, now), { ...query, cursor, now });
      expect(page.value.data.length).toBeLessThanOrEqual(limit);
      seen.push(...page.value.data);
      cursor = page.value.next_cursor;
      if (++pages === 2) {
        await log.write(world.drafts.slice(there));
        await opened.level();
      }
    } while (cursor !== null);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    const known = new Set(due.map(({ id }) => id));
    expect(seen.filter(({ id }) => known.has(id))).toEqual(due);
    expect([...seen].sort(latestFirst)).toEqual(seen);
  };
  type Walk = typeof walk extends fc.Arbitrary<infer T> ? T : never;
  await fc.assert(fc.asyncProperty(walk, property), { numRuns: 8, endOnFailure: true });
}, 60_000);

test('a cursor is of no use to another person or another period', async () => {
  const use = { kind: 'use', who: 0, b: 1 } as const;
  const grant = { kind: 'grant', who: 0, a: 200, b: 2 } as const;
  const { models } = (await open(TestWorld.of([grant, { ...use, a: 1 }, { ...use, a: 1 }, { ...use, a: 1 }]))).now;
  const readings = readingsOf(ORGANIZATIONS, START);
  const query = { userId: 'u1', period: '7d', now: START, limit: 1 } as const;
  const { next_cursor: cursor } = (await models.personTransactions(readings, query)).value;
  expect((await models.personTransactions(readings, { ...query, cursor })).value.data).toHaveLength(1);
  for (const other of [{ userId: 'u2' }, { period: '30d' }, { model: 'big' }] as const) {
    const asking = models.personTransactions(readings, { ...query, ...other, cursor });
    await expect(asking).rejects.toMatchObject({ code: 'invalid_cursor' });
  }
});

test('of no organization there is nothing', async () => {
  const { models } = (await open(TestWorld.of([]))).now;
  const query = { userId: 'u1', period: '30d', now: START } as const;
  expect((await models.personBreakdown([], { ...query, by: 'unit' })).value).toEqual({ data: [], total: '0' });
  expect((await models.personSpending([], { ...query, bucket: 'day' })).value).toEqual({ data: [], total: '0' });
  expect((await models.personTransactions([], query)).value).toEqual({ data: [], next_cursor: null });
});
