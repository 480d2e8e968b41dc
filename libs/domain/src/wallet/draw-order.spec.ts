import { credits, type Instant } from '@drawdown/kernel';
import fc from 'fast-check';
import { DRAW_ORDER_KEYS, type DrawOrderKey } from '../events';
import { granted, inOrganization, instant, later, policy, preset, START, used, wallet } from '../testing';
import { drawOrder, insertInOrder } from './draw-order';
import type { Lot } from './state';

/** Few values for each key, so that every one of them has to break ties of the others. */
const terms = fc.record({
  priority: fc.integer({ min: 0, max: 2 }),
  expiresIn: fc.option(fc.integer({ min: 1, max: 3 })),
  effectiveAgo: fc.integer({ min: 0, max: 2 }),
});
type Terms = typeof terms extends fc.Arbitrary<infer T> ? T : never;

const lotOf = ({ priority, expiresIn, effectiveAgo }: Terms, sequence: number): Lot =>
  ({
    ...{ id: `lot-${String(sequence)}`, sequence, priority, remaining: credits(1n), held: credits(0n) },
    effectiveAt: later(START, { days: -effectiveAgo }),
    expiresAt: expiresIn === null ? null : later(START, { days: expiresIn }),
  }) as unknown as Lot;

/** The order as one text per lot, sorted as text: nothing in common with comparing key by key. */
const byText = (lots: readonly Lot[], keys: readonly DrawOrderKey[]): string[] => {
  const texts: Record<DrawOrderKey, (lot: Lot) => string> = {
    priority: (lot) => String(lot.priority + 1000).padStart(6, '0'),
    expires_at: (lot) => lot.expiresAt ?? 'never',
    effective_at: (lot) => lot.effectiveAt,
  };
  return lots
    .map((lot) => [...keys.map((key) => texts[key](lot)), String(lot.sequence).padStart(6, '0'), lot.id].join('|'))
    .sort()
    .map((text) => text.slice(text.lastIndexOf('|') + 1));
};

const keyLists = fc.shuffledSubarray([...DRAW_ORDER_KEYS], { minLength: 1 });

type Named = [string, { priority?: number; expiresAt?: Instant; effectiveAt?: Instant }];

describe('the draw order', () => {
  test('INV-LOT-3, FLD-34: is the policy’s keys in turn and then the grant’s number, whatever the keys', () => {
    fc.assert(
      fc.property(fc.array(terms, { maxLength: 14 }), keyLists, (list, keys) => {
        const lots = list.map(lotOf);
        const inserted: Lot[] = [];
        for (const lot of lots) insertInOrder(inserted, lot, keys);
        const expected = byText(lots, keys);
        expect(inserted.map((lot) => lot.id)).toEqual(expected);
        expect(
          lots
            .reverse()
            .toSorted(drawOrder(keys))
            .map((lot) => lot.id),
        ).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  test('INV-LOT-3: is total: of two lots exactly one comes first', () => {
    fc.assert(
      fc.property(terms, terms, keyLists, (a, b, keys) => {
        const order = drawOrder(keys);
        const [first, second] = [lotOf(a, 1), lotOf(b, 2)];
        expect(Math.sign(order(first, second))).toBe(-Math.sign(order(second, first)));
        expect(order(first, second)).not.toBe(0);
        expect(order(first, first)).toBe(0);
      }),
    );
  });

  test.each<[string, DrawOrderKey[], [Named, Named]]>([
    [
      'the lower priority before the sooner expiry',
      ['priority', 'expires_at', 'effective_at'],
      [
        ['first', { priority: 1, expiresAt: instant('2027-01-01') }],
        ['second', { priority: 2, expiresAt: instant('2026-04-01') }],
      ],
    ],
    [
      'the sooner expiry before the earlier start',
      ['priority', 'expires_at', 'effective_at'],
      [
        ['first', { expiresAt: instant('2026-04-01'), effectiveAt: instant('2026-02-01') }],
        ['second', { expiresAt: instant('2026-04-02'), effectiveAt: instant('2026-01-01') }],
      ],
    ],
    [
      'never expiring last',
      ['priority', 'expires_at', 'effective_at'],
      [
        ['first', { expiresAt: instant('9998-01-01'), effectiveAt: instant('2026-02-01') }],
        ['second', { effectiveAt: instant('2026-01-01') }],
      ],
    ],
    [
      'the earlier start where all else is equal',
      ['priority', 'expires_at', 'effective_at'],
      [
        ['first', { effectiveAt: instant('2026-01-01') }],
        ['second', { effectiveAt: instant('2026-02-01') }],
      ],
    ],
    [
      'the sooner expiry before the lower priority, where the policy says so',
      ['expires_at', 'priority'],
      [
        ['first', { priority: 9, expiresAt: instant('2026-04-01') }],
        ['second', { priority: 1, expiresAt: instant('2026-05-01') }],
      ],
    ],
  ])('draws %s', (_, drawOrderKeys, [[a, first], [b, second]]) => {
    // The one that comes second was granted first.
    inOrganization({ preset: preset({ wallets: [wallet({ policy: policy({ drawOrder: drawOrderKeys }) })] }) })
      .given(granted(b, '5', second), granted(a, '5', first))
      .when(used('6'))
      .thenCharged({
        slices: [
          [a, '5'],
          [b, '1'],
        ],
      });
  });

  test('draws lots with equal terms in the order in which they were granted', () => {
    inOrganization()
      .given(granted('c', '1'), granted('a', '1'), granted('b', '1'))
      .when(used('3'))
      .thenCharged({
        slices: [
          ['c', '1'],
          ['a', '1'],
          ['b', '1'],
        ],
      });
  });
});
