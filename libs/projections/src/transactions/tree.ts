import { formatDecimal, storedCredits, storedSum } from '@drawdown/kernel';
import { AnswerTooLarge, type TransactionDocument, type TransactionTree } from '../read-models';

type Node = TransactionDocument & { subtotal: string; readonly children: Node[] };

/**
 * The tree below `root` out of its transactions in booking order, a child perhaps before its parent; undefined without
 * the root. Each transaction is in one place, and a circle is cut where it comes back to one already there
 * (INV-LED-10).
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
  const childrenOf = new Map<string, Node[]>();
  for (const node of nodes) {
    const { parent_transaction_id: parent } = node;
    if (parent === null) continue;
    const siblings = childrenOf.get(parent);
    if (siblings === undefined) childrenOf.set(parent, [node]);
    else siblings.push(node);
  }
  const top = nodes.findLast(({ id }) => id === root);
  if (top === undefined) return undefined;
  // Parents before children, without recursion: a chain may be as long as somebody likes.
  const placed: Node[] = [top];
  const unplaced = new Set(nodes);
  unplaced.delete(top);
  for (const node of placed) {
    for (const child of childrenOf.get(node.id) ?? []) {
      if (!unplaced.delete(child)) continue;
      node.children.push(child);
      placed.push(child);
    }
  }
  for (const node of placed.reverse()) {
    const below = node.children.reduce((sum, child) => sum + storedSum(child.subtotal), 0n);
    node.subtotal = formatDecimal(storedCredits(node.credits_debited) + below);
  }
  return top;
};
