import type { LotFigures, WalletFigures } from '@drawdown/domain/events';
import { instant } from '@drawdown/domain/testing';
import { type Credits, credits, NO_CREDITS } from '@drawdown/kernel';

export const LONG_AGO = instant('2025-03-10');

/** A lot as the balances have it: effective long ago and for ever, unless `terms` say otherwise. */
export const lot = (remaining: Credits, terms: Partial<LotFigures> = {}): LotFigures => ({
  ...{ id: 'lot', creditType: 'purchased', amount: remaining, remaining, held: NO_CREDITS, priority: 1 },
  ...{ voided: NO_CREDITS, expired: NO_CREDITS, forfeited: NO_CREDITS, restVoided: false, expiresAt: null },
  effectiveAt: LONG_AGO,
  ...{ scope: null, cap: null, capWindow: '', capUsed: NO_CREDITS, costBasis: null, funding: 'adjustment' },
  activated: (terms.effectiveAt ?? LONG_AGO) === LONG_AGO,
  ...terms,
});

/** A wallet as its lots make it; `overdrawn` is held above them, or owed. */
export const walletWith = (
  live: readonly LotFigures[],
  { debt = NO_CREDITS, overdrawn = NO_CREDITS } = {},
): WalletFigures => {
  const total = (of: (one: LotFigures) => bigint): bigint => live.reduce((sum, one) => sum + of(one), 0n);
  return {
    ...{
      key: 'credits',
      unit: 'credit',
      live,
      usedUp: [],
      debt,
      lowBalanceThreshold: null,
      policyVersion: 1,
      dormant: false,
    },
    ...{ lifetimeAdded: NO_CREDITS, lifetimePurchased: NO_CREDITS, lifetimeSpent: NO_CREDITS },
    settled: credits(total(({ remaining }) => remaining) - debt),
    held: credits(total(({ held }) => held) + overdrawn),
  };
};
