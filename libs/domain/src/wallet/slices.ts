import { type Credits, credits, NO_CREDITS, smaller } from '@drawdown/kernel';
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

/** Slices without what was taken of their lots, from the first of a lot's slices on; of which nothing is left, there is none. */
export const less = <S extends Slice>(slices: readonly S[], taken: readonly Slice[]): S[] => {
  const gone = new Map(merged(taken).map(({ lotId, amount }) => [lotId, amount]));
  const left = slices.map((slice) => {
    const part = smaller(slice.amount, gone.get(slice.lotId) ?? NO_CREDITS);
    gone.set(slice.lotId, credits((gone.get(slice.lotId) ?? 0n) - part));
    return { ...slice, amount: credits(slice.amount - part) };
  });
  return left.filter(({ amount }) => amount > 0n);
};
