import fc from 'fast-check';
import { exponentOf, formatMoney, parseMoney } from './money';

const currency = fc.constantFrom('USD', 'EUR', 'JPY', 'KRW', 'KWD', 'BHD', 'CLF', 'XAF');
const minor = fc.bigInt({ min: 0n, max: 10n ** 18n - 1n });

describe('money', () => {
  test('INV-AMT-2: reading what was written gives the same minor units, all decimals written', () => {
    fc.assert(
      fc.property(minor, currency, (units, code) => {
        const text = formatMoney({ minor: units, currency: code });
        const decimals = exponentOf(code);
        expect(text).toMatch(decimals === 0 ? /^(0|[1-9]\d*)$/ : new RegExp(`^(0|[1-9]\\d*)\\.\\d{${decimals}}$`));
        expect(parseMoney(text, code)).toEqual({ minor: units, currency: code });
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['USD', 2],
    ['EUR', 2],
    ['GBP', 2],
    ['JPY', 0],
    ['KRW', 0],
    ['ISK', 0],
    ['UYI', 0],
    ['KWD', 3],
    ['BHD', 3],
    ['TND', 3],
    ['CLF', 4],
    ['UYW', 4],
  ])('%s has %i decimals (ISO 4217)', (code, decimals) => {
    expect(exponentOf(code)).toBe(decimals);
  });

  test('every currency without decimals, and every one with three, has just those (ISO 4217, list one)', () => {
    const without = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ');
    const three = 'BHD IQD JOD KWD LYD OMR TND'.split(' ');
    expect(new Set(without.map(exponentOf))).toEqual(new Set([0]));
    expect(new Set(three.map(exponentOf))).toEqual(new Set([3]));
  });

  test.each([
    ['5', 'USD', 500n],
    ['12.5', 'USD', 1250n],
    ['0.01', 'USD', 1n],
    ['4.99', 'USD', 499n],
    ['12.5000', 'USD', 1250n],
    ['500', 'JPY', 500n],
    ['500.00', 'JPY', 500n],
    ['1.234', 'KWD', 1234n],
    ['0', 'USD', 0n],
    ['999999999999999999', 'USD', 99_999_999_999_999_999_900n],
  ])('reads %s %s', (text, code, units) => {
    expect(parseMoney(text, code)).toEqual({ minor: units, currency: code });
  });

  test('writes a negative amount with its sign', () => {
    expect(formatMoney({ minor: -5n, currency: 'USD' })).toBe('-0.05');
    expect(formatMoney({ minor: -500n, currency: 'JPY' })).toBe('-500');
  });

  test.each(['', '-5', '-0', '+5', '1e3', ' 5', '5 ', '05', '.5', '5.', '1,50', '0x1', 'NaN', '٥', '5\n'])(
    'BAD-050: refuses %j as no amount',
    (text) => {
      expect(parseMoney(text, 'USD')).toBe('invalid_amount');
    },
  );

  test.each([
    ['0.001', 'USD'],
    ['1.005', 'EUR'],
    ['0.5', 'JPY'],
    ['0.0001', 'KWD'],
    ['0.0000000000000000001', 'USD'],
    [`1.${'0'.repeat(40)}1`, 'USD'],
  ])('refuses %s %s: more decimals than the currency has', (text, code) => {
    expect(parseMoney(text, code)).toBe('invalid_minor_units');
  });

  test.each(['1000000000000000000', '9'.repeat(31), `${'9'.repeat(31)}.99`])(
    'BAD-050: refuses %s as out of range',
    (text) => {
      expect(parseMoney(text, 'USD')).toBe('amount_out_of_range');
    },
  );

  test.each(['usd', 'US', 'USDT', '', 'U$D', 'ÜSD', 'USD\n'])('BAD-051: refuses %j as no currency', (code) => {
    expect(parseMoney('5', code)).toBe('invalid_value');
  });

  test('a text of a megabyte is refused at once', () => {
    expect(parseMoney(`1.${'0'.repeat(1_000_000)}1`, 'USD')).toBe('invalid_minor_units');
    expect(parseMoney('9'.repeat(1_000_000), 'USD')).toBe('amount_out_of_range');
  });
});
