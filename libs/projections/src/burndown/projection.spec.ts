import { balancesOf, type LotFigures, type WalletFigures } from '@drawdown/domain/events';
import { amount, instant, later } from '@drawdown/domain/testing';
import { credits, DAY_MICROS, formatDecimal, type Instant, microsBetween, storedCredits } from '@drawdown/kernel';
import * as fc from 'fast-check';
import { burnRateOf } from '../burn-rate';
import { LONG_AGO, lot, walletWith } from '../testing/figures';
import { DAYS_AHEAD, projectionOf } from './projection';

const NOW = instant('2026-03-10T12:00:00Z');
const END_OF_TIME = instant('9999-12-31T23:59:59.999999Z');
const day = (text: string): Instant => instant(`2026-${text}`);

const line = (wallet: WalletFigures, perDay: string): string[] =>
  projectionOf({ wallet, now: NOW, perDay: amount(perDay) }).points.map(
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
  expect(end).toEqual({ points: [{ time: NOW, balance: '0' }], depletedAt: NOW });
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
      effectiveAt: begins === null ? LONG_AGO : later(NOW, { hours: begins }),
      scope: isScoped ? { models: ['m'] } : null,
    }),
  );
const perDay = fc.bigInt({ min: 1n, max: 30n * 10n ** 9n });

test('never rises, ends once, and begins with the balance of now', () => {
  fc.assert(
    fc.property(lots, perDay, (drawn, rate) => {
      const wallet = walletWith(figuresFor(drawn));
      const { points } = projectionOf({ wallet, now: NOW, perDay: rate });
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

/** Nobody draws in steps here: what is left of each lot by `t`, as if all until then were drawn in an instant between changes. */
const leftAt = (wallet: WalletFigures, rate: bigint, t: Instant): bigint => {
  const lots = wallet.live.map(({ effectiveAt, expiresAt, scope, remaining, held }) => ({
    ...{ from: effectiveAt, until: expiresAt, left: scope === null ? remaining - held : 0n },
  }));
  const changes = lots.flatMap(({ from, until }) => [from, until ?? t]).filter((at) => at > NOW && at < t);
  let drawn = 0n;
  for (const at of [...changes.sort(), t]) {
    const by = (rate * microsBetween(NOW, at)) / DAY_MICROS;
    for (const one of lots) {
      // Drawable until this change: changes are where it begins or ends.
      if (one.from >= at || (one.until !== null && one.until < at)) continue;
      const part = one.left < by - drawn ? one.left : by - drawn;
      one.left -= part;
      drawn += part;
    }
    drawn = by;
  }
  return lots.reduce(
    (sum, { from, until, left }) => (from <= t && (until === null || until > t) ? sum + left : sum),
    0n,
  );
};

test('INV-LOT-4, INV-TIM-3: burn rate and burndown have one date: that from which nothing is left that has not expired', () => {
  fc.assert(
    fc.property(lots, perDay, (drawn, rate) => {
      const wallet = walletWith(figuresFor(drawn));
      const hours = [{ hour: instant('2026-03-10T12:00:00Z'), credits: credits(rate) }];
      const said = burnRateOf({ now: NOW, windowDays: 7, firstHour: NOW, hours, wallet });
      const { points } = projectionOf({ wallet, now: NOW, perDay: rate });
      const date = said.projected_depletion_at ?? END_OF_TIME;
      expect([said.low, said.high]).toEqual(Array(2).fill(said.projected_depletion_at)); // one day, no deviation
      if (date === END_OF_TIME) return void expect(leftAt(wallet, rate, date)).toBeGreaterThan(0n);
      expect(points.at(-1)?.time).toBe(date);
      expect(points.slice(0, -1).filter(({ time }) => leftAt(wallet, rate, time) <= 0n)).toEqual([]);
      // The date is cut to a microsecond, in which less than this is drawn.
      expect(leftAt(wallet, rate, date)).toBeLessThanOrEqual(rate / DAY_MICROS + 1n);
    }),
    { numRuns: 100 },
  );
});

test('a lower rate lasts at least as long, whatever it lets expire', () => {
  fc.assert(
    fc.property(lots, perDay, perDay, (drawn, one, other) => {
      const wallet = walletWith(figuresFor(drawn));
      const [low = 1n, high = 1n] = one < other ? [one, other] : [other, one];
      const lasting = (rate: bigint): string =>
        projectionOf({ wallet, now: NOW, perDay: rate }).depletedAt ?? END_OF_TIME;
      expect(lasting(high) <= lasting(low)).toBe(true);
    }),
  );
});

test('there is no date where nothing is consumed or can be, or it would be past the last year there is', () => {
  const full = walletWith([lot(amount('5'))]);
  expect(projectionOf({ wallet: full, now: NOW, perDay: 0n }).depletedAt).toBeNull();
  expect(projectionOf({ wallet: { ...full, dormant: true }, now: NOW, perDay: 1n }).depletedAt).toBeNull();
  const ages = walletWith([lot(amount('900000000'))]);
  expect(projectionOf({ wallet: ages, now: NOW, perDay: 1n })).toMatchObject({ depletedAt: null });
});

test('of ten thousand lots that begin and end it is known as of one', () => {
  const many = Array.from({ length: 10_000 }, (_, n) =>
    lot(amount('1'), { expiresAt: later(NOW, { hours: n + 1 }), effectiveAt: later(NOW, { hours: n - 5_000 }) }),
  );
  expect(projectionOf({ wallet: walletWith(many), now: NOW, perDay: amount('12') }).depletedAt).toBe(
    later(NOW, { hours: 10_000 }),
  );
});
