import { type Credits, credits, DAY_MICROS, type Instant, NO_CREDITS, shift, storedInstant } from '@drawdown/kernel';
import { capWindowOf, type ConsumptionCap, type LotTerms, type Role, type Scope, type WalletPolicy } from '../events';

/** What is left of a grant. At every event: amount + returned = remaining + consumed + expired + voided + forfeited (INV-LOT-1). */
export interface Lot {
  readonly id: string;
  readonly wallet: string;
  readonly creditType: string;
  readonly amount: Credits;
  readonly priority: number;
  readonly effectiveAt: Instant;
  expiresAt: Instant | null;
  readonly scope: Scope | null;
  readonly cap: ConsumptionCap | null;
  readonly costBasis: LotTerms['costBasis'];
  readonly funding: LotTerms['funding'];
  readonly sequence: number;
  remaining: Credits;
  held: Credits;
  returned: Credits;
  consumed: Credits;
  expired: Credits;
  voided: Credits;
  forfeited: Credits;
  /** It was voided while holds had part of it: what they give back is voided, too. */
  restVoided: boolean;
  /** False while the lot waits for its `effectiveAt`. */
  activated: boolean;
  /** Consumption in the cap's present window; of another window than the present one it means nothing. */
  capWindow: string;
  capUsed: Credits;
}

/** Credits of a lot that a hold sets aside. */
export interface HeldSlice {
  readonly lotId: string;
  amount: Credits;
  /** Its lot had expired, and a refund has let that live on since: this part does not (INV-HLD-6). */
  lapsed: boolean;
}

/** Credits set aside: per lot, and the part no lot covers. */
export interface Hold {
  readonly id: string;
  readonly wallet: string;
  readonly amount: Credits;
  slices: HeldSlice[];
  overdraft: Credits;
  captured: Credits;
  state: 'open' | 'captured' | 'released' | 'expired';
  expiresAt: Instant;
  readonly serviceType: string | null;
  readonly reference: string | null;
  readonly authorizedAt: Instant;
  /** The hold's amount with what extensions added. */
  total: Credits;
}

export interface Wallet {
  readonly key: string;
  readonly unit: string;
  readonly serviceTypes: readonly string[];
  policy: WalletPolicy;
  policyVersion: number;
  /** Lots with something left, in draw order. */
  live: Lot[];
  /** Lots with nothing left since the last lot of their credit type began: of their allocation is shown what remains. */
  usedUp: Lot[];
  /** Σ remaining − debt. */
  settled: Credits;
  /** Σ lots' held + what open holds may overdraw. */
  held: Credits;
  /** What open holds may overdraw. */
  overdrafts: Credits;
  debt: Credits;
  /** Number of the last transaction. */
  sequence: number;
  /** Number of the last grant. */
  grants: number;
  lifetimeAdded: Credits;
  lifetimePurchased: Credits;
  lifetimeSpent: Credits;
  /** Lots that paid debt, oldest first, less what refunds of that debt gave back: where such refunds go. */
  debtPayments: { readonly lotId: string; amount: Credits; readonly paidAt: Instant }[];
}

/** Everything the ledger keeps in memory of one organization. `decide` reads it, only `evolve` writes it. */
export interface Organization {
  readonly id: string;
  readonly name: string;
  readonly preset: string;
  readonly presetVersion: number;
  readonly plan: string;
  readonly testClock: string | null;
  readonly modelTiers: Readonly<Record<string, readonly string[]>>;
  readonly createdAt: Instant;
  status: 'active' | 'closed';
  /** A decision broke an invariant: nothing is decided any more, and nothing falls due. */
  frozen: boolean;
  rateCard: string | null;
  /** In the order of the preset. They are few: looking through them is quicker than hashing, and a map takes 180 bytes more. */
  readonly wallets: readonly Wallet[];
  /** All lots ever: a refund may come back to a spent one. */
  readonly lots: Map<string, Lot>;
  /** These four are written to by way of {@link ownMap}. */
  holds: ReadonlyMap<string, Hold>;
  /** Those of them that are open: what has ended is looked at no more, however many there were. */
  openHolds: ReadonlyMap<string, Hold>;
  members: ReadonlyMap<string, Role>;
  /** Per charge that was refunded at all, by {@link refundedKey}: how much of it. */
  refunded: ReadonlyMap<string, Credits>;
  /** What time alone moves on, in the order of its instants; written to by `timetable.ts` only. */
  endingHolds: readonly Hold[];
  waitingLots: readonly Lot[];
  expiringLots: readonly Lot[];
  /** Booking times never decrease. */
  lastBookedAt: Instant;
}

