import { openTestDatabase } from '@drawdown/adapters/testing';
import { amount, at, granted, instant, later, START, TestLedger, used } from '@drawdown/domain/testing';
import { DAY_MICROS, HOUR_MICROS, type Instant, microsBetween, shift, storedCredits } from '@drawdown/kernel';
import type { ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { burnRateOf, squareRoot } from './burn-rate';
import { lot, walletWith } from './testing/figures';
import { draftsOf, emptyDatabase, happenings, stopAll, projected, TestLog, TestWorld } from './testing';

const NOW = instant('2026-03-10T12:30:00Z');
const hour = (text: string): Instant => instant(`2026-03-${text}:00:00Z`);

test('divides what the window consumed by its days', () => {
  const facts = {
    now: NOW,
    windowDays: 7,
    firstHour: hour('01T00'),
    hours: [
      { hour: hour('10T12'), credits: amount('10') },
      { hour: hour('04T13'), credits: amount('4') },
    ],
    wallet: walletWith([lot(amount('20'))]),
  };
  // 14 credits in 7 days; days of 10, 0, 0, 0, 0, 0 and 4: σ = √(7·116 − 14²) ÷ 7 = 3.545621…
  expect(burnRateOf(facts)).toEqual({
    credits_per_day: '2',
    projected_depletion_at: '2026-03-20T12:30:00.000000Z',
    low: '2026-03-14T03:03:17.202049Z',
    high: null,
    confidence: 'high',
    basis_days: 7,
  });
});

test('credits that expire unused last no longer, those that begin in time do', () => {
  const hours = [{ hour: hour('10T12'), credits: amount('70') }];
  const facts = { now: NOW, windowDays: 7, firstHour: hour('01T00'), hours };
  const free = lot(amount('100'), { expiresAt: later(NOW, { days: 2 }) });
  // Of 100 at 10 a day, 80 are left when they end.
  const ending = burnRateOf({ ...facts, wallet: walletWith([free, lot(amount('5'))]) });
  expect(ending.projected_depletion_at).toBe(later(NOW, { days: 2, hours: 12 }));
  const following = lot(amount('20'), { effectiveAt: later(NOW, { days: 1 }) });
  const later20 = burnRateOf({ ...facts, wallet: walletWith([lot(amount('15')), following]) });
  expect(later20.projected_depletion_at).toBe(later(NOW, { days: 3, hours: 12 }));
  const closed = burnRateOf({ ...facts, wallet: { ...walletWith([free]), dormant: true } });
  expect(closed.projected_depletion_at).toBeNull();
});

test('a young wallet is judged by the days it has', () => {
  const hours = [{ hour: hour('09T00'), credits: amount('3') }];
  const young = { now: NOW, windowDays: 7, firstHour: hour('09T00'), hours, wallet: walletWith([lot(amount('6'))]) };
  // From 9 March 00:00 to the end of the hour, 10 March 13:00: two days begun, of 0 and 3 credits.
  expect(burnRateOf(young)).toMatchObject({ credits_per_day: '1.5', basis_days: 2, confidence: 'low' });
  expect(burnRateOf({ ...young, wallet: walletWith([]) })).toMatchObject({ projected_depletion_at: NOW, low: NOW });
  expect(burnRateOf({ ...young, wallet: walletWith([], { debt: amount('1') }) }).projected_depletion_at).toBe(NOW);
  const idle = burnRateOf({ ...young, firstHour: null, hours: [] });
  expect(idle).toEqual({
    credits_per_day: '0',
    projected_depletion_at: null,
    low: null,
    high: null,
    confidence: 'low',
    basis_days: 1,
  });
  const ages = walletWith([lot(amount('900000000000000000'))]);
  expect(burnRateOf({ ...young, wallet: ages }).projected_depletion_at).toBeNull();
});

test('FLD-51: the smallest rate there is, 0.000000001 a day, still runs out', () => {
  const least = {
    now: NOW,
    windowDays: 7,
    firstHour: NOW,
    hours: [{ hour: hour('10T12'), credits: amount('0.000000001') }],
  };
  const runsOut = later(NOW, { days: 3 });
  expect(burnRateOf({ ...least, wallet: walletWith([lot(amount('0.000000003'))]) })).toMatchObject({
    credits_per_day: '0.000000001',
    projected_depletion_at: runsOut,
    low: runsOut,
    high: runsOut,
  });
});

test('the square root is the largest whole number whose square is not above', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 60n }), (value) => {
      const root = squareRoot(value);
      expect(root * root <= value && (root + 1n) * (root + 1n) > value).toBe(true);
    }),
  );
});

