import {
  type Credits,
  credits,
  divide,
  format,
  formatDecimal,
  type Instant,
  type JsonObject,
  NO_CREDITS,
  ONE,
} from '@drawdown/kernel';
import { dueActivations, withDueActivations } from './due-activations';
import type { LotTerms } from './lot-events';
import { capWindowOf, type ConsumptionCap, type Scope } from './wire';

/**
 * The documents in which lots, holds and wallets are shown (api.md). The owner of a shard makes them from memory, the
 * read models from their rows; both from here, so that they cannot differ.
 */
export interface LotFigures {
  readonly id: string;
  readonly creditType: string;
  readonly amount: Credits;
  readonly remaining: Credits;
  readonly held: Credits;
  readonly voided: Credits;
  readonly expired: Credits;
  readonly forfeited: Credits;
  /** It was voided while holds had part of it: what they give back is voided, too. */
  readonly restVoided: boolean;
  readonly priority: number;
  readonly effectiveAt: Instant;
  /** False while it waits for its `effectiveAt`, or for the booking that it has taken effect. */
  readonly activated: boolean;
  readonly expiresAt: Instant | null;
  readonly scope: Scope | null;
  readonly cap: ConsumptionCap | null;
  readonly capWindow: string;
  readonly capUsed: Credits;
  readonly costBasis: LotTerms['costBasis'];
  readonly funding: LotTerms['funding'];
}

export const LOT_STATES = ['active', 'scheduled', 'dormant', 'spent', 'expired', 'voided'] as const;
export type LotState = (typeof LOT_STATES)[number];

/** What a lot is at `now`, booked or not. `dormant` where the organization's closure keeps it. */
export const lotStateOf = (lot: LotFigures, now: Instant, dormant: boolean): LotState => {
  if (lot.voided > 0n && lot.remaining === NO_CREDITS) return 'voided';
  if (lot.expiresAt !== null && lot.expiresAt <= now) {
    return lot.remaining > 0n || lot.expired > 0n ? 'expired' : 'spent';
  }
  if (lot.remaining === NO_CREDITS) return lot.forfeited > 0n ? 'voided' : 'spent';
  if (lot.restVoided) return 'voided';
  if (dormant) return 'dormant';
  return lot.effectiveAt > now ? 'scheduled' : 'active';
};

export const lotDocument = (lot: LotFigures, now: Instant, dormant = false): JsonObject => ({
  id: lot.id,
  credit_type: lot.creditType,
  amount: format(lot.amount),
  remaining: format(lot.remaining),
  held: format(lot.held),
  priority: lot.priority,
  effective_at: lot.effectiveAt,
  expires_at: lot.expiresAt,
  scope: lot.scope === null ? null : ({ ...lot.scope } as JsonObject),
  cap: lot.cap === null ? null : { amount: format(lot.cap.amount), per: lot.cap.per },
  cost_basis: lot.costBasis === null ? null : { ...lot.costBasis },
  funding: lot.funding,
  state: lotStateOf(lot, now, dormant),
});

export interface HoldFigures {
  readonly id: string;
  readonly wallet: string;
  readonly total: Credits;
  readonly captured: Credits;
  readonly state: 'open' | 'captured' | 'released' | 'expired';
  readonly expiresAt: Instant;
  readonly serviceType: string | null;
  readonly reference: string | null;
}

export const holdDocument = (hold: HoldFigures): JsonObject => ({
  id: hold.id,
  wallet: hold.wallet,
  amount: format(hold.total),
  captured: format(hold.captured),
  state: hold.state,
  expires_at: hold.expiresAt,
  service_type: hold.serviceType,
  reference: hold.reference,
});

export interface WalletFigures {
  readonly key: string;
  readonly unit: string;
  readonly settled: Credits;
  /** Lots' held and what open holds may overdraw. */
  readonly held: Credits;
  readonly debt: Credits;
  readonly lowBalanceThreshold: Credits | null;
  readonly lifetimeAdded: Credits;
  readonly lifetimePurchased: Credits;
  readonly lifetimeSpent: Credits;
  readonly policyVersion: number;
  /** Lots with something remaining. */
  readonly live: readonly LotFigures[];
  /** Lots with nothing remaining since the last lot of their credit type began. */
  readonly usedUp: readonly LotFigures[];
  /** True where the organization is closed: what it kept cannot be spent. */
  readonly dormant: boolean;
}

export type WalletStatus = 'healthy' | 'low_balance' | 'critical' | 'overdrawn';

/** Above the threshold, at or below it, below half of it, below zero (spec.md §7). Without a threshold only the last. */
export const statusOf = (available: Credits, threshold: Credits | null): WalletStatus => {
  if (available < 0n) return 'overdrawn';
  if (threshold === null || available > threshold) return 'healthy';
  return available * 2n < threshold ? 'critical' : 'low_balance';
};

/** A wallet as it is at `now`, with the debt that its lots have paid when they took effect, booked or not (INV-LOT-7). */
export const figuresAt = (wallet: WalletFigures, now: Instant): WalletFigures => {
  const due = wallet.dormant ? [] : dueActivations(wallet.live, now);
  if (due.length === 0) return wallet;
  const after = withDueActivations(wallet, now);
  const left = new Set(after.live.map(({ id }) => id));
  let { usedUp } = wallet;
  for (const lot of due) {
    usedUp = stillUsedUp(usedUp, lot);
    if (!left.has(lot.id)) usedUp = [...usedUp, { ...lot, remaining: NO_CREDITS }]; // it all went into debt
  }
  return { ...after, usedUp };
};

