import fc from 'fast-check';
import { quantity } from './amounts';
import { LARGEST, SCALE } from './decimal';
import { addExact, type ExactCredits, multiply, type Rate, ratePer, ratio, roundCharge } from './rate';
import { ROUNDING_MODES } from './rounding';

// Shrinking a failure among pairs of large numbers can go on for hours; the first case found says enough.
fc.configureGlobal({ interruptAfterTimeLimit: 20_000 });

const whole = fc.bigInt({ min: -LARGEST, max: LARGEST });
const nonZero = whole.filter((value) => value !== 0n);
const used = fc.bigInt({ min: 0n, max: LARGEST }).map(quantity);
const rate = fc.tuple(whole, fc.bigInt({ min: 1n, max: LARGEST })).map(([n, d]) => ratePer(n, d));
const rounding = fc.record({ scale: fc.integer({ min: 0, max: SCALE }), mode: fc.constantFrom(...ROUNDING_MODES) });

/** a/b = c/d, without dividing. */
const same = (a: Rate, b: Rate): boolean => a.numerator * b.denominator === b.numerator * a.denominator;
const abs = (value: bigint): bigint => (value < 0n ? -value : value);

/** Euclid by subtraction of remainders is what the code does; this looks for a common prime factor instead. */
const haveCommonFactor = (a: bigint, b: bigint): boolean =>
  [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n].some((prime) => a % prime === 0n && b % prime === 0n);

describe('a rate', () => {
  test('INV-AMT-1: keeps the fraction it was made from, positive below and in lowest terms', () => {
    fc.assert(
      fc.property(whole, nonZero, fc.bigInt({ min: 1n, max: 1000n }), (n, d, factor) => {
        const made = ratio(n * factor, d * factor);
        expect(made.numerator * d === n * made.denominator).toBe(true);
        expect(made.denominator > 0n).toBe(true);
        expect(haveCommonFactor(made.numerator, made.denominator)).toBe(false);
        expect(made).toEqual(ratio(n, d));
      }),
      { numRuns: 1000 },
    );
  });

  test('three credits per seven units stay three sevenths', () => {
    expect(ratePer(3_000_000_000n, 7_000_000_000n)).toEqual({ numerator: 3n, denominator: 7n });
    expect(ratio(-6n, -8n)).toEqual({ numerator: 3n, denominator: 4n });
    expect(ratio(6n, -8n)).toEqual({ numerator: -3n, denominator: 4n });
    expect(ratio(0n, -5n)).toEqual({ numerator: 0n, denominator: 1n });
    expect(() => ratio(1n, 0n)).toThrow(RangeError);
  });

  test('INV-AMT-1: product and sum are exact, in any order', () => {
    fc.assert(
      fc.property(used, used, rate, rate, (a, b, r, s) => {
        const exact = multiply(a, r);
        expect(exact.numerator * r.denominator === a * r.numerator * exact.denominator).toBe(true);
        expect(same(addExact(multiply(a, r), multiply(b, r)), multiply(quantity(a + b), r))).toBe(true);
        expect(same(addExact(multiply(a, r), multiply(b, s)), addExact(multiply(b, s), multiply(a, r)))).toBe(true);
      }),
    );
  });
});

describe('rounding a charge', () => {
  test.each([
    ['half_up', 2, 1_235_000_000n, 1_240_000_000n],
    ['half_even', 2, 1_245_000_000n, 1_240_000_000n],
    ['up', 0, 1n, 1_000_000_000n],
    ['down', 0, 999_999_999n, 0n],
    ['down', 9, 999_999_999n, 999_999_999n],
    ['half_up', 6, -1_500n, -2_000n],
  ] as const)('%s to %i decimals: %s parts become %s', (mode, scale, parts, expected) => {
    expect(roundCharge({ numerator: parts, denominator: 1n }, { scale, mode })).toBe(expected);
  });

  test('INV-AMT-4: gives a whole number of its scale, less than one unit (half modes: at most half) from the product', () => {
    fc.assert(
      fc.property(used, rate, rounding, (amount, price, how) => {
        const exact = multiply(amount, price);
        const charged = roundCharge(exact, how);
        const unit = 10n ** BigInt(SCALE - how.scale);
        expect(charged % unit).toBe(0n);
        const distance = abs(charged * exact.denominator - exact.numerator);
        const oneUnit = unit * exact.denominator;
        expect(how.mode.startsWith('half') ? 2n * distance <= oneUnit : distance < oneUnit).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('INV-AMT-4: over n lines the error stays within n/2 units (half modes) or below n (up, down)', () => {
    const line = fc.tuple(used, rate).map(([amount, price]) => multiply(amount, price));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 12 }), rounding, (lines, how) => {
        // The oracle: all lines over one denominator, so that the exact sum is a plain sum of numerators.
        const common = lines.reduce((product, { denominator }) => product * denominator, 1n);
        const over = ({ numerator, denominator }: ExactCredits): bigint => numerator * (common / denominator);
        const exactSum = lines.reduce((total, each) => total + over(each), 0n);
        const roundedSum = lines.reduce((total, each) => total + roundCharge(each, how), 0n);
        const distance = abs(roundedSum * common - exactSum);
        const allUnits = BigInt(lines.length) * 10n ** BigInt(SCALE - how.scale) * common;
        expect(how.mode.startsWith('half') ? 2n * distance <= allUnits : distance < allUnits).toBe(true);
        expect(
          same(lines.reduce(addExact, { numerator: 0n, denominator: 1n }), {
            numerator: exactSum,
            denominator: common,
          }),
        ).toBe(true);
      }),
    );
  });

  test('INV-AMT-4: rounding what is rounded changes nothing', () => {
    fc.assert(
      fc.property(used, rate, rounding, (amount, price, how) => {
        const once = roundCharge(multiply(amount, price), how);
        expect(roundCharge({ numerator: once, denominator: 1n }, how)).toBe(once);
      }),
    );
  });

  test.each([-1, 10, 1.5, Number.NaN])('a scale of %d is a bug in the caller', (scale) => {
    expect(() => roundCharge({ numerator: 1n, denominator: 1n }, { scale, mode: 'up' })).toThrow(RangeError);
  });
});