/** A charge among those refunded: an id that is used again long after names another charge, with an account of its own. */
export const refundedKey = (chargeId: string, bookedAt: Instant): string => `${chargeId} ${bookedAt}`;

/** What most organizations have none of, at first: an empty map takes 200 bytes. All of them have this one, or one like it. */
export const NONE: ReadonlyMap<never, never> = new Map<never, never>();

/** As {@link NONE}, for lists. */
export const NOTHING: readonly never[] = [];

/** The map, for writing: an empty one may be that of many organizations, so it is never written to. */
export const ownMap = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> =>
  map.size === 0 ? new Map<K, V>() : (map as Map<K, V>);

/** Whether the rest of its grant was cancelled: then nothing comes back to it (INV-LOT-4). */
export const isVoided = (lot: Lot): boolean => lot.voided > 0n || lot.restVoided;

/** What a lot has free: neither spent nor held. */
export const freeOf = (lot: Lot): Credits =>
  lot.held === NO_CREDITS ? lot.remaining : credits(lot.remaining - lot.held);

export const isExpired = (lot: Lot, now: Instant): boolean => lot.expiresAt !== null && lot.expiresAt <= now;
export const isEffective = (lot: Lot, now: Instant): boolean => lot.effectiveAt <= now;

/** When that window ends and the cap begins anew: the next midnight, or the first of the next month. */
export const capWindowEnd = (cap: ConsumptionCap, now: Instant): Instant => {
  const days = cap.per === 'day' ? 1n : 32n;
  const inNext = shift(startOf(capWindowOf(cap, now)), days * DAY_MICROS);
  return startOf(capWindowOf(cap, inNext));
};

const startOf = (window: string): Instant => storedInstant(`${window.padEnd(10, '-01')}T00:00:00.000000Z`);

/** How much more the lot's cap lets it pay or hold in the present window, held parts counted as paid; null without a cap. */
export const capRoomOf = (lot: Lot, now: Instant): Credits | null => {
  if (lot.cap === null) return null;
  const used = lot.held + (lot.capWindow === capWindowOf(lot.cap, now) ? lot.capUsed : 0n);
  return used >= lot.cap.amount ? NO_CREDITS : credits(lot.cap.amount - used);
};

/** A wallet's lot; a missing one is a bug or a damaged log, so it throws. */
export const lotOf = (organization: Organization, lotId: string): Lot => {
  const lot = organization.lots.get(lotId);
  if (lot === undefined) throw new Error(`${organization.id} has no lot ${lotId}`);
  return lot;
};

/** As {@link lotOf}, looking first where a drawn lot nearly always is: at the head of the wallet's live lots. */
export const drawnLot = (organization: Organization, wallet: Wallet, lotId: string): Lot => {
  const [head] = wallet.live;
  return head !== undefined && head.id === lotId ? head : lotOf(organization, lotId);
};

/** The wallet of that key, where the organization has one. */
export const walletNamed = (organization: Organization, key: string): Wallet | undefined => {
  for (const wallet of organization.wallets) if (wallet.key === key) return wallet;
  return undefined;
};

/** As {@link lotOf}, for a wallet. */
export const walletOf = (organization: Organization, key: string): Wallet => {
  const wallet = walletNamed(organization, key);
  if (wallet === undefined) throw new Error(`${organization.id} has no wallet ${key}`);
  return wallet;
};

/** As {@link lotOf}, for a hold. */
export const holdOf = (organization: Organization, holdId: string): Hold => {
  const hold = organization.holds.get(holdId);
  if (hold === undefined) throw new Error(`${organization.id} has no hold ${holdId}`);
  return hold;
};