describe('on the read models', () => {
  let database: ReadDatabase;
  beforeAll(async () => {
    database = await openTestDatabase();
  });
  afterAll(async () => {
    await stopAll();
    await database.close();
  });
  beforeEach(() => emptyDatabase(database));

  test('INV-TIM-5: at a full hour has all of the window, from its first hour to what happens at that moment', async () => {
    const ledger = new TestLedger({ id: 'org_0' });
    const now = instant('2026-03-08');
    const steps = [at(instant('2026-03-01T00:59:00Z')), used('7', { organizationId: 'org_0', id: 'first' }), at(now)];
    for (const step of [
      granted('lot', '100'),
      ...steps,
      used('1', { organizationId: 'org_0', id: 'last', time: now }),
    ]) {
      step(ledger);
    }
    const store = inMemoryEventStore();
    await new TestLog(store).write(draftsOf(ledger));
    const { runner, models, level } = await projected(store, database);
    await level();
    const answer = await models.burnRate({ organizationId: 'org_0', now }, { wallet: 'credits' });
    expect(answer?.value).toMatchObject({ credits_per_day: '1.142857143', basis_days: 7 });
    await runner.stop();
  });

  test('is what its transactions come to', async () => {
    const [history = []] = fc.sample(happenings(200), { numRuns: 5, seed: 11 }).sort((a, b) => b.length - a.length);
    const world = TestWorld.of(history);
    const store = inMemoryEventStore();
    await new TestLog(store).write(world.drafts);
    const { runner, models, level } = await projected(store, database);
    await level();
    const reading = { organizationId: 'org_1', now: later(world.now, { minutes: 10 }) };
    const { data } = (await models.transactions(reading, { wallet: 'credits', kind: 'consumption', limit: 500 })).value;
    const end = shift(`${reading.now.slice(0, 13)}:00:00.000000Z` as Instant, HOUR_MICROS);
    const first = data.map(({ event_time: time }) => time).sort()[0] ?? START;
    const age = microsBetween(`${first.slice(0, 13)}:00:00.000000Z` as Instant, end);
    const days = Math.max(1, Math.min(30, Number((age + DAY_MICROS - 1n) / DAY_MICROS)));
    const from = shift(end, BigInt(-days) * DAY_MICROS);
    const spent = data
      .filter(({ event_time: time }) => time >= from && time < end)
      .reduce((sum, { credits_debited: debited }) => sum + storedCredits(debited), 0n);
    expect(spent).toBeGreaterThan(0n);

    const answer = await models.burnRate(reading, { wallet: 'credits', window: '30d' });
    const perDay = storedCredits(answer?.value.credits_per_day ?? '') as bigint;
    expect(2n * (perDay * BigInt(days) - spent)).toBeLessThanOrEqual(BigInt(days));
    expect(2n * (spent - perDay * BigInt(days))).toBeLessThanOrEqual(BigInt(days));
    expect(answer?.value.basis_days).toBe(days);
    const burndown = await models.burndown(reading, { wallet: 'credits', window: '30d' });
    expect(answer?.value.projected_depletion_at).toBe(burndown?.value.projection.at(-1)?.time ?? null);
    expect(await models.burnRate(reading, { wallet: 'none' })).toBeUndefined();
    await runner.stop();
  });
});
