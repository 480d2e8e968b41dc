import { burnOf, type Expected, text } from './oracle';
import { type Books, numbers, organization } from './scene';

/** What one organization's books must be, in the words of the answers. */
const shownOf = (n: number, want: Expected, now: string) => {
  const breakdown = [...want.workspaces]
    .sort(([a, [x]], [b, [y]]) => (x === y ? (a < b ? -1 : 1) : x > y ? -1 : 1))
    .map(([key, [credits, transactions]]) => ({ key, credits: text(credits), transactions }));
  return {
    wallet: {
      balance: {
        settled: text(want.settled),
        available: text(want.settled),
        debt: text(want.debt),
        held: '0',
        dormant: '0',
      },
      lifetime_spent: text(want.consumed),
    },
    lots: want.remaining.map((remaining) => ({ remaining: text(remaining), held: '0' })),
    breakdown: { data: breakdown, total: text(want.consumed) },
    burn: burnOf(n, want, now),
  };
};

/** All organizations' books are what the oracle expects, to the last digit. */
export const checkBooks = (
  books: ReadonlyMap<number, Books>,
  expected: ReadonlyMap<number, Expected>,
  now: string,
): void => {
  const wrong = numbers.flatMap((n) => {
    const [found, want] = [books.get(n), expected.get(n)];
    if (found === undefined || want === undefined) return [`${organization(n)} is missing`];
    try {
      expect(found).toMatchObject(shownOf(n, want, now));
      return [];
    } catch (error) {
      return [`${organization(n)}: ${(error as Error).message}`];
    }
  });
  // The first in full: two hundred would say no more.
  expect(wrong.slice(0, 1).join('\n')).toBe('');
  expect(wrong).toHaveLength(0);
};
