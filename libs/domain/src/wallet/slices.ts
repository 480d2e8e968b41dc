import { type Credits, credits } from '@drawdown/kernel';
import type { Slice } from '../events';

/** Several slices of one lot as one. */
export const merged = (slices: readonly Slice[]): Slice[] => {
  const byLot = new Map<string, Credits>();
  for (const { lotId, amount } of slices) byLot.set(lotId, credits((byLot.get(lotId) ?? 0n) + amount));
  return [...byLot].map(([lotId, amount]) => ({ lotId, amount }));
};

/** Slices, one for each lot, without what was taken of them. */
export const less = (slices: readonly Slice[], taken: readonly Slice[]): Slice[] => {
  const gone = new Map(merged(taken).map(({ lotId, amount }) => [lotId, amount]));
  return slices.map(({ lotId, amount }) => ({ lotId, amount: credits(amount - (gone.get(lotId) ?? 0n)) }));
};
