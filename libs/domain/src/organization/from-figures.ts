import type { OrganizationFigures } from '../events';
import { drawOrder } from '../wallet/draw-order';
import { type Hold, type Lot, NONE, NOTHING, type Organization, type Wallet } from '../wallet/state';
import { type Instant, NO_CREDITS, sum } from '@drawdown/kernel';

/**
 * An organization as reads look at it, where another process owns it: the same views and access decisions run on it.
 * It has the lots that are shown and the open holds only, and nothing that only commands need (which debt was
 * paid by what, what was refunded, of which lots a hold is made, what is due): nothing can be decided on it.
 */
export const organizationOf = (figures: OrganizationFigures): Organization => {
  const lots = figures.lots.map((lot): Lot => ({ ...lot }));
  const { members, wallets: _, lots: __, holds: ___, ...own } = figures;
  const holds = new Map(figures.holds.map((hold) => [hold.id, holdOf(hold, own.createdAt)]));
  return {
    ...own,
    wallets: figures.wallets.map((wallet) => walletOf(wallet, lots, figures.holds)),
    lots: new Map(lots.map((lot) => [lot.id, lot])),
    holds,
    openHolds: holds,
    members: new Map(members),
    refunded: NONE,
    endingHolds: NOTHING,
    waitingLots: NOTHING,
    expiringLots: NOTHING,
    status: own.status === 'closed' ? 'closed' : 'active',
    frozen: own.status === 'suspended',
    lastBookedAt: own.createdAt,
  };
};

const walletOf = (
  figures: OrganizationFigures['wallets'][number],
  lots: readonly Lot[],
  holds: OrganizationFigures['holds'],
): Wallet => {
  const own = lots.filter(({ wallet }) => wallet === figures.key);
  return {
    ...figures,
    overdrafts: sum(holds.filter(({ wallet }) => wallet === figures.key).map(({ overdraft }) => overdraft)),
    live: own.filter(({ remaining }) => remaining > 0n).sort(drawOrder(figures.policy.drawOrder)),
    usedUp: own.filter(({ remaining }) => remaining === NO_CREDITS),
    grants: 0,
    debtPayments: [],
  };
};

const holdOf = (figures: OrganizationFigures['holds'][number], createdAt: Instant): Hold => ({
  ...figures,
  amount: NO_CREDITS,
  slices: [],
  authorizedAt: createdAt,
});
