import type { Credits } from '@drawdown/kernel';
import type { Booking, Charge } from '../events';
import { drawOrder } from './draw-order';
import { drawnLot, type Hold, type Lot, type Organization, type Wallet, walletOf } from './state';
import { timetableIsWhole, timetableViolations } from './timetable';

/** Ids of lots and holds that were changed. */
interface Moved {
  readonly lots: ReadonlySet<string>;
  readonly holds: ReadonlySet<string>;
}

/**
 * What does not add up in an organization's books; empty where all is well. With a wallet: only it and its live lots,
 * in time proportional to those. Without: every wallet, every lot ever, and every hold.
 */
export const violations = (organization: Organization, wallet?: Wallet): string[] => {
  if (wallet !== undefined) return walletViolations(organization, wallet);
  return [
    ...organization.wallets.flatMap((each) => walletViolations(organization, each)),
    ...lotsViolations(organization, [...organization.lots.values()]),
    ...holdViolations(organization, organization.holds.values(), organization.lots.values()),
    ...timetableViolations(organization),
  ];
};

/**
 * As {@link violations}, of what may not add up any more after these were changed: every wallet with its live lots, the
 * open holds, and of what has ended only what was changed. What it costs grows with what is alive, not with the past.
 */
export const violationsBy = (organization: Organization, moved: Moved): string[] => {
  const ended: Lot[] = [];
  for (const id of moved.lots) {
    const lot = organization.lots.get(id);
    if (lot === undefined) return [`INV-LOT-2: ${organization.id} has no lot ${id}`];
    ended.push(lot);
  }
  const holds = new Set(organization.openHolds.values());
  for (const id of moved.holds) {
    const hold = organization.holds.get(id);
    if (hold === undefined) return [`INV-HLD-1: ${organization.id} has no hold ${id}`];
    holds.add(hold);
  }
  const live = organization.wallets.flatMap((wallet) => wallet.live);
  return [
    ...organization.wallets.flatMap((each) => walletViolations(organization, each)),
    ...lotsViolations(organization, ended),
    ...holdViolations(organization, holds, new Set([...live, ...ended])),
    ...(timetableIsWhole(organization, live)
      ? []
      : [`INV-TIM-6: ${organization.id}: what becomes due is not listed whole`]),
  ];
};

/** INV-LOT-1 for the lots that a charge drew to their end: they are live no more, so that a look at the wallet misses them. */
export const exhaustedViolations = (organization: Organization, { wallet: key, slices }: Charge): readonly string[] => {
  const wallet = walletOf(organization, key);
  for (const { lotId } of slices) {
    const lot = drawnLot(organization, wallet, lotId);
    if (lot.remaining > 0n) continue;
    const found = lotViolations(lot);
    if (found.length > 0) return found;
  }
  return NONE;
};

const NONE: readonly string[] = [];

/** INV-LOT-1 for one lot. */
export const lotViolations = (lot: Lot): readonly string[] => (lotAddsUp(lot) ? NONE : describeLot(lot));

/** The whole of INV-LOT-1, without a word about what is wrong: every append asks it of every lot that it may have moved. */
const lotAddsUp = ({ amount, returned, remaining, held, consumed, expired, voided, forfeited }: Lot): boolean => {
  // Most lots are only ever drawn from; adding zeros would cost more than looking for them.
  const isOnlyDrawn = returned === 0n && expired === 0n && voided === 0n && forfeited === 0n;
  if (isOnlyDrawn) return amount === remaining + consumed && consumed >= 0n && held >= 0n && remaining >= held;
  return (
    amount + returned === remaining + consumed + expired + voided + forfeited &&
    [amount, returned, consumed, expired, voided, forfeited, held].every((term) => term >= 0n) &&
    remaining >= held
  );
};

const describeLot = (lot: Lot): readonly string[] => {
  const found: string[] = [];
  const gone = lot.consumed + lot.expired + lot.voided + lot.forfeited;
  if (lot.amount + lot.returned !== lot.remaining + gone) {
    found.push(
      `INV-LOT-1: lot ${lot.id}: amount + returned is not remaining + consumed + expired + voided + forfeited`,
    );
  }
  for (const term of ['amount', 'returned', 'remaining', 'consumed', 'expired', 'voided', 'forfeited'] as const) {
    if (lot[term] < 0n) found.push(`INV-LOT-1: lot ${lot.id}: ${term} is below 0`);
  }
  if (lot.held < 0n || lot.held > lot.remaining) {
    found.push(`INV-LOT-1: lot ${lot.id}: held is not between 0 and remaining`);
  }
  return found;
};

