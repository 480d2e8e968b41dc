import fc from 'fast-check';
import { shareOut } from './share-out';

const shares = (partitions: number, owned: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(shareOut(partitions, new Map(Object.entries(owned))));

describe('sharing the partitions of a group', () => {
  test('the first member gets all; the second takes half, and nothing else moves', () => {
    expect(shares(4, { a: [] })).toEqual({ a: [0, 1, 2, 3] });
    expect(shares(4, { a: [0, 1, 2, 3], b: [] })).toEqual({ a: [0, 1], b: [2, 3] });
    expect(shares(4, { a: [0, 1], b: [2, 3], c: [] })).toEqual({ a: [0, 1], b: [2], c: [3] });
  });

  test('what a member leaves behind goes to those with less; the others keep what they have', () => {
    expect(shares(6, { b: [2, 3], c: [4, 5] })).toEqual({ b: [0, 2, 3], c: [1, 4, 5] });
  });

  test('more members than partitions: some get none', () => {
    expect(shares(1, { a: [], b: [0] })).toEqual({ a: [], b: [0] });
  });

  test('of two claims the earlier in order holds; claims to what does not exist are none', () => {
    expect(shares(2, { b: [1, 7], a: [1] })).toEqual({ b: [1], a: [0] });
  });

  test('any history of coming and going: all are owned, evenly, and no more moved than has to', () => {
    const changes = fc.array(fc.tuple(fc.boolean(), fc.nat(5)), { maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), changes, (partitions, steps) => {
        let owned = new Map<string, readonly number[]>();
        for (const [comes, who] of steps) {
          const before = new Map(owned);
          if (comes) before.set(String(who), before.get(String(who)) ?? []);
          else before.delete(String(who));
          if (before.size === 0) continue;
          owned = new Map(shareOut(partitions, before));
          const counts = [...owned.values()].map((share) => share.length);
          expect([...owned.values()].flat().sort((a, b) => a - b)).toEqual([...Array(partitions).keys()]);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          expect(movesOf(before, owned)).toBe(leastMoves(partitions, before));
        }
      }),
    );
  });
});

type Owned = ReadonlyMap<string, readonly number[]>;

const movesOf = (before: Owned, after: Owned): number =>
  [...before].reduce(
    (moves, [member, had]) => moves + had.filter((p) => after.get(member)?.includes(p) !== true).length,
    0,
  );

/** What is above a fair share has to go; the larger shares go to those who have most. */
const leastMoves = (partitions: number, before: Owned): number => {
  const counts = [...before.values()].map((had) => had.length).sort((a, b) => b - a);
  const each = Math.floor(partitions / counts.length);
  return counts.reduce(
    (moves, has, i) => moves + Math.max(0, has - (i < partitions % counts.length ? each + 1 : each)),
    0,
  );
};
