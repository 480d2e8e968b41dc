import { type Credits, credits, type Instant, NO_CREDITS } from '@drawdown/kernel';
import type { Scope, Slice } from '../events';
import { capRoomOf, freeOf, isEffective, isExpired, type Lot, type Wallet } from './state';

/** What a lot's scope is compared with. */
export interface ChargeScope {
  readonly serviceType: string | null;
  readonly model: string | null;
  readonly workspaceId: string | null;
  readonly modelTiers: Readonly<Record<string, readonly string[]>>;
}

/** Any charge at all: only lots without a scope admit it. */
export const ANY_CHARGE: ChargeScope = { serviceType: null, model: null, workspaceId: null, modelTiers: {} };

const matches = (pattern: string, model: string): boolean =>
  pattern.startsWith('*') ? model.endsWith(pattern.slice(1)) : pattern === model;

const isInTier = (tier: string, charge: ChargeScope): boolean => {
  const { model } = charge;
  // Own keys only: a tier is a name that callers choose, like `constructor`.
  const patterns = Object.hasOwn(charge.modelTiers, tier) ? (charge.modelTiers[tier] ?? []) : [];
  return model !== null && patterns.some((pattern) => matches(pattern, model));
};

/** True where every list of the scope that is given contains the charge's value. */
export const admits = (scope: Scope | null, charge: ChargeScope): boolean => {
  if (scope === null) return true;
  const has = (list: readonly string[] | undefined, value: string | null): boolean =>
    list === undefined || (value !== null && list.includes(value));
  return (
    has(scope.service_types, charge.serviceType) &&
    has(scope.models, charge.model) &&
    has(scope.workspaces, charge.workspaceId) &&
    (scope.model_tiers === undefined || scope.model_tiers.some((tier) => isInTier(tier, charge)))
  );
};

/** What a charge may draw from a lot at `now` (INV-LOT-4); 0 where the lot is not for it. */
export const spendable = (lot: Lot, charge: ChargeScope, now: Instant): Credits => {
  // An activated lot is effective for good; comparing the texts again would cost every charge.
  if (!(lot.activated || isEffective(lot, now)) || isExpired(lot, now)) return NO_CREDITS;
  const free = freeOf(lot);
  if (lot.scope === null && lot.cap === null) return free;
  if (!admits(lot.scope, charge)) return NO_CREDITS;
  const room = capRoomOf(lot, now);
  return room !== null && room < free ? room : free;
};

/** Slices in draw order, worth `amount` or, where the lots hold less, everything that is spendable for this charge. */
export const drawDown = (wallet: Wallet, amount: Credits, charge: ChargeScope, now: Instant): Slice[] => {
  let slices: Slice[] | null = null;
  let left: bigint = amount;
  for (const lot of wallet.live) {
    if (left <= 0n) break;
    const from = spendable(lot, charge, now);
    if (from <= 0n) continue;
    const part = from < left ? from : credits(left);
    const slice = { lotId: lot.id, amount: part };
    // Nearly always there is one: a list that was pushed to has room for 16 more.
    if (slices === null) slices = [slice];
    else slices.push(slice);
    left -= part;
  }
  return slices ?? [];
};

/** What a wallet owes, or may: its debt, and what open holds may overdraw. With a further amount it stays an amount (INV-AMT-3). */
export const owedBy = (wallet: Wallet): bigint =>
  wallet.overdrafts === NO_CREDITS ? wallet.debt : wallet.debt + wallet.overdrafts;

/** What this charge could draw now: spendable lots, less debt and what open holds may overdraw. */
export const availableTo = (wallet: Wallet, charge: ChargeScope, now: Instant): Credits => {
  let total = 0n;
  for (const lot of wallet.live) total += spendable(lot, charge, now);
  return credits(total - owedBy(wallet));
};