/** Of lots that are used up, those that stay so where a lot begins: of its type only itself, which debt may have used up. */
export const stillUsedUp = <L extends { readonly id: string; readonly creditType: string }>(
  usedUp: readonly L[],
  begun: Pick<L, 'id' | 'creditType'>,
): L[] => usedUp.filter(({ id, creditType }) => creditType !== begun.creditType || id === begun.id);

/** Balances of a wallet at `now`: what has expired or is not yet effective counts by the clock, booked or not (INV-TIM-3). */
export interface Balances {
  readonly settled: Credits;
  readonly held: Credits;
  readonly available: Credits;
  readonly dormant: Credits;
  readonly debt: Credits;
  /** Free credits that only some charges can draw, by lot. */
  readonly restricted: readonly { readonly scope: Scope | null; readonly amount: Credits }[];
  /**
   * What the bar shows: Σ of what was granted, less what was voided, forfeited or expired, and Σ remaining of lots that have
   * begun and not expired. One that is used up counts until the next of its credit type begins: so the share falls as long as
   * nothing is granted or given back and no lot ends, and a wallet that is filled up is not judged by all it ever had.
   */
  readonly allocation: Credits;
  readonly remaining: Credits;
}

export const balancesOf = (booked: WalletFigures, now: Instant): Balances => {
  const wallet = figuresAt(booked, now);
  let [notSpendable, dormant, allocation, remaining, expired] = [0n, 0n, 0n, 0n, 0n];
  const restricted: { scope: Scope | null; amount: Credits }[] = [];
  for (const lot of wallet.live) {
    const free = lot.remaining - lot.held;
    const state = lotStateOf(lot, now, wallet.dormant);
    if (state === 'expired') expired += free;
    if (state === 'dormant') dormant += free;
    if (state === 'active' || state === 'voided') {
      allocation += allocatedBy(lot);
      remaining += lot.remaining;
    }
    if (state !== 'active') {
      notSpendable += free;
      continue;
    }
    const forAny = drawableByAny(lot, now);
    if (forAny < free) restricted.push({ scope: lot.scope, amount: credits(free - forAny) });
    notSpendable += free - forAny;
  }
  for (const lot of wallet.usedUp) {
    const isOver = wallet.dormant || (lot.expiresAt !== null && lot.expiresAt <= now);
    if (!isOver) allocation += allocatedBy(lot);
  }
  return {
    settled: credits(wallet.settled - expired),
    held: wallet.held,
    available: credits(wallet.settled - wallet.held - notSpendable),
    dormant: credits(dormant),
    debt: wallet.debt,
    restricted,
    allocation: credits(allocation),
    remaining: credits(remaining),
  };
};

/** What is left of a lot, and what was spent of it and not given back (INV-LOT-1). */
const allocatedBy = ({ amount, voided, forfeited, expired }: LotFigures): bigint =>
  amount - voided - forfeited - expired;

/** How much of a lot that is active at `now` any charge could draw: its free part, within its cap; none with a scope. */
export const drawableByAny = (lot: LotFigures, now: Instant): bigint => {
  const free = lot.remaining - lot.held;
  return lot.scope === null ? least(free, capRoom(lot, now)) : 0n;
};

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

const capRoom = (lot: LotFigures, now: Instant): bigint => {
  if (lot.cap === null) return lot.remaining;
  const window = capWindowOf(lot.cap, now);
  // What is held counts: it may still be captured in this window.
  const used = lot.held + (lot.capWindow === window ? lot.capUsed : 0n);
  return used >= lot.cap.amount ? 0n : lot.cap.amount - used;
};

export const balanceDocument = (balances: Balances): JsonObject => ({
  settled: format(balances.settled),
  held: format(balances.held),
  available: format(balances.available),
  dormant: format(balances.dormant),
  debt: format(balances.debt),
  restricted: balances.restricted.map(({ scope, amount }) => ({
    scope: scope === null ? null : ({ ...scope } as JsonObject),
    amount: format(amount),
  })),
});

/** Everything api.md shows of a wallet but `as_of`. */
export const walletDocument = (wallet: WalletFigures, now: Instant): JsonObject => {
  const balances = balancesOf(wallet, now);
  const share = balances.allocation === 0n ? 0n : (balances.remaining * 100n * ONE) / balances.allocation;
  const percent = divide(share, ONE / 100n, 'down') * (ONE / 100n);
  return {
    id: wallet.key,
    unit: wallet.unit,
    balance: balanceDocument(balances),
    status: statusOf(balances.available, wallet.lowBalanceThreshold),
    low_balance_threshold: wallet.lowBalanceThreshold === null ? null : format(wallet.lowBalanceThreshold),
    remaining_percent: formatDecimal(percent),
    bar: percent > 50n * ONE ? 'green' : percent >= 25n * ONE ? 'yellow' : 'red',
    lifetime_added: format(wallet.lifetimeAdded),
    lifetime_purchased: format(wallet.lifetimePurchased),
    lifetime_spent: format(wallet.lifetimeSpent),
    next_refresh_at: null,
    policy_version: wallet.policyVersion,
  };
};
