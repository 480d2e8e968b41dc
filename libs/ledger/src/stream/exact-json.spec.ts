import fc from 'fast-check';
import { readExact, writeExact } from './exact-json';

const key = fc.oneof(fc.string(), fc.constantFrom('$bigint', '$$bigint', '$', '__proto__', 'constructor', '0'));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }),
    fc.bigInt(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries) as unknown),
  ),
}));

test('whatever is written comes back exactly, in the same order', () => {
  fc.assert(
    fc.property(value, (written) => {
      const read = readExact(writeExact(written));
      expect(read).toEqual(written);
      expect(writeExact(read)).toBe(writeExact(written));
    }),
    { numRuns: 500 },
  );
});

test('an amount past what a number can hold keeps its last digit', () => {
  expect(readExact(writeExact({ amount: 900_000_000_000_000_001n }))).toEqual({ amount: 900_000_000_000_000_001n });
});

test.each([[undefined], [[undefined]], [NaN], [Infinity], [new Map()], [new Date(0)], [() => 1], [Symbol('s')]])(
  'what JSON would change silently is refused: %p',
  (unfit) => expect(() => writeExact(unfit)).toThrow(TypeError),
);

test.each(['{"$bigint": 1}', '{"$bigint": "1.5"}', '{"$bigint": ""}', '{', ''])('%s is refused', (text) => {
  expect(() => readExact(text)).toThrow(SyntaxError);
});
