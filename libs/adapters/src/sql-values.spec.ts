import fc from 'fast-check';
import { readerOf, sqlText } from './sql-values';

const TEXTS = 1009;
const NUMERICS = 1231;
const TIMESTAMPTZ = 1184;

describe('values of PostgreSQL', () => {
  test('an array of texts is read as it was written, whatever is in the texts', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', 'NULL', 'null', '{}', ',', '"', '\\', ' a '),
    );
    fc.assert(
      fc.property(fc.array(fc.option(word), { maxLength: 10 }), (texts) => {
        expect(readerOf(TEXTS)(sqlText(texts) ?? '')).toEqual(texts);
      }),
      { numRuns: 1000 },
    );
  });

  test('a number that JSON does not have is written all the same, and never as null', () => {
    expect(sqlText([0.5, Number.NaN, null, Number.POSITIVE_INFINITY])).toBe('{0.5,NaN,null,Infinity}');
  });

  test.each([
    ['{}', []],
    ['{1.50,NULL,-3}', ['1.50', null, '-3']],
    ['{null,Null,3}', [null, null, '3']],
    ['{{1,2},{3,NULL}}', [['1', '2'], ['3', null]]], // prettier-ignore
    ['[2:3]={1,2}', ['1', '2']],
  ])('reads the array %s', (text, expected) => {
    expect(readerOf(NUMERICS)(text)).toEqual(expected);
  });

  test.each([
    ['2026-03-01 10:00:00+00', '2026-03-01T10:00:00.000000Z'],
    ['2026-03-01 10:00:00.123456+00', '2026-03-01T10:00:00.123456Z'],
    ['2026-03-01 15:30:00.5+05:30', '2026-03-01T10:00:00.500000Z'],
    ['2026-03-01 07:00:00-03', '2026-03-01T10:00:00.000000Z'],
    ['infinity', 'infinity'],
    ['0044-03-15 12:00:00+00 BC', '0044-03-15 12:00:00+00 BC'],
    ['10000-01-01 00:00:00+00', '10000-01-01 00:00:00+00'],
  ])('reads the time %s', (text, expected) => {
    expect(readerOf(TIMESTAMPTZ)(text)).toBe(expected);
  });

  test('writes each kind of parameter as the server reads it', () => {
    const written = [null, '', 'x', 0.1, -7, true, new Date('2026-03-01T10:00:00.5Z'), ['a"b', null, 1, false], []].map(
      sqlText,
    );
    expect(written).toEqual([
      null,
      '',
      'x',
      '0.1',
      '-7',
      'true',
      '2026-03-01T10:00:00.500Z',
      '{"a\\"b",null,1,false}',
      '{}',
    ]);
    expect(() => sqlText(new Date(Number.NaN))).toThrow(RangeError);
  });

  test('reads bytes and numbers', () => {
    expect(readerOf(17)('\\x00ff10')).toEqual(Uint8Array.from([0, 255, 16]));
    expect([21, 23, 26, 700, 701].map((oid) => readerOf(oid)('7'))).toEqual([7, 7, 7, 7, 7]);
    expect([20, 1700].map((oid) => readerOf(oid)('7.0'))).toEqual(['7.0', '7.0']);
  });
});
