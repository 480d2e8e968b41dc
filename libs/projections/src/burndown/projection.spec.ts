import { balancesOf, type LotFigures, type WalletFigures } from '@drawdown/domain/events';
import { amount, instant, later } from '@drawdown/domain/testing';
import { type Credits, credits, formatDecimal, type Instant, NO_CREDITS, storedCredits } from '@drawdown/kernel';
import * as fc from 'fast-check';
import { burnRateOf } from '../burn-rate';
import { DAYS_AHEAD, projectionOf } from './projection';

const NOW = instant('2026-03-10T12:00:00Z');
const A_YEAR_AGO = instant('2025-03-10');
const day = (text: string): Instant => instant(`2026-${text}`);

const lot = (remaining: Credits, terms: Partial<LotFigures> = {}): LotFigures => ({
  ...{ id: 'lot', creditType: 'purchased', amount: remaining, remaining, held: NO_CREDITS, priority: 1 },
  ...{ voided: NO_CREDITS, expired: NO_CREDITS, forfeited: NO_CREDITS, voidReason: null, expiresAt: null },
  effectiveAt: A_YEAR_AGO,
  ...{ scope: null, cap: null, capWindow: '', capUsed: NO_CREDITS, costBasis: null, funding: 'adjustment' },
  activated: (terms.effectiveAt ?? A_YEAR_AGO) <= NOW,
  ...terms,
});

/** A wallet as its lots make it; `overdrawn` is held above them, or owed. */
const walletWith = (live: readonly LotFigures[], { debt = NO_CREDITS, overdrawn = NO_CREDITS } = {}): WalletFigures => {
  const total = (of: (one: LotFigures) => bigint): bigint => live.reduce((sum, one) => sum + of(one), 0n);
  return {
    ...{ key: 'credits', unit: 'credit', live, debt, lowBalanceThreshold: null, policyVersion: 1, dormant: false },
    ...{ lifetimeAdded: NO_CREDITS, lifetimePurchased: NO_CREDITS, lifetimeSpent: NO_CREDITS },
    settled: credits(total(({ remaining }) => remaining) - debt),
    held: credits(total(({ held }) => held) + overdrawn),
  };
};

const line = (wallet: WalletFigures, perDay: string): string[] =>
  projectionOf({ wallet, now: NOW, perDay: amount(perDay) }).map(
    ({ time, balance }) => `${time.slice(5, 16)} ${balance}`,
  );

test('goes down by the rate, over each midnight, to nothing', () => {
  expect(line(walletWith([lot(amount('25'))]), '10')).toEqual([
    '03-10T12:00 25',
    '03-11T00:00 20',
    '03-12T00:00 10',
    '03-13T00:00 0',
  ]);
});

test('a lot that expires before it is used up takes its rest along', () => {
  const lots = [lot(amount('12')), lot(amount('100'), { expiresAt: day('03-12') }), lot(amount('5'))];
  // 15 are drawn by then: 12 of the first and 3 of the one that ends; 5 last for half a day.
  expect(line(walletWith(lots), '10')).toEqual([
    '03-10T12:00 117',
    '03-11T00:00 112',
    '03-12T00:00 5',
    '03-12T12:00 0',
  ]);
});

test('lots that begin later are in the balance, and are drawn from when they begin', () => {
  const later12 = lot(amount('10'), { effectiveAt: instant('2026-03-11T12:00:00Z') });
  expect(line(walletWith([lot(amount('10')), later12]), '10')).toEqual([
    '03-10T12:00 20',
    '03-11T00:00 15',
    '03-11T12:00 10',
    '03-12T00:00 5',
    '03-12T12:00 0',
  ]);
  // Used up before that: whoever charges then finds nothing.
  expect(line(walletWith([lot(amount('5')), later12]), '10')).toEqual(['03-10T12:00 15', '03-11T00:00 10']);
});

test('what is held, scoped or above a cap stays in the balance', () => {
  const lots = [
    lot(amount('10'), { held: amount('3') }),
    lot(amount('20'), { scope: { models: ['m'] }, expiresAt: day('03-11') }),
    lot(amount('40'), { cap: { amount: amount('2'), per: 'day' } }),
    lot(amount('7'), { scope: { models: ['m'] } }),
  ];
  expect(line(walletWith(lots), '10')).toEqual(['03-10T12:00 77', '03-11T00:00 52', '03-11T09:36 48']);
});

