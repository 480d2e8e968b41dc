/** Division has no default: whoever divides names what happens to the rest (INV-AMT-4). */
export const ROUNDING_MODES = ['half_up', 'half_even', 'up', 'down'] as const;

/**
 * `half_up`: nearest, ties away from zero. `half_even`: nearest, ties to the even neighbour. `up`: away from zero.
 * `down`: towards zero.
 */
export type RoundingMode = (typeof ROUNDING_MODES)[number];

/** `numerator ÷ denominator` as a whole number, the rest dealt with as `mode` says. The denominator is positive. */
export const divide = (numerator: bigint, denominator: bigint, mode: RoundingMode): bigint => {
  if (denominator <= 0n) throw new RangeError('divide: the denominator must be positive');
  const quotient = numerator / denominator;
  const rest = numerator - quotient * denominator;
  if (rest === 0n) return quotient;
  const awayFromZero = numerator < 0n ? -1n : 1n;
  switch (mode) {
    case 'down':
      return quotient;
    case 'up':
      return quotient + awayFromZero;
    case 'half_up':
    case 'half_even': {
      const twice = (rest < 0n ? -rest : rest) * 2n;
      if (twice > denominator) return quotient + awayFromZero;
      if (twice < denominator) return quotient;
      const towardsEven = mode === 'half_up' || quotient % 2n !== 0n;
      return towardsEven ? quotient + awayFromZero : quotient;
    }
  }
};
