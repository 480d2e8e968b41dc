import { type Credits, credits, type Quantity } from './amounts';
import { SCALE } from './decimal';
import { divide, type RoundingMode } from './rounding';

/**
 * An exact price: `numerator / denominator` credits per unit of a quantity, in lowest terms, denominator positive.
 * Fractions, because "3 credits per 7 units" has no decimal; lowest terms, because small numbers multiply fast.
 */
export interface Rate {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** An exact number of 10⁻⁹ credits before rounding: `numerator / denominator`. */
export type ExactCredits = Rate;

const gcd = (a: bigint, b: bigint): bigint => {
  let [x, y] = [a < 0n ? -a : a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
};

/** The fraction in lowest terms. The denominator must not be zero. */
export const ratio = (numerator: bigint, denominator: bigint): Rate => {
  if (denominator === 0n) throw new RangeError('ratio: the denominator must not be zero');
  const sign = denominator < 0n ? -1n : 1n;
  const divisor = gcd(numerator, denominator * sign) || 1n;
  return { numerator: (sign * numerator) / divisor, denominator: (sign * denominator) / divisor };
};

/** `amount` credits per `per` units, both in parts of 10⁻⁹ (so that the parts cancel). */
export const ratePer = (amount: bigint, per: bigint): Rate => ratio(amount, per);

export const addExact = (a: ExactCredits, b: ExactCredits): ExactCredits =>
  a.denominator === b.denominator
    ? { numerator: a.numerator + b.numerator, denominator: a.denominator }
    : {
        numerator: a.numerator * b.denominator + b.numerator * a.denominator,
        denominator: a.denominator * b.denominator,
      };

/** `quantity × rate`, exact, in parts of 10⁻⁹ credit. */
export const multiply = (amount: Quantity, rate: Rate): ExactCredits => ({
  numerator: amount * rate.numerator,
  denominator: rate.denominator,
});

/** How a rate card rounds a charge line: to `scale` decimals (0–9) by `mode`. */
export interface Rounding {
  readonly scale: number;
  readonly mode: RoundingMode;
}

const STEP = Array.from({ length: SCALE + 1 }, (_, scale) => 10n ** BigInt(SCALE - scale));

/** The one rounding of a charge line (INV-AMT-4): exact credits to a whole number of 10⁻ˢᶜᵃˡᵉ credits. */
export const roundCharge = (exact: ExactCredits, rounding: Rounding): Credits => {
  const step = STEP[rounding.scale];
  if (step === undefined) throw new RangeError(`rounding scale ${String(rounding.scale)} is not between 0 and 9`);
  if (step === 1n) {
    return credits(
      exact.denominator === 1n ? exact.numerator : divide(exact.numerator, exact.denominator, rounding.mode),
    );
  }
  return credits(divide(exact.numerator, exact.denominator * step, rounding.mode) * step);
};
