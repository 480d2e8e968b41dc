import fc from 'fast-check';
import {
  type Credits,
  credits,
  format,
  larger,
  minus,
  NO_CREDITS,
  ONE_CREDIT,
  parseCredits,
  parseQuantity,
  plus,
  type Quantity,
  quantity,
  smaller,
  storedCredits,
  storedQuantity,
  storedSum,
  sum,
} from './amounts';
import { formatDecimal, LARGEST } from './decimal';

const amount = fc.bigInt({ min: -LARGEST, max: LARGEST }).map(credits);

describe('credits and quantities', () => {
  test('INV-AMT-5: one is not accepted where the other is meant', () => {
    // The compiler is the test: each line stops the type check once it no longer is an error.
    const used: Quantity = quantity(1n);
    // @ts-expect-error a quantity is not credits
    const paid: Credits = used;
    // @ts-expect-error bare parts are not credits
    const bare: Credits = 1n;
    // @ts-expect-error an amount is not a number
    const float: Credits = 1.5;
    expect([paid, bare, float]).toHaveLength(3);
  });

  test('BAD-026: credits may be negative, a quantity may not', () => {
    expect(parseCredits('-1')).toBe(-1_000_000_000n);
    expect(['-1', '-0', '-0.000001'].map(parseQuantity)).toEqual([
      'invalid_amount',
      'invalid_amount',
      'invalid_amount',
    ]);
    expect(parseQuantity('-1000000000000000000')).toBe('amount_out_of_range');
  });

  test('BAD-027: zero is a quantity', () => {
    expect(parseQuantity('0')).toBe(0n);
    expect(parseQuantity('0.000')).toBe(0n);
  });

  test('INV-AMT-2: what was stored is read back, to the same text', () => {
    fc.assert(
      fc.property(amount, (value) => {
        expect(storedCredits(format(value))).toBe(value);
        const size = quantity(value < 0n ? -value : value);
        expect(storedQuantity(format(size))).toBe(size);
      }),
    );
  });

  test.each(['', '1e3', '01', '-0', '1.0000000000', '900000000000000001', 'abc'])(
    'a stored amount %j is a damaged log: reading it throws',
    (text) => {
      expect(() => storedCredits(text)).toThrow(/unreadable/);
      expect(() => storedQuantity(text)).toThrow(/unreadable/);
    },
  );

  test('a sum of amounts is read back whatever it comes to, and nothing else is', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), (value) => {
        expect(storedSum(formatDecimal(value))).toBe(value);
      }),
    );
    for (const text of ['', '1e3', '1.0000000001', ' 1', 'NaN']) expect(() => storedSum(text)).toThrow(/unreadable/);
  });

  test('a stored quantity with a sign is a damaged log', () => {
    expect(() => storedQuantity('-1')).toThrow(/unreadable/);
  });

  test('INV-AMT-6: a whole cut anywhere is the sum of its parts', () => {
    fc.assert(
      fc.property(fc.array(amount, { maxLength: 20 }), (parts) => {
        const total = sum(parts);
        expect(parts.reduce((rest, part) => minus(rest, part), total)).toBe(0n);
        expect(parts.reduce((so_far, part) => plus(so_far, part), NO_CREDITS)).toBe(total);
      }),
    );
    expect(sum([])).toBe(0n);
    expect(ONE_CREDIT).toBe(credits(1_000_000_000n));
  });

  test('smaller and larger pick one of the two', () => {
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        expect([smaller(a, b), larger(a, b)]).toEqual(a <= b ? [a, b] : [b, a]);
      }),
    );
  });
});
