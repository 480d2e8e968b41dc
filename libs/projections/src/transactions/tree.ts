import { formatDecimal, storedCredits, storedSum } from '@drawdown/kernel';
import { AnswerTooLarge, type TransactionDocument, type TransactionTree } from '../read-models';

type Node = TransactionDocument & { subtotal: string; readonly children: Node[] };

/** Levels of one tree: beyond 2,000 no JSON of it can be written, and most who read JSON stop before. */
export const TREE_LEVELS_MAX = 1_000;

/**
 * The tree below `root` out of its transactions in booking order, a child perhaps before its parent; undefined without
 * the root. Each transaction is in one place.
 *
 * Parents can be named before they are charged, so that a sender can name them in a circle. What closes it, the one that
 * was booked last, then has no parent: it is the root of the others. So the trees of all transactions are parts of one
 * forest, and a subtotal is the same in whichever tree it is shown (INV-LED-10).
 */
export const treeOf = (
  root: string,
  transactions: readonly TransactionDocument[],
  nodesMax = Infinity,
): TransactionTree | undefined => {
  if (transactions.length > nodesMax) {
    throw new AnswerTooLarge(`more than ${String(nodesMax)} transactions are below ${root}; ask for a part of them`);
  }
  // Not by their ids: one that was used again long after names two, and each is below its own parent.
  const nodes = transactions.map((one): Node => ({ ...one, subtotal: '0', children: [] }));
  const top = nodes.findLast(({ id }) => id === root);
  if (top === undefined) return undefined;
  const closing = closingOfCircle(top, nodes);
  const childrenOf = new Map<string, Node[]>();
  for (const node of nodes) {
    const { parent_transaction_id: parent } = node;
    if (parent === null || node === closing) continue;
    const siblings = childrenOf.get(parent);
    if (siblings === undefined) childrenOf.set(parent, [node]);
    else siblings.push(node);
  }
  // Parents before children, a level at a time.
  const placed: Node[] = [];
  const unplaced = new Set(nodes);
  unplaced.delete(top);
  let level = [top];
  for (let levels = 1; level.length > 0; levels++) {
    if (levels > TREE_LEVELS_MAX) {
      throw new AnswerTooLarge(`more than ${String(TREE_LEVELS_MAX)} levels are below ${root}; ask for a part of them`);
    }
    const below: Node[] = [];
    for (const node of level) {
      placed.push(node);
      for (const child of childrenOf.get(node.id) ?? []) {
        if (!unplaced.delete(child)) continue;
        node.children.push(child);
        below.push(child);
      }
    }
    level = below;
  }
  for (const node of placed.reverse()) {
    const below = node.children.reduce((sum, child) => sum + storedSum(child.subtotal), 0n);
    node.subtotal = formatDecimal(storedCredits(node.credits_debited) + below);
  }
  return top;
};

/** The last booked of those that come back to `top` from parent to parent; undefined where its ancestors end. */
const closingOfCircle = (top: Node, nodes: readonly Node[]): Node | undefined => {
  // Of an id that was used again, the latest: that is the one it names.
  const places = new Map(nodes.map((node, place) => [node.id, { node, place }]));
  let latest = places.get(top.id);
  const passed = new Set<Node>();
  for (let at = top; ;) {
    const parent = at.parent_transaction_id === null ? undefined : places.get(at.parent_transaction_id);
    if (parent === undefined || passed.has(parent.node)) return undefined;
    passed.add(parent.node);
    if (latest === undefined || parent.place > latest.place) latest = parent;
    if (parent.node === top) return latest.node;
    at = parent.node;
  }
};
