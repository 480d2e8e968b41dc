import { NEVER } from '@drawdown/kernel';
import type { DrawOrderKey } from '../events';
import type { Lot } from './state';

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** One comparison per key a policy may name. */
const COMPARE: Readonly<Record<DrawOrderKey, (a: Lot, b: Lot) => number>> = {
  priority: (a, b) => a.priority - b.priority,
  expires_at: (a, b) => compareText(a.expiresAt ?? NEVER, b.expiresAt ?? NEVER),
  effective_at: (a, b) => compareText(a.effectiveAt, b.effectiveAt),
};

/**
 * The order in which a policy draws lots, smallest first: its keys in turn, then the grant's number, so that it is
 * total and every replay draws alike (INV-LOT-3).
 */
export const drawOrder =
  (keys: readonly DrawOrderKey[]) =>
  (a: Lot, b: Lot): number => {
    for (const key of keys) {
      const order = COMPARE[key](a, b);
      if (order !== 0) return order;
    }
    return a.sequence - b.sequence;
  };

/** Puts a lot at its place among lots that are in order. */
export const insertInOrder = (lots: Lot[], lot: Lot, keys: readonly DrawOrderKey[]): void => {
  const order = drawOrder(keys);
  let low = 0;
  let high = lots.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = lots[middle];
    if (other !== undefined && order(other, lot) < 0) low = middle + 1;
    else high = middle;
  }
  lots.splice(low, 0, lot);
};