/** INV-LED-1 for a booking about to be made: its number and its balances follow from the wallet as it is. */
export const bookingViolations = (wallet: Wallet, booking: Booking): string[] => {
  const found: string[] = [];
  const name = `INV-LED-1: ${wallet.key} transaction ${String(booking.sequence)}`;
  if (booking.sequence !== wallet.sequence + 1) found.push(`${name}: the last number was ${String(wallet.sequence)}`);
  if (booking.sequence < 1) found.push(`${name}: the first number is 1`);
  if (booking.balanceBefore !== wallet.settled) found.push(`${name}: balance_before is not the settled balance`);
  if (booking.balanceAfter - booking.balanceBefore !== booking.credited - booking.debited) {
    found.push(`${name}: the balances differ by something else than what was credited and debited`);
  }
  return found;
};

const walletViolations = (organization: Organization, wallet: Wallet): string[] => {
  const found: string[] = [];
  const inOrder = wallet.live.length > 1 ? drawOrder(wallet.policy.drawOrder) : null;
  let remaining = 0n;
  let held = 0n;
  let before: Lot | undefined;
  for (const lot of wallet.live) {
    const wrong = lotViolations(lot);
    if (wrong.length > 0) found.push(...wrong);
    remaining += lot.remaining;
    held += lot.held;
    if (lot.wallet !== wallet.key || organization.lots.get(lot.id) !== lot) {
      found.push(`INV-LOT-2: ${wallet.key}: live lot ${lot.id} is not one of its lots`);
    }
    if (lot.remaining <= 0n) found.push(`INV-LOT-2: ${wallet.key}: lot ${lot.id} is live with nothing left`);
    if (before !== undefined && inOrder !== null && inOrder(before, lot) >= 0) {
      found.push(`INV-LOT-3: ${wallet.key}: lot ${lot.id} is out of its place in the draw order`);
    }
    before = lot;
  }
  if (wallet.debt < 0n) found.push(`INV-LOT-2: ${wallet.key}: debt is below 0`);
  if (wallet.settled !== remaining - wallet.debt) {
    found.push(`INV-LOT-2: ${wallet.key}: settled is not what its lots have left less its debt`);
  }
  if (wallet.held < held) found.push(`INV-LOT-2: ${wallet.key}: held is less than its lots hold`);
  else if (wallet.held !== held + wallet.overdrafts) {
    found.push(`INV-HLD-3: ${wallet.key}: held is not what its lots hold and what holds may overdraw`);
  }
  if (!Number.isSafeInteger(wallet.sequence) || wallet.sequence < wallet.grants) {
    found.push(`INV-LED-1: ${wallet.key}: it has more grants than transactions`);
  }
  return found;
};

/** INV-LOT-1 for lots that are live no more; and every lot with something left is live, once. */
const lotsViolations = (organization: Organization, lots: readonly Lot[]): string[] => {
  const live = new Set(organization.wallets.flatMap((wallet) => wallet.live));
  const listed = organization.wallets.reduce((count, wallet) => count + wallet.live.length, 0);
  const found = live.size === listed ? [] : ['INV-LOT-2: a lot is live twice'];
  for (const lot of lots) {
    if (lot.remaining <= 0n) found.push(...lotViolations(lot));
    else if (!live.has(lot)) found.push(`INV-LOT-2: lot ${lot.id} has something left and is not live`);
  }
  return found;
};

/** INV-HLD-3: Σ open rests = Σ lots' held, per lot; with what they may overdraw, per wallet. All open holds are among them. */
const holdViolations = (organization: Organization, holds: Iterable<Hold>, lots: Iterable<Lot>): string[] => {
  const found: string[] = [];
  const perLot = new Map<string, bigint>();
  const perWallet = new Map<string, bigint>();
  const add = (sums: Map<string, bigint>, key: string, amount: Credits): void => {
    sums.set(key, (sums.get(key) ?? 0n) + amount);
  };
  for (const hold of holds) {
    if (organization.holds.get(hold.id) !== hold) found.push(`INV-HLD-3: hold ${hold.id} is not one of its holds`);
    if ((hold.state === 'open') !== organization.openHolds.has(hold.id)) {
      found.push(`INV-HLD-1: hold ${hold.id} is ${hold.state}, and is looked at as if it were not`);
    }
    if (hold.state !== 'open' && (hold.slices.length > 0 || hold.overdraft !== 0n)) {
      found.push(`INV-HLD-1: hold ${hold.id} has ended and still holds`);
    }
    add(perWallet, hold.wallet, hold.overdraft);
    if (hold.overdraft < 0n) found.push(`INV-HLD-3: hold ${hold.id} may overdraw less than nothing`);
    for (const slice of hold.slices) {
      add(perLot, slice.lotId, slice.amount);
      add(perWallet, hold.wallet, slice.amount);
    }
  }
  for (const lot of lots) {
    if (lot.held !== (perLot.get(lot.id) ?? 0n)) {
      found.push(`INV-HLD-3: lot ${lot.id} holds something else than the open holds say`);
    }
  }
  for (const wallet of organization.wallets) {
    if (wallet.held !== (perWallet.get(wallet.key) ?? 0n)) {
      found.push(`INV-HLD-3: wallet ${wallet.key} holds something else than the open holds say`);
    }
  }
  return found;
};