test('is empty where nothing is consumed, or can be, and one point where nothing is available', () => {
  expect(line(walletWith([lot(amount('25'))]), '0')).toEqual([]);
  expect(line({ ...walletWith([lot(amount('25'))]), dormant: true }, '10')).toEqual([]);
  expect(line(walletWith([]), '10')).toEqual(['03-10T12:00 0']);
  expect(line(walletWith([], { debt: amount('4') }), '10')).toEqual(['03-10T12:00 -4']);
  expect(line(walletWith([lot(amount('5'))], { overdrawn: amount('5') }), '10')).toEqual(['03-10T12:00 5']);
  expect(line(walletWith([lot(amount('5'), { expiresAt: NOW })]), '10')).toEqual(['03-10T12:00 0']);
});

test('is no longer than its days ahead and what bends it, even where it lasts for ages or for no time', () => {
  const ages = line(walletWith([lot(amount('900000000')), lot(amount('1'), { expiresAt: day('12-24') })]), '0.001');
  expect(ages).toHaveLength(1 + DAYS_AHEAD + 1);
  expect(ages.at(-1)).toBe('12-24T00:00 899999999.7115');
  const end = projectionOf({ wallet: walletWith([lot(amount('3'))]), now: NOW, perDay: amount('900000000000000000') });
  expect(end).toEqual([{ time: NOW, balance: '0' }]);
});

const lots = fc.array(
  fc.record({
    remaining: fc.bigInt({ min: 1n, max: 50n * 10n ** 9n }),
    held: fc.bigInt({ min: 0n, max: 10n ** 9n }),
    hours: fc.option(fc.integer({ min: -24, max: 400 })),
    begins: fc.option(fc.integer({ min: 1, max: 200 }), { freq: 4 }),
    isScoped: fc.boolean(),
  }),
  { maxLength: 6 },
);
type Drawn = typeof lots extends fc.Arbitrary<infer T> ? T : never;

const figuresFor = (drawn: Drawn): LotFigures[] =>
  drawn.map(({ remaining, held, hours, begins, isScoped }) =>
    lot(credits(remaining), {
      held: credits(held < remaining ? held : remaining),
      expiresAt: hours === null ? null : later(NOW, { hours }),
      effectiveAt: begins === null ? A_YEAR_AGO : later(NOW, { hours: begins }),
      scope: isScoped ? { models: ['m'] } : null,
    }),
  );
const perDay = fc.bigInt({ min: 1n, max: 30n * 10n ** 9n });

test('never rises, ends once, and begins with the balance of now', () => {
  fc.assert(
    fc.property(lots, perDay, (drawn, rate) => {
      const wallet = walletWith(figuresFor(drawn));
      const points = projectionOf({ wallet, now: NOW, perDay: rate });
      expect(points[0]).toEqual({ time: NOW, balance: formatDecimal(balancesOf(wallet, NOW).settled) });
      for (const [n, { time, balance }] of points.entries()) {
        const before = points[n - 1];
        if (before === undefined) continue;
        expect(time > before.time).toBe(true);
        expect(storedCredits(balance) <= storedCredits(before.balance)).toBe(true);
      }
    }),
  );
});

test('ends when the burn rate says, where no lot ends or begins before', () => {
  fc.assert(
    fc.property(lots, perDay, (drawn, rate) => {
      const steady = drawn.map((one) => ({ ...one, hours: null, begins: null }));
      const wallet = walletWith(figuresFor(steady));
      const { available, settled } = balancesOf(wallet, NOW);
      fc.pre(available > 0n);
      const hours = [{ hour: instant('2026-03-10T12:00:00Z'), credits: credits(rate) }];
      const said = burnRateOf({ now: NOW, windowDays: 7, firstHour: hours[0]?.hour ?? NOW, hours, available });
      fc.pre(said.projected_depletion_at !== null);
      const last = projectionOf({ wallet, now: NOW, perDay: rate }).at(-1);
      expect(last).toEqual({ time: said.projected_depletion_at, balance: formatDecimal(settled - available) });
    }),
  );
});
