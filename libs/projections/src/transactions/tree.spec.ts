import { START } from '@drawdown/domain/testing';
import { formatDecimal, storedSum } from '@drawdown/kernel';
import * as fc from 'fast-check';
import { AnswerTooLarge, type TransactionDocument, type TransactionTree } from '../read-models';
import { TREE_LEVELS_MAX, treeOf } from './tree';

const booked = (id: string, parent: string | null, debited = '1'): TransactionDocument => ({
  ...{ id, kind: 'consumption', wallet: 'credits', credits_debited: debited, credits_credited: '0' },
  ...{ service_type: null, resource_type: null, resource_id: null, user_id: null, workspace_id: null },
  ...{ usage_quantity: null, usage_unit: null, rate_applied: null, balance_before: '0', balance_after: '0' },
  ...{ parent_transaction_id: parent, refunded_transaction_id: null, task_id: null, event_time: START },
  ...{ booked_at: START, actor: 'system', rate_card: null, rate_card_version: null, policy_version: 1, model: null },
  ...{ latency_ms: null, slices: [], sequence: 1, debt: '0', uncovered: '0' },
});

/** All from which one comes to `root` by way of parents as they are named, as the query finds them. */
const namedBelow = (root: string, all: readonly TransactionDocument[]): TransactionDocument[] => {
  const found = new Set([root]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const { id, parent_transaction_id: parent } of all) if (parent !== null && found.has(parent)) found.add(id);
  }
  return all.filter(({ id }) => found.has(id));
};

/** Parents that count: one after the other, as booked; one that would make itself its own ancestor does not. */
const parentsThatCount = (all: readonly TransactionDocument[]): Map<string, string> => {
  const parents = new Map<string, string>();
  for (const { id, parent_transaction_id: parent } of all) {
    let ancestor = parent;
    while (ancestor !== null && ancestor !== id) ancestor = parents.get(ancestor) ?? null;
    if (parent !== null && ancestor === null) parents.set(id, parent);
  }
  return parents;
};

const idsIn = (tree: TransactionTree): string[] => [tree.id, ...tree.children.flatMap(idsIn)];

const transactions = fc
  .array(fc.record({ parent: fc.option(fc.nat({ max: 11 })), units: fc.nat({ max: 9 }) }), {
    minLength: 1,
    maxLength: 12,
  })
  .chain((drawn) =>
    fc.shuffledSubarray(
      drawn.map(({ parent, units }, n) =>
        booked(`t${String(n)}`, parent === null ? null : `t${String(parent)}`, String(units)),
      ),
      { minLength: 1 },
    ),
  );

test('INV-LED-10: whoever names whom as a parent, and in whatever order, all trees are parts of one forest', () => {
  fc.assert(
    fc.property(transactions, (all) => {
      const parents = parentsThatCount(all);
      const trees = new Map(all.map(({ id }) => [id, treeOf(id, namedBelow(id, all))]));
      const subtotalOf = (id: string): bigint => storedSum(trees.get(id)?.subtotal ?? 'none');
      const below = (ids: readonly string[]): bigint => ids.reduce((sum, id) => sum + subtotalOf(id), 0n);
      for (const { id, credits_debited: debited } of all) {
        const tree = trees.get(id);
        const children = all.filter((one) => parents.get(one.id) === id).map((one) => one.id);
        expect(tree?.children.map((child) => child.id)).toEqual(children);
        expect(tree?.subtotal).toBe(formatDecimal(storedSum(debited) + below(children)));
        const ids = tree === undefined ? [] : idsIn(tree);
        expect(new Set(ids).size).toBe(ids.length);
      }
      // Each debit is below exactly one root.
      const isBooked = new Set(all.map(({ id }) => id));
      const roots = [...isBooked].filter((id) => !isBooked.has(parents.get(id) ?? 'none'));
      expect(below(roots)).toBe(all.reduce((sum, { credits_debited: debited }) => sum + storedSum(debited), 0n));
    }),
    { numRuns: 500 },
  );
});

test('a circle is opened at what was booked last, whichever of it is asked for', () => {
  const circle = [booked('a', 'b', '1'), booked('b', 'c', '2'), booked('c', 'a', '4'), booked('leaf', 'a', '8')];
  const shown = ['a', 'b', 'c', 'leaf']
    .map((id) => treeOf(id, namedBelow(id, circle)))
    .map((tree) => [tree?.subtotal, tree === undefined ? [] : idsIn(tree)]);
  expect(shown).toEqual([
    ['9', ['a', 'leaf']],
    ['11', ['b', 'a', 'leaf']],
    ['15', ['c', 'b', 'a', 'leaf']],
    ['8', ['leaf']],
  ]);
});

test('as many levels as can be written and read, no more', () => {
  const chain = Array.from({ length: TREE_LEVELS_MAX + 1 }, (_, n) => booked(`t${String(n)}`, `t${String(n - 1)}`));
  expect(() => treeOf('t0', chain)).toThrow(AnswerTooLarge);
  const tree = treeOf('t1', chain.slice(1));
  expect(tree?.subtotal).toBe(String(TREE_LEVELS_MAX));
  expect(JSON.parse(JSON.stringify(tree))).toEqual(tree);
});
