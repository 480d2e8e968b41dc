import { type Credits, type Instant, storedCredits } from '@drawdown/kernel';
import type { WireCharges } from './charge-columns';
import { amountOf, at, nameAt, sparse } from './read-charges';
import { type Charged, columnsOf } from './stored-charges';

/** What consumption is attributed to. */
export interface Attribution {
  readonly workspaceId: string | null;
  readonly serviceType: string | null;
  readonly userId: string | null;
  readonly model: string | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
}

export const UNATTRIBUTED: Attribution = {
  workspaceId: null,
  serviceType: null,
  userId: null,
  model: null,
  resourceType: null,
  resourceId: null,
};

/** Asked for what it keeps of a wallet before the first charge of it; seldom again for the same one. */
export interface WalletVisitor<W> {
  wallet(organizationId: string, wallet: string): W;
}

/** What sums consumption. */
export interface ConsumptionVisitor<W> extends WalletVisitor<W> {
  /** `credits`: what was debited, 0 where an allowance or nobody paid. `by` holds during the call only. */
  consumed(of: W, eventTime: Instant, credits: bigint, by: Attribution): void;
}

/** What sums what charges do to wallets and lots. */
export interface DrawVisitor<W, L> extends WalletVisitor<W> {
  lot(of: W, lotId: string): L;
  /** `debt`: the part of `debited` that no lot paid. */
  charged(of: W, sequence: number, debited: bigint, debt: Credits): void;
  /** What a lot paid of the charge before. */
  drawn(lot: L, amount: Credits): void;
}

/** What a visitor keeps by place: asked for once an event instead of once a charge. */
export const keptByPlace = <T>(ask: (place: number) => T): ((place: number) => T) => {
  const kept: T[] = [];
  return (place) => {
    const known = kept[place];
    return known === undefined ? (kept[place] = ask(place)) : known;
  };
};

export const keptWallets = <W>({ wallets, strings }: WireCharges, visitor: WalletVisitor<W>): ((place: number) => W) =>
  keptByPlace((place) => visitor.wallet(at(wallets.organization, place), at(strings, wallets.wallet[place])));

/** Nearly always all is covered: a difference less. */
export const less = (price: Credits, uncovered: string | undefined): bigint =>
  uncovered === undefined ? price : price - storedCredits(uncovered);

/** Visits all charges in order, as far as consumption is summed; none of them is made into an object. */
export const walkConsumption = <W extends object>(charged: Charged, visitor: ConsumptionVisitor<W>): void => {
  const wire = columnsOf(charged);
  const { strings, wallet, time, price, workspace, service_type, user, model, resource_type, resource_id } = wire;
  const walletAt = keptWallets(wire, visitor);
  const uncovereds = sparse(wire.uncovered);
  const by: { -readonly [Key in keyof Attribution]: Attribution[Key] } = { ...UNATTRIBUTED };
  for (let i = 0; i < wallet.length; i++) {
    by.workspaceId = nameAt(strings, workspace[i]);
    by.serviceType = nameAt(strings, service_type[i]);
    by.userId = nameAt(strings, user[i]);
    by.model = nameAt(strings, model[i]);
    by.resourceType = nameAt(strings, resource_type[i]);
    by.resourceId = nameAt(strings, resource_id[i]);
    const debited = less(storedCredits(at(price, i)), uncovereds.get(i));
    visitor.consumed(walletAt(at(wallet, i)), at(time, i) as Instant, debited, by);
  }
};

/** Visits all charges in order, and what lots paid of each; none of them is made into an object. */
export const walkDraws = <W extends object, L extends object>(charged: Charged, visitor: DrawVisitor<W, L>): void => {
  const wire = columnsOf(charged);
  const { wallet, lots } = wire;
  const walletAt = keptWallets(wire, visitor);
  const next = [...wire.wallets.first_sequence];
  const [splits, debts, uncovereds] = [sparse(wire.splits), sparse(wire.debt), sparse(wire.uncovered)];
  // Lots of several wallets may have the same id.
  const owners: W[] = [];
  const kept: L[] = [];
  const lotAt = (of: W, place: number): L => {
    const known = kept[place];
    if (known !== undefined && owners[place] === of) return known;
    owners[place] = of;
    return (kept[place] = visitor.lot(of, at(lots, place)));
  };
  for (let i = 0; i < wallet.length; i++) {
    const place = at(wallet, i);
    const of = walletAt(place);
    const price = storedCredits(at(wire.price, i));
    const sequence = at(next, place);
    next[place] = sequence + 1;
    visitor.charged(of, sequence, less(price, uncovereds.get(i)), amountOf(debts.get(i)));
    const lot = at(wire.lot, i);
    if (lot >= 0) visitor.drawn(lotAt(of, lot), price);
    else for (const [paid, amount] of splits.get(i) ?? []) visitor.drawn(lotAt(of, paid), storedCredits(amount));
  }
};
