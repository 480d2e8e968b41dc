import type { LotMove, LotTerms, NewWallet, Role, WalletPolicy } from '@drawdown/domain/events';
import type { Instant } from '@drawdown/kernel';

/** What a batch changes of the balances: sums per wallet, lot and hold; absolute where the event says what is. */
export interface BalanceDeltas {
  readonly organizations: Map<string, OrganizationDeltas>;
  shard: number;
}

export interface OrganizationDeltas {
  created: CreatedOrganization | null;
  rateCard: string | null;
  /** Null where it stays as it is. */
  status: 'suspended' | 'closed' | null;
  /** Roles by person; null: no member any more. */
  readonly members: Map<string, Role | null>;
  readonly wallets: Map<string, WalletDelta>;
  readonly newLots: (LotTerms & { readonly activated: boolean })[];
  readonly lots: Map<string, LotDelta>;
  /** Ids of lots that began, in this order. */
  readonly begun: string[];
  readonly newHolds: NewHold[];
  readonly holds: Map<string, HoldDelta>;
}

export interface CreatedOrganization {
  readonly name: string;
  readonly preset: string;
  readonly presetVersion: number;
  readonly plan: string;
  readonly testClock: string | null;
  readonly modelTiers: Readonly<Record<string, readonly string[]>>;
  readonly createdAt: Instant;
  readonly wallets: readonly NewWallet[];
}

/**
 * Amounts are changes; `sequence` is the last transaction's number, 0 where there was none. What is spent stands in `spent`
 * alone, though it is taken from what is settled, too: nearly all there is to add up are charges, and a sum costs.
 */
export interface WalletDelta {
  readonly of: OrganizationDeltas;
  /** Without what is spent. */
  settled: bigint;
  held: bigint;
  debt: bigint;
  added: bigint;
  purchased: bigint;
  spent: bigint;
  sequence: number;
  policy: { readonly version: number; readonly policy: WalletPolicy } | null;
}

/** Changes of a lot's terms (INV-LOT-1). What is consumed stands in `draws` alone, as with wallets. */
export interface LotDelta {
  readonly of: OrganizationDeltas;
  returned: bigint;
  /** Without what is consumed. */
  remaining: bigint;
  held: bigint;
  expired: bigint;
  voided: bigint;
  forfeited: bigint;
  /** True where something came back to it that can be spent again. */
  revived: boolean;
  /** How many lots had begun when its remaining amount changed last. */
  changedAfter: number;
  /** True where it took effect. */
  activated: boolean;
  expiresAt: Instant | null;
  /** True where it was voided while held. */
  restVoided: boolean;
  /** By the UTC day of the draw. */
  readonly draws: DayDraws[];
}

/** What was consumed, and what of the day's draws came back: the rest is what a cap counts. */
export interface DayDraws {
  readonly day: string;
  consumed: bigint;
  returned: bigint;
}

export const consumedOf = ({ draws }: LotDelta): bigint => draws.reduce((sum, { consumed }) => sum + consumed, 0n);

export interface NewHold {
  readonly holdId: string;
  readonly wallet: string;
  readonly serviceType: string | null;
  readonly reference: string | null;
  readonly expiresAt: Instant;
  readonly revision: number;
}

export interface HoldDelta {
  total: bigint;
  captured: bigint;
  /** Open rest in lots, and above them. */
  held: bigint;
  overdraft: bigint;
  state: 'captured' | 'released' | 'expired' | null;
  expiresAt: Instant | null;
}

export const organizationIn = (deltas: BalanceDeltas, id: string): OrganizationDeltas => {
  let organization = deltas.organizations.get(id);
  if (organization === undefined) {
    organization = {
      created: null,
      rateCard: null,
      status: null,
      members: new Map(),
      wallets: new Map(),
      newLots: [],
      lots: new Map(),
      begun: [],
      newHolds: [],
      holds: new Map(),
    };
    deltas.organizations.set(id, organization);
  }
  return organization;
};

export const walletIn = (of: OrganizationDeltas, key: string): WalletDelta => {
  let wallet = of.wallets.get(key);
  if (wallet === undefined) {
    wallet = { of, settled: 0n, held: 0n, debt: 0n, added: 0n, purchased: 0n, spent: 0n, sequence: 0, policy: null };
    of.wallets.set(key, wallet);
  }
  return wallet;
};

export const lotIn = (of: OrganizationDeltas, id: string): LotDelta => {
  let lot = of.lots.get(id);
  if (lot === undefined) {
    lot = {
      of,
      returned: 0n,
      remaining: 0n,
      held: 0n,
      expired: 0n,
      voided: 0n,
      forfeited: 0n,
      revived: false,
      changedAfter: 0,
      activated: false,
      expiresAt: null,
      restVoided: false,
      draws: [],
    };
    of.lots.set(id, lot);
  }
  return lot;
};

export const holdIn = ({ holds }: OrganizationDeltas, id: string): HoldDelta => {
  let hold = holds.get(id);
  if (hold === undefined) {
    hold = { total: 0n, captured: 0n, held: 0n, overdraft: 0n, state: null, expiresAt: null };
    holds.set(id, hold);
  }
  return hold;
};

/** The UTC day by which caps count. */
export const dayOf = (drawnAt: Instant): string => drawnAt.slice(0, 10);

export const consumeFrom = (lot: LotDelta, amount: bigint, day: string): void => {
  drawsOn(lot, day).consumed += amount;
  lot.changedAfter = lot.of.begun.length;
};

const drawsOn = ({ draws }: LotDelta, day: string): DayDraws => {
  for (const known of draws) if (known.day === day) return known;
  const begun = { day, consumed: 0n, returned: 0n };
  draws.push(begun);
  return begun;
};

const changeRemaining = (lot: LotDelta, by: bigint): void => {
  lot.remaining += by;
  lot.changedAfter = lot.of.begun.length;
};

/** `drawnAt`: when that was drawn which is consumed or given back, as the event's effects say; caps count by it. */
export const moveLot = (lot: LotDelta, move: LotMove['move'], amount: bigint, drawnAt: Instant): void => {
  switch (move) {
    case 'consume':
      consumeFrom(lot, amount, dayOf(drawnAt));
      return;
    case 'return':
      lot.returned += amount;
      changeRemaining(lot, amount);
      if (amount > 0n) lot.revived = true;
      drawsOn(lot, dayOf(drawnAt)).returned += amount;
      return;
    case 'forfeit_return':
      lot.returned += amount;
      lot.forfeited += amount;
      return;
    case 'expire':
      lot.expired += amount;
      changeRemaining(lot, -amount);
      return;
    case 'void':
      lot.voided += amount;
      changeRemaining(lot, -amount);
      return;
    case 'forfeit':
      lot.forfeited += amount;
      changeRemaining(lot, -amount);
      return;
    case 'hold':
      lot.held += amount;
      return;
    case 'release':
      lot.held -= amount;
      return;
  }
};
