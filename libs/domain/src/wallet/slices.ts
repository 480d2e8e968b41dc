import { type Credits, credits, smaller } from '@drawdown/kernel';
import type { Slice } from '../events';

/** Several slices of one lot as one. */
export const merged = (slices: readonly Slice[]): Slice[] => {
  const byLot = new Map<string, Credits>();
  for (const { lotId, amount } of slices) byLot.set(lotId, credits((byLot.get(lotId) ?? 0n) + amount));
  return [...byLot].map(([lotId, amount]) => ({ lotId, amount }));
};

/** Slices up to an amount, in their order. */
export const upTo = (slices: readonly Slice[], amount: Credits): Slice[] => {
  const taken: Slice[] = [];
  let left = amount;
  for (const { lotId, amount: there } of slices) {
    if (left <= 0n) break;
    const part = smaller(there, left);
    taken.push({ lotId, amount: part });
    left = credits(left - part);
  }
  return taken;
};

/** Slices, one for each lot, without what was taken of them; of which nothing is left, there is none. */
export const less = (slices: readonly Slice[], taken: readonly Slice[]): Slice[] => {
  const gone = new Map(merged(taken).map(({ lotId, amount }) => [lotId, amount]));
  const left = slices.map(({ lotId, amount }) => ({ lotId, amount: credits(amount - (gone.get(lotId) ?? 0n)) }));
  return left.filter(({ amount }) => amount > 0n);
};
