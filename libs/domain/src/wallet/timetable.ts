import type { Instant } from '@drawdown/kernel';
import { compareText, drawOrder } from './draw-order';
import { type Hold, type Lot, type Organization, walletOf } from './state';

/**
 * What becomes due of an organization, kept in the order in which it does: open holds by their end, live lots by when
 * they take effect and by when they expire. Whatever comes next is first, so that neither asking for it nor booking it
 * costs more with every lot and hold that there is or was.
 */

type Order<T> = (a: T, b: T) => number;

/** The first place at which an item may stand that comes before none of those in front of it. */
const placeOf = <T>(list: readonly T[], item: T, order: Order<T>, behindEquals: boolean): number => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = list[middle];
    const found = other === undefined ? 1 : order(other, item);
    if (found < 0 || (behindEquals && found === 0)) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** An empty list may be that of many organizations, so it is never written to. */
const inserted = <T>(list: readonly T[], item: T, order: Order<T>): readonly T[] => {
  if (list.length === 0) return [item];
  (list as T[]).splice(placeOf(list, item, order, true), 0, item);
  return list;
};

const removed = <T>(list: readonly T[], item: T, order: Order<T>): readonly T[] => {
  const place = list.indexOf(item, placeOf(list, item, order, false));
  if (place < 0) throw new Error('what is due was not where its time puts it');
  (list as T[]).splice(place, 1);
  return list;
};

/** Of one instant: the older first. */
const byEnd: Order<Hold> = (a, b) =>
  compareText(a.expiresAt, b.expiresAt) || compareText(a.authorizedAt, b.authorizedAt);

/** Of one instant: wallet by wallet, in draw order, as a debt is paid and as lots are drawn. */
const lotsBy =
  (organization: Organization, instantOf: (lot: Lot) => string): Order<Lot> =>
  (a, b) => {
    const byTime = compareText(instantOf(a), instantOf(b));
    if (byTime !== 0) return byTime;
    const wallet = walletOf(organization, a.wallet);
    if (a.wallet === b.wallet) return drawOrder(wallet.policy.drawOrder)(a, b);
    return organization.wallets.indexOf(wallet) - organization.wallets.indexOf(walletOf(organization, b.wallet));
  };

const effectiveOf = (lot: Lot): Instant => lot.effectiveAt;
/** Only of lots that expire. */
const expiryOf = (lot: Lot): string => lot.expiresAt ?? '';

export const addOpenHold = (organization: Organization, hold: Hold): void => {
  organization.endingHolds = inserted(organization.endingHolds, hold, byEnd);
};

export const removeOpenHold = (organization: Organization, hold: Hold): void => {
  organization.endingHolds = removed(organization.endingHolds, hold, byEnd);
};

/** A lot has something left from now on. */
export const addLiveLot = (organization: Organization, lot: Lot): void => {
  const { waitingLots, expiringLots } = organization;
  if (!lot.activated) organization.waitingLots = inserted(waitingLots, lot, lotsBy(organization, effectiveOf));
  if (lot.expiresAt !== null) organization.expiringLots = inserted(expiringLots, lot, lotsBy(organization, expiryOf));
};

/** A lot has nothing left any more, or is about to change its times. */
export const removeLiveLot = (organization: Organization, lot: Lot): void => {
  removeWaiting(organization, lot);
  if (lot.expiresAt === null) return;
  organization.expiringLots = removed(organization.expiringLots, lot, lotsBy(organization, expiryOf));
};

/** A lot takes effect: called before it is marked so. */
export const removeWaiting = (organization: Organization, lot: Lot): void => {
  if (lot.activated) return;
  organization.waitingLots = removed(organization.waitingLots, lot, lotsBy(organization, effectiveOf));
};

/** After the draw order of a wallet was changed. */
export const orderAnew = (organization: Organization): void => {
  organization.waitingLots = [...organization.waitingLots].sort(lotsBy(organization, effectiveOf));
  organization.expiringLots = [...organization.expiringLots].sort(lotsBy(organization, expiryOf));
};

/** Whether as much is listed as there is: what is missing would never become due. */
export const timetableIsWhole = (organization: Organization, live: readonly Lot[]): boolean => {
  let waiting = 0;
  let expiring = 0;
  for (const { activated, expiresAt } of live) {
    if (!activated) waiting += 1;
    if (expiresAt !== null) expiring += 1;
  }
  const { openHolds, endingHolds, waitingLots, expiringLots } = organization;
  return endingHolds.length === openHolds.size && waitingLots.length === waiting && expiringLots.length === expiring;
};

/** What of the timetable is not as the lots and holds say; for the checks of the books. */
export const timetableViolations = (organization: Organization): string[] => {
  const live = organization.wallets.flatMap((wallet) => wallet.live);
  const holds = [...organization.openHolds.values()];
  const check = <T extends { readonly id: string }>(
    name: string,
    kept: readonly T[],
    wanted: readonly T[],
    order: Order<T>,
  ): string[] => {
    const inOrder = kept.every((item, n) => n === 0 || order(kept[n - 1] ?? item, item) <= 0);
    const known = new Set(kept);
    const isWhole = kept.length === wanted.length && wanted.every((item) => known.has(item));
    return inOrder && isWhole ? [] : [`INV-TIM-6: ${organization.id}: the ${name} are not listed by their times`];
  };
  return [
    ...check('open holds', organization.endingHolds, holds, byEnd),
    ...check(
      'waiting lots',
      organization.waitingLots,
      live.filter((lot) => !lot.activated),
      lotsBy(organization, effectiveOf),
    ),
    ...check(
      'expiring lots',
      organization.expiringLots,
      live.filter((lot) => lot.expiresAt !== null),
      lotsBy(organization, expiryOf),
    ),
  ];
};
