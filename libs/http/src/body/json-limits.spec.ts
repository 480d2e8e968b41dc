import { DEPTH_MAX, KEYS_MAX, VALUES_MAX } from '@drawdown/domain';
import fc from 'fast-check';
import { refuseExceeded } from './json-limits';
import { parseBody } from './parse-body';

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return 'fine';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

/** The same limits over the parsed value, by recursion: what the scan over bytes must agree with. */
const limitsOf = (value: unknown, depth = 0): 'too_deep' | 'too_many_keys' | 'fine' => {
  if (typeof value !== 'object' || value === null) return 'fine';
  if (depth >= DEPTH_MAX) return 'too_deep';
  if (!Array.isArray(value) && Object.keys(value).length > KEYS_MAX) return 'too_many_keys';
  for (const inner of Object.values(value)) {
    const found = limitsOf(inner, depth + 1);
    if (found !== 'fine') return found;
  }
  return 'fine';
};

const scanned = (json: string): string => codeOf(() => refuseExceeded(Buffer.from(json)));
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const wide = (keys: number): string => `{${Array.from({ length: keys }, (_, i) => `"k${String(i)}":[{}]`).join(',')}}`;

test('the limits themselves are accepted, one more is not', () => {
  expect([nested(DEPTH_MAX), nested(DEPTH_MAX + 1)].map(scanned)).toEqual(['fine', 'too_deep']);
  expect([wide(KEYS_MAX), wide(KEYS_MAX + 1)].map(scanned)).toEqual(['fine', 'too_many_keys']);
});

test('BAD-008: nor one value more in all, wherever they lie and however they are packed', () => {
  const list = (items: number, item: string): string => `{"a":[${Array<string>(items).fill(item).join(',')}]}`;
  // The outer object and the list are two values, each item begins one and has a comma before the next.
  const [inLists, plain] = [(VALUES_MAX - 1) / 2, VALUES_MAX - 1];
  expect([list(Math.floor(inLists), '{}'), list(plain, '1')].map(scanned)).toEqual(['fine', 'fine']);
  expect([list(Math.ceil(inLists) + 1, '[]'), list(plain + 1, '""')].map(scanned)).toEqual([
    'payload_too_large',
    'payload_too_large',
  ]);
  expect(scanned(`[${Array<string>(10_000).fill(nested(30)).join(',')}]`)).toBe('payload_too_large');
  expect(scanned(JSON.stringify({ text: ',{['.repeat(VALUES_MAX) }))).toBe('fine');
});

test('brackets, colons and quotes within strings count for nothing', () => {
  const text = '\\"[{:'.repeat(5_000);
  expect(scanned(JSON.stringify({ [text]: [text, `${text}\\`, '"'] }))).toBe('fine');
});

test('any JSON is judged as its parsed value is', () => {
  const small = fc.json({ maxDepth: 5 });
  const deep = fc
    .integer({ min: 28, max: 36 })
    .chain((depth) => small.map((json) => '[1,'.repeat(depth) + json + ']'.repeat(depth)));
  fc.assert(fc.property(fc.oneof(small, deep), (json) => expect(scanned(json)).toBe(limitsOf(JSON.parse(json)))));
});

test('bytes that are no JSON are judged without harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
      expect(['fine', 'too_deep']).toContain(codeOf(() => refuseExceeded(Buffer.from(bytes)))),
    ),
  );
  expect(scanned('"never closed \\')).toBe('fine');
  expect(scanned(']'.repeat(100) + '['.repeat(33))).toBe('too_deep');
});

test('JSON goes through parsing as it is', () => {
  fc.assert(fc.property(fc.json(), (json) => expect(parseBody(Buffer.from(json))).toEqual(JSON.parse(json))));
});
