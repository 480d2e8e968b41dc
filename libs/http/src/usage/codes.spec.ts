import { readFileSync } from 'node:fs';
import path from 'node:path';
import { QUARANTINED, REJECTED, UNCHARGED } from './codes';

interface Vector {
  readonly id: string;
  readonly expect: { readonly rejected?: string; readonly code?: string };
}

const vectors = JSON.parse(
  readFileSync(path.resolve(__dirname, '../bad-input/usage.json'), 'utf8'),
) as readonly Vector[];

test('every code that bad usage meets is in the list of the place where it is answered', () => {
  const rejected = vectors.flatMap(({ expect: { rejected: code } }) => (code === undefined ? [] : [code]));
  expect(new Set(rejected).size).toBeGreaterThan(10);
  expect(rejected.filter((code) => !Object.hasOwn(REJECTED, code))).toEqual([]);
  const uncharged = vectors.flatMap(({ expect: { code } }) => (code === undefined ? [] : [code]));
  expect(new Set(uncharged).size).toBeGreaterThan(5);
  expect(uncharged.filter((code) => !Object.hasOwn(UNCHARGED, code))).toEqual([]);
});

test('an event without a charge says why by a code that one list has', () => {
  expect(Object.keys(UNCHARGED).sort()).toEqual(
    [...new Set([...Object.keys(REJECTED), ...Object.keys(QUARANTINED), 'out_of_credits'])].sort(),
  );
  expect(UNCHARGED.amount_out_of_range).toContain(QUARANTINED.amount_out_of_range);
});
