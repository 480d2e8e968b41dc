import { format, formatDecimal, type Instant, storedCredits, storedQuantity } from '@drawdown/kernel';
import type { WireCharges } from './charge-columns';
import { type Attribution, keptByPlace, keptWallets, less, type WalletVisitor } from './charge-walks';
import { at, nameAt, sparse } from './read-charges';
import { type Charged, columnsOf } from './stored-charges';
import type { AppliedRate } from './usage';

/** A part of a debit and the lot that paid it, as text. */
export interface SliceText {
  readonly lotId: string;
  readonly amount: string;
}

/**
 * A charge as a list of transactions shows it, with what the visitor keeps of its wallet, rate and shape. Amounts are texts
 * in the one spelling of their value (INV-AMT-2): nearly always the stored ones, which were checked when they were decoded.
 */
export interface ChargeText<W, R, S> extends Attribution {
  readonly of: W;
  readonly organizationId: string;
  readonly wallet: string;
  readonly policyVersion: number;
  readonly sequence: number;
  readonly source: string;
  readonly id: string;
  readonly time: Instant;
  readonly actor: string;
  readonly rate: R;
  readonly shape: S;
  /** Sum of the quantities that are counted in its shape; null where none is. */
  readonly quantity: string | null;
  readonly debited: string;
  readonly balanceBefore: string;
  readonly balanceAfter: string;
  readonly debt: string;
  readonly uncovered: string;
  /** Holds during the call only. */
  readonly slices: readonly SliceText[];
  readonly parentTransactionId: string | null;
  readonly taskId: string | null;
  readonly latencyMs: number | null;
}

/** What charges are counted in that report quantities of the same names. */
export interface Counted {
  /** Places in the names of the quantities that are summed. */
  readonly places: readonly number[];
}

/** What lists charges. Wallets, rates and shapes are asked for once an event, as far as it has charges of them. */
export interface TransactionVisitor<W, R, S extends Counted> extends WalletVisitor<W> {
  rate(rate: AppliedRate): R;
  shape(names: readonly string[], unit: string | null): S;
  charged(charge: ChargeText<W, R, S>): void;
}

const ZERO = 48;

/** The one text of the value of a stored text: the same, unless its decimals end with a zero. */
const canonical = (text: string): string =>
  text.charCodeAt(text.length - 1) === ZERO && text.includes('.') ? format(storedCredits(text)) : text;

const amountText = (text: string | undefined): string => (text === undefined ? '0' : canonical(text));

/** Numbers and balances of the charges of each wallet, worked out one after the other. */
class Balances {
  before = '';
  after = '';
  private readonly next: number[];
  private readonly settled: bigint[] = [];
  private readonly texts: string[] = [];

  constructor(private readonly wallets: WireCharges['wallets']) {
    this.next = [...wallets.first_sequence];
  }

  /** Books the next charge of a wallet; its number. */
  debit(place: number, debited: bigint): number {
    const first = at(this.wallets.balance_before, place);
    this.before = this.texts[place] ?? canonical(first);
    const after = (this.settled[place] ?? storedCredits(first)) - debited;
    this.settled[place] = after;
    this.after = this.texts[place] = formatDecimal(after);
    const sequence = at(this.next, place);
    this.next[place] = sequence + 1;
    return sequence;
  }
}

/** Sums what is counted of a charge's quantities, which begin at `first`. */
const counted = (quantities: readonly string[], first: number, places: readonly number[]): string | null => {
  const [only] = places;
  if (only === undefined) return null;
  if (places.length === 1) return canonical(at(quantities, first + only));
  let sum = 0n;
  for (const place of places) sum += storedQuantity(at(quantities, first + place));
  return formatDecimal(sum);
};

/** Which lots paid what of each charge: one and the same list for all that one lot paid. */
const slicesByCharge = ({ lot, lots, price, splits }: WireCharges): ((i: number) => readonly SliceText[]) => {
  const split = sparse(splits);
  const only = { lotId: '', amount: '' };
  const whole = [only];
  return (i) => {
    const place = at(lot, i);
    if (place < 0) {
      return (split.get(i) ?? []).map(([paid, amount]) => ({ lotId: at(lots, paid), amount: canonical(amount) }));
    }
    only.lotId = at(lots, place);
    only.amount = canonical(at(price, i));
    return whole;
  };
};

/** Visits all charges in order, as far as transactions show them; none of them is read whole. */
export const walkTransactions = <W, R, S extends Counted>(
  charged: Charged,
  visitor: TransactionVisitor<W, R, S>,
): void => {
  const wire = columnsOf(charged);
  const { strings, wallets } = wire;
  const walletAt = keptWallets(wire, visitor);
  const rateAt = keptByPlace((place) => visitor.rate(at<AppliedRate>(wire.rates, place)));
  const shapeAt = keptByPlace((place) => {
    const { names, unit } = at(wire.shapes, place);
    return visitor.shape(names, unit);
  });
  const slicesAt = slicesByCharge(wire);
  const balances = new Balances(wallets);
  const [debts, uncovereds] = [sparse(wire.debt), sparse(wire.uncovered)];
  const [parents, tasks, latencies] = [sparse(wire.parent), sparse(wire.task), sparse(wire.latency)];
  let quantity = 0;
  for (let i = 0; i < wire.wallet.length; i++) {
    const place = at(wire.wallet, i);
    const shapePlace = at(wire.shape, i);
    const shape = shapeAt(shapePlace);
    const price = at(wire.price, i);
    const uncovered = uncovereds.get(i);
    const debited = less(storedCredits(price), uncovered);
    const sequence = balances.debit(place, debited);
    visitor.charged({
      of: walletAt(place),
      organizationId: at(wallets.organization, place),
      wallet: at(strings, wallets.wallet[place]),
      policyVersion: at(wallets.policy_version, place),
      sequence,
      source: at(strings, wire.source[i]),
      id: at(wire.id, i),
      time: at(wire.time, i) as Instant,
      actor: at(strings, wire.actor[i]),
      rate: rateAt(at(wire.rate, i)),
      shape,
      quantity: counted(wire.quantities, quantity, shape.places),
      debited: uncovered === undefined ? canonical(price) : formatDecimal(debited),
      balanceBefore: balances.before,
      balanceAfter: balances.after,
      debt: amountText(debts.get(i)),
      uncovered: amountText(uncovered),
      workspaceId: nameAt(strings, wire.workspace[i]),
      serviceType: nameAt(strings, wire.service_type[i]),
      userId: nameAt(strings, wire.user[i]),
      model: nameAt(strings, wire.model[i]),
      resourceType: nameAt(strings, wire.resource_type[i]),
      resourceId: nameAt(strings, wire.resource_id[i]),
      parentTransactionId: parents.get(i) ?? null,
      taskId: tasks.get(i) ?? null,
      latencyMs: latencies.get(i) ?? null,
      slices: slicesAt(i),
    });
    quantity += at(wire.shapes, shapePlace).names.length;
  }
};
