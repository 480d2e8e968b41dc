import fc from 'fast-check';
import { divide, ROUNDING_MODES, type RoundingMode } from './rounding';

// Shrinking a failure among pairs of large numbers can go on for hours; the first case found says enough.
fc.configureGlobal({ interruptAfterTimeLimit: 20_000 });

const abs = (value: bigint): bigint => (value < 0n ? -value : value);
const anyMode = fc.constantFrom(...ROUNDING_MODES);
const big = 10n ** 40n;
const numerator = fc.oneof(fc.bigInt({ min: -big, max: big }), fc.bigInt({ min: -60n, max: 60n }));
const denominator = fc.oneof(fc.bigInt({ min: 1n, max: big }), fc.bigInt({ min: 1n, max: 12n }));

/**
 * What each mode means, written as a condition on the result and by multiplication only: exactly one whole number
 * fulfils it, and no division takes part that could be wrong in the same way.
 */
const isRounded = (whole: bigint, n: bigint, d: bigint, mode: RoundingMode): boolean => {
  const distance = abs(n - whole * d); // in 1/d
  switch (mode) {
    case 'down':
      return distance < d && abs(whole * d) <= abs(n);
    case 'up':
      return distance < d && abs(whole * d) >= abs(n);
    case 'half_up':
      return 2n * distance < d || (2n * distance === d && abs(whole * d) > abs(n));
    case 'half_even':
      return 2n * distance < d || (2n * distance === d && whole % 2n === 0n);
  }
};

describe('division', () => {
  test('INV-AMT-4: every mode gives the number that its definition asks for', () => {
    fc.assert(
      fc.property(numerator, denominator, anyMode, (n, d, mode) => {
        expect(isRounded(divide(n, d, mode), n, d, mode)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test('INV-AMT-4: ties, which random numbers hardly meet', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -big, max: big }),
        fc.bigInt({ min: 1n, max: big }),
        anyMode,
        (whole, half, mode) => {
          const [n, d] = [2n * whole * half + half, 2n * half]; // whole + ½
          expect(isRounded(divide(n, d, mode), n, d, mode)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('INV-AMT-4: the definition has one answer, so the checks above cannot pass two', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -60n, max: 60n }), fc.bigInt({ min: 1n, max: 12n }), anyMode, (n, d, mode) => {
        const fits = Array.from({ length: 125 }, (_, i) => BigInt(i - 62)).filter((whole) =>
          isRounded(whole, n, d, mode),
        );
        expect(fits).toHaveLength(1);
      }),
    );
  });

  test.each([
    ['half_up', [-3n, -3n, -2n, -2n, -1n, -1n, 0n, 1n, 1n, 2n, 2n, 3n, 3n]],
    ['half_even', [-3n, -2n, -2n, -2n, -1n, 0n, 0n, 0n, 1n, 2n, 2n, 2n, 3n]],
    ['up', [-3n, -3n, -2n, -2n, -1n, -1n, 0n, 1n, 1n, 2n, 2n, 3n, 3n]],
    ['down', [-3n, -2n, -2n, -1n, -1n, 0n, 0n, 0n, 1n, 1n, 2n, 2n, 3n]],
  ] as const)('%s of −3, −2.5, −2 … 2.5, 3', (mode, expected) => {
    expect(Array.from({ length: 13 }, (_, i) => divide(BigInt(i - 6), 2n, mode))).toEqual(expected);
  });

  test.each([
    ['half_up', [-1n, -1n, 0n, 0n, 0n, 1n, 1n]],
    ['half_even', [-1n, -1n, 0n, 0n, 0n, 1n, 1n]],
    ['up', [-1n, -1n, -1n, 0n, 1n, 1n, 1n]],
    ['down', [-1n, 0n, 0n, 0n, 0n, 0n, 1n]],
  ] as const)('%s of −1, −⅔, −⅓, 0, ⅓, ⅔, 1', (mode, expected) => {
    expect(Array.from({ length: 7 }, (_, i) => divide(BigInt(i - 3), 3n, mode))).toEqual(expected);
  });

  test('a denominator of zero or less is a bug in the caller', () => {
    expect(() => divide(1n, 0n, 'half_up')).toThrow(RangeError);
    expect(() => divide(1n, -1n, 'down')).toThrow(RangeError);
  });
});
