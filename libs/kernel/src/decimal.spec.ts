import fc from 'fast-check';
import { formatDecimal, isInRange, LARGEST, ONE, parseDecimal } from './decimal';

const inRange = fc.oneof(
  fc.bigInt({ min: -LARGEST, max: LARGEST }),
  fc.bigInt({ min: -5_000_000_000n, max: 5_000_000_000n }), // small values, where most zeros and signs are
);

describe('a decimal', () => {
  test('INV-AMT-2: reading what was written gives the value back', () => {
    fc.assert(
      fc.property(inRange, (parts) => {
        expect(parseDecimal(formatDecimal(parts))).toBe(parts);
      }),
      { numRuns: 2000 },
    );
  });

  test('INV-AMT-2: a text has no exponent, plus, minus zero, trailing zero or needless leading zero', () => {
    fc.assert(
      fc.property(inRange, (parts) => {
        expect(formatDecimal(parts)).toMatch(/^(?!-0$)-?(0|[1-9][0-9]*)(\.[0-9]{0,8}[1-9])?$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('INV-AMT-2: every spelling that is read is written in the one text of its value', () => {
    const digits = (max: number): fc.Arbitrary<string> =>
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: max }).map((list) => list.join(''));
    fc.assert(
      fc.property(fc.boolean(), digits(17), digits(9), (negative, wholeDigits, fraction) => {
        const whole = wholeDigits.replace(/^0+(?=.)/, '') || '0';
        const text = `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
        const parts = parseDecimal(text);
        if (/^-[0.]*$/.test(text)) {
          expect(parts).toBe('invalid_amount');
          return;
        }
        const canonical = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
        expect(typeof parts === 'bigint' ? formatDecimal(parts) : parts).toBe(canonical);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['0', 0n],
    ['1', ONE],
    ['12.5', 12_500_000_000n],
    ['1.50', 1_500_000_000n],
    ['-0.000000001', -1n],
    ['0.123456789', 123_456_789n],
    ['9007199254740993', 9_007_199_254_740_993n * ONE],
    ['-42', -42n * ONE],
  ])('reads %s', (text, parts) => {
    expect(parseDecimal(text)).toBe(parts);
  });

  test.each([
    ...[
      '',
      ' ',
      '-',
      '+',
      '.',
      '-0',
      '-0.0',
      '-0.000000000',
      '--1',
      '1e3',
      '1E3',
      '1e-3',
      'NaN',
      'Infinity',
      '-Infinity',
    ],
    ...[
      '0x10',
      '0b1',
      '0o7',
      '1_000',
      '١',
      '\uff11',
      '1,5',
      '1,000',
      '+1',
      ' 1',
      '1 ',
      '1\n',
      '\t1',
      '01',
      '-01',
      '00',
      '.5',
      '5.',
    ],
    ...['-.5', '1.2.3', '1.-2', '1n', 'null', 'true', '[]', '{}', '−1', '½', '1\u00002', '1\u200b'],
  ])('BAD-026, BAD-028: refuses %j as no amount', (text) => {
    expect(parseDecimal(text)).toBe('invalid_amount');
  });

  test.each(['1.0000000000', '0.0000000001', '-1.1234567890', `0.${'1'.repeat(40)}`, '-0.0000000000'])(
    'BAD-030: refuses %s as too precise',
    (text) => {
      expect(parseDecimal(text)).toBe('amount_too_precise');
    },
  );

  test('BAD-030: keeps nine decimals exactly', () => {
    expect(parseDecimal('0.987654321')).toBe(987_654_321n);
    expect(parseDecimal('899999999999999999.999999999')).toBe(LARGEST - 1n);
  });

  test.each(['900000000000000000.000000001', '-900000000000000000.000000001', '1000000000000000000', '9'.repeat(31)])(
    'INV-AMT-3, BAD-050: refuses %s as out of range',
    (text) => {
      expect(parseDecimal(text)).toBe('amount_out_of_range');
    },
  );

  test('INV-AMT-3: the bounds themselves are amounts, one part further is none', () => {
    expect(parseDecimal('900000000000000000')).toBe(LARGEST);
    expect(parseDecimal('-900000000000000000')).toBe(-LARGEST);
    expect([LARGEST, -LARGEST, 0n].map(isInRange)).toEqual([true, true, true]);
    expect([LARGEST + 1n, -LARGEST - 1n].map(isInRange)).toEqual([false, false]);
  });

  test('INV-AMT-3: what is read is in range', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^-?[0-9]{1,22}(\.[0-9]{1,12})?$/)), (text) => {
        const parts = parseDecimal(text);
        expect(typeof parts === 'bigint' ? isInRange(parts) : true).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('a text of a megabyte is refused without being turned into a number', () => {
    expect(parseDecimal('9'.repeat(1_000_000))).toBe('amount_out_of_range');
    expect(parseDecimal(`0.${'0'.repeat(1_000_000)}`)).toBe('amount_too_precise');
    expect(parseDecimal('x'.repeat(1_000_000))).toBe('invalid_amount');
  });
});
