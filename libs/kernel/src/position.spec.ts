import fc from 'fast-check';
import { CATALOGUE, coverBoth, formatPosition, parsePosition, type Position, positionOf } from './position';

const part = fc.oneof(fc.constant(CATALOGUE), fc.integer({ min: 0, max: 99_999 }).map(String));
const revision = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const position: fc.Arbitrary<Position> = fc
  .dictionary(part, revision, { minKeys: 1 })
  .map((o) => new Map(Object.entries(o)));

describe('a position', () => {
  test('reading what was written gives it back', () => {
    fc.assert(
      fc.property(position, (value) => {
        expect(parsePosition(formatPosition(value))).toEqual(value);
      }),
      { numRuns: 1000 },
    );
  });

  test('has one text, in whatever order its parts came', () => {
    fc.assert(
      fc.property(position, (value) => {
        expect(formatPosition(new Map([...value].reverse()))).toBe(formatPosition(value));
      }),
    );
    expect(formatPosition(new Map([['3', 17], [CATALOGUE, 9], ['0', 1234]]))).toBe('0.1234~3.17~c.9'); // prettier-ignore
    expect(formatPosition(positionOf(0, 12))).toBe('0.12');
  });

  test('covering both takes the later of each part', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const both = coverBoth(a, b);
        expect([...both.keys()].sort()).toEqual([...new Set([...a.keys(), ...b.keys()])].sort());
        for (const [key, at] of both) expect(at).toBe(Math.max(a.get(key) ?? -1, b.get(key) ?? -1));
        expect(coverBoth(b, a)).toEqual(both);
        expect(coverBoth(both, a)).toEqual(both);
      }),
    );
  });

  test('does not change what it covers', () => {
    const a = positionOf(1, 5);
    coverBoth(a, positionOf(1, 9));
    expect(a.get('1')).toBe(5);
  });

  test.each([
    ...[
      '',
      '~',
      '0',
      '0.',
      '.1',
      '0.1~',
      '~0.1',
      '0.1~~1.2',
      '0.1~0.2',
      '00.1',
      '0.01',
      '-1.0',
      '0.-1',
      '0.1.2',
      'd.1',
      'C.1',
    ],
    ...['100000.1', '0.9007199254740992', '0.99999999999999999', '0.1e3', ' 0.1', '0.1 ', '0.1\n', '0,1', '٠.1'],
  ])('refuses %j', (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });
});
