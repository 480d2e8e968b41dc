import { quantity } from '@drawdown/kernel';
import fc from 'fast-check';
import { measured, usage } from '../testing';
import { flatRate } from './flat-rate';
import { type CompiledPrice, isUnpriced } from './price-model';

const compiled = (creditsPerUnit: string, unit: string): CompiledPrice => {
  const result = flatRate.compile({ type: 'flat_rate', credits_per_unit: creditsPerUnit, unit });
  if (!('price' in result)) throw new Error(JSON.stringify(result));
  return result;
};

describe('flat_rate', () => {
  test('INV-AMT-1: is quantity × credits per unit, exactly', () => {
    const parts = fc.bigInt({ min: 0n, max: 10n ** 20n });
    fc.assert(
      fc.property(parts, parts, (used, perUnit) => {
        const text = `${String(perUnit / 1_000_000_000n)}.${String(perUnit % 1_000_000_000n).padStart(9, '0')}`;
        const exact = compiled(text, 'hours').price(
          usage('1', { quantities: [['quantity', quantity(used)]], unit: 'hours' }),
        );
        if (isUnpriced(exact)) throw new Error(exact.code);
        expect(exact.numerator * 1_000_000_000n).toBe(used * perUnit * exact.denominator);
      }),
      { numRuns: 200 },
    );
  });

  test('prices the one quantity in its unit, or the quantity of several that is called like it', () => {
    const hours = compiled('2', 'hours');
    expect(hours.price(usage('1', { quantities: [['quantity', measured('3')]], unit: 'hours' }))).toEqual({
      numerator: 6_000_000_000n,
      denominator: 1n,
    });
    const several = usage('1', {
      quantities: [
        ['gigabytes', measured('9')],
        ['hours', measured('3')],
      ],
    });
    expect(hours.price(several)).toEqual({ numerator: 6_000_000_000n, denominator: 1n });
    expect(hours.explain(several)).toMatchObject([{ quantity: '3', of: 'hours', unitPrice: '2' }]);
  });

  test('BAD-033: another unit is a unit mismatch', () => {
    const hours = compiled('2', 'hours');
    const others = [
      usage('1', { quantities: [['quantity', measured('3')]], unit: 'GB' }),
      usage('1', { quantities: [['quantity', measured('3')]], unit: 'Hours' }),
      usage('1', { quantities: [['gigabytes', measured('3')]] }),
      usage('1', { quantities: [] }),
    ];
    for (const other of others) expect(hours.price(other)).toMatchObject({ code: 'unit_mismatch' });
  });

  test('a unit or price that cannot be is refused', () => {
    const faults = flatRate.compile({ type: 'flat_rate', credits_per_unit: true, unit: 'x'.repeat(64) });
    expect(faults).toMatchObject([
      { pointer: '/credits_per_unit', code: 'invalid_rate' },
      { pointer: '/unit', code: 'invalid_value' },
    ]);
  });
});
