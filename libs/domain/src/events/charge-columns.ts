import { type Credits, format } from '@drawdown/kernel';
import { type Static, Type } from '@sinclair/typebox';
import type { AppliedRate, Charge } from './usage';
import { type Quantities, WireCredits } from './wire';

/**
 * The stored form of many charges: a record of columns. What repeats (names, wallets, rates, lots) stands once in a
 * dictionary and is referred to by its place; what most charges lack is a sparse list of `[charge, value]`. Store,
 * relay and consumers pay per event, hardly per charge, so this form decides the throughput of the whole.
 */
const Column = Type.Array(Type.Integer());
const Sparse = <T extends Parameters<typeof Type.Tuple>[0][number]>(value: T) =>
  Type.Array(Type.Tuple([Type.Integer(), value]));

export const WireCharges = Type.Object({
  /** Dictionary of names; a column's −1 is null. */
  strings: Type.Array(Type.String()),
  /** Wallets, as columns too: with many organizations in an event there are nearly as many as charges. */
  wallets: Type.Object({
    organization: Type.Array(Type.String()),
    wallet: Column,
    policy_version: Column,
    /** Settled balance before the first charge here, and that charge's number in the wallet; the others follow on. */
    balance_before: Type.Array(WireCredits),
    first_sequence: Column,
    balance_after: Type.Array(WireCredits),
  }),
  rates: Type.Array(
    Type.Object({
      card: Type.String(),
      version: Type.Integer(),
      index: Type.Integer(),
      price: Type.Record(Type.String(), Type.Unknown()),
      rounding: Type.Object({ scale: Type.Integer(), mode: Type.String() }),
    }),
  ),
  lots: Type.Array(Type.String()),
  /** Names of quantities as reported together, and the unit where it was one `quantity`. */
  shapes: Type.Array(Type.Object({ names: Type.Array(Type.String()), unit: Type.Union([Type.String(), Type.Null()]) })),
  wallet: Column,
  source: Column,
  id: Type.Array(Type.String()),
  type: Column,
  time: Type.Array(Type.String()),
  workspace: Column,
  user: Column,
  service_type: Column,
  resource_type: Column,
  resource_id: Column,
  model: Column,
  actor: Column,
  rate: Column,
  shape: Column,
  /** The quantities of all charges, one after the other, each as many as its shape has names. */
  quantities: Type.Array(Type.String()),
  price: Type.Array(WireCredits),
  /** The lot that paid the whole price; −1 where `splits` says more, or nothing was drawn. */
  lot: Column,
  splits: Sparse(Type.Array(Type.Tuple([Type.Integer(), WireCredits]))),
  debt: Sparse(WireCredits),
  uncovered: Sparse(WireCredits),
  exact: Sparse(Type.String()),
  provider_cost: Sparse(Type.Tuple([Type.String(), Type.String()])),
  parent: Sparse(Type.String()),
  task: Sparse(Type.String()),
  latency: Sparse(Type.Integer()),
  dimensions: Sparse(Type.Record(Type.String(), Type.String())),
  enforce: Column,
  /** Revisions of the quarantines that charges resolve. */
  redriven: Sparse(Type.Integer()),
});
export type WireCharges = Static<typeof WireCharges>;

/** Bytes of a place in a column, with its comma: an append of some hundred kilobytes has fewer than a million of each. */
const PLACE = 7;
/** Bytes of a sparse entry around its value: `[123456,],`. */
const SPARSE = 12;
/** Bytes of a charge besides what is counted one by one: its places, its time, the quotes of its id. */
const PER_CHARGE = 13 * PLACE + 30 + 3;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Adds to a sparse column where there is something to add; the bytes it takes. Texts are ids and numbers: plain ASCII. */
const addSparse = <T extends string | number>(column: [number, T][], index: number, value: T | null): number => {
  if (value === null) return 0;
  column.push([index, value]);
  return SPARSE + 2 + (typeof value === 'string' ? value.length : 16);
};

/** Gives each distinct text its place in a list. */
class Dictionary {
  readonly list: string[] = [];
  private readonly places = new Map<string, number>();
  private newBytes = 0;

  placeOf(text: string | null): number {
    if (text === null) return -1;
    let place = this.places.get(text);
    if (place === undefined) {
      place = this.list.length;
      this.places.set(text, place);
      this.list.push(text);
      this.newBytes += bytesOf(text) + 1;
    }
    return place;
  }

  /** Bytes that the list has grown by since this was last asked. */
  takeBytes(): number {
    const bytes = this.newBytes;
    this.newBytes = 0;
    return bytes;
  }
}

/** A column of places in a dictionary. Its next text is nearly always the one before: comparing costs less than looking it up. */
class TextColumn {
  readonly places: number[] = [];
  private last: string | null = null;
  private lastPlace = -1;

  constructor(private readonly dictionary: Dictionary) {}

  add(text: string | null): void {
    if (text !== this.last) {
      this.last = text;
      this.lastPlace = this.dictionary.placeOf(text);
    }
    this.places.push(this.lastPlace);
  }
}

interface LastShape {
  readonly place: number;
  readonly quantities: Quantities;
  readonly unit: string | null;
}

const isShaped = (shape: LastShape, quantities: Quantities, unit: string | null): boolean => {
  if (shape.unit !== unit || shape.quantities.length !== quantities.length) return false;
  for (let i = 0; i < quantities.length; i++) if (shape.quantities[i]?.[0] !== quantities[i]?.[0]) return false;
  return true;
};

/** Where the charges of one wallet go; an organization has few. */
interface WalletPlace {
  readonly wallet: string;
  place: number;
  readonly next: WalletPlace | undefined;
}

/** Gathers consecutive charges and writes them as columns. Charges of one wallet must come in the wallet's order. */
export class ChargeColumns {
  private readonly strings = new Dictionary();
  private readonly lotIds = new Dictionary();
  private readonly ratePlaces = new Map<AppliedRate, number>();
  private readonly walletPlaces = new Map<string, WalletPlace>();
  private readonly shapePlaces = new Map<string, number>();
  /** The shape of the charge before: nearly always that of the next one, too. */
  private lastShape: LastShape | null = null;
  private readonly lastBalance: Credits[] = [];
  private readonly lastSequence: number[] = [];
  private readonly texts = {
    source: new TextColumn(this.strings),
    type: new TextColumn(this.strings),
    workspace: new TextColumn(this.strings),
    user: new TextColumn(this.strings),
    service_type: new TextColumn(this.strings),
    resource_type: new TextColumn(this.strings),
    resource_id: new TextColumn(this.strings),
    model: new TextColumn(this.strings),
    actor: new TextColumn(this.strings),
  };
  private readonly columns: WireCharges = {
    strings: this.strings.list,
    wallets: {
      organization: [],
      wallet: [],
      policy_version: [],
      balance_before: [],
      first_sequence: [],
      balance_after: [],
    },
    rates: [],
    lots: this.lotIds.list,
    shapes: [],
    wallet: [],
    source: this.texts.source.places,
    id: [],
    type: this.texts.type.places,
    time: [],
    workspace: this.texts.workspace.places,
    user: this.texts.user.places,
    service_type: this.texts.service_type.places,
    resource_type: this.texts.resource_type.places,
    resource_id: this.texts.resource_id.places,
    model: this.texts.model.places,
    actor: this.texts.actor.places,
    rate: [],
    shape: [],
    quantities: [],
    price: [],
    lot: [],
    splits: [],
    debt: [],
    uncovered: [],
    exact: [],
    provider_cost: [],
    parent: [],
    task: [],
    latency: [],
    dimensions: [],
    enforce: [],
    redriven: [],
  };
  /** An upper estimate of the stored bytes so far, kept so that an append can be closed before its limit. */
  bytes = 50 + bytesOf(this.columns);

  get count(): number {
    return this.columns.id.length;
  }

  add(charge: Charge): void {
    const { columns, strings, texts } = this;
    const { usage } = charge;
    const index = columns.id.length;
    columns.wallet.push(this.walletPlace(charge));
    texts.source.add(usage.source);
    columns.id.push(usage.id);
    texts.type.add(usage.type);
    columns.time.push(usage.time);
    texts.workspace.add(usage.workspaceId);
    texts.user.add(usage.userId);
    texts.service_type.add(usage.serviceType);
    texts.resource_type.add(usage.resourceType);
    texts.resource_id.add(usage.resourceId);
    texts.model.add(usage.model);
    texts.actor.add(charge.actor);
    columns.rate.push(this.ratePlace(charge.rate));
    columns.shape.push(this.shapePlace(usage.quantities, usage.unit));
    let size = PER_CHARGE + usage.id.length;
    for (const [, amount] of usage.quantities) {
      const text = format(amount);
      columns.quantities.push(text);
      size += text.length + 3;
    }
    const price = format(charge.price);
    columns.price.push(price);
    size += price.length + 3;
    const [only] = charge.slices;
    const whole = charge.slices.length === 1 && only !== undefined && only.amount === charge.price;
    columns.lot.push(whole ? this.lotIds.placeOf(only.lotId) : -1);
    if (!whole && charge.slices.length > 0) {
      columns.splits.push([
        index,
        charge.slices.map(({ lotId, amount }): [number, string] => [this.lotIds.placeOf(lotId), format(amount)]),
      ]);
      size += SPARSE + 40 * charge.slices.length;
    }
    this.bytes += size + this.addRare(index, charge) + strings.takeBytes() + this.lotIds.takeBytes();
  }

  /** What most charges lack; the bytes it takes. */
  private addRare(index: number, { usage, debt, uncovered, exact, redriven }: Charge): number {
    const { columns } = this;
    let size =
      addSparse(columns.debt, index, debt === 0n ? null : format(debt)) +
      addSparse(columns.uncovered, index, uncovered === 0n ? null : format(uncovered)) +
      addSparse(columns.exact, index, exact) +
      addSparse(columns.redriven, index, redriven) +
      addSparse(columns.parent, index, usage.parentTransactionId) +
      addSparse(columns.task, index, usage.taskId) +
      addSparse(columns.latency, index, usage.latencyMs);
    if (usage.providerCost !== null) {
      const { amount, currency } = usage.providerCost;
      columns.provider_cost.push([index, [format(amount), currency]]);
      size += SPARSE + 40 + currency.length;
    }
    if (usage.dimensions !== null) {
      columns.dimensions.push([index, { ...usage.dimensions }]);
      size += SPARSE + bytesOf(usage.dimensions);
    }
    if (!usage.enforce) return size;
    columns.enforce.push(index);
    return size + PLACE;
  }

  /** The columns, ready to be stored. */
  wire(): WireCharges {
    this.columns.wallets.balance_after = this.lastBalance.map(format);
    return this.columns;
  }

  private walletPlace(charge: Charge): number {
    const { organizationId } = charge.usage;
    const { wallets } = this.columns;
    const first = this.walletPlaces.get(organizationId);
    let known = first;
    while (known !== undefined && known.wallet !== charge.wallet) known = known.next;
    let place = known?.place;
    // Numbers and balances are worked out when it is read: a charge that does not follow on begins anew.
    if (
      place === undefined ||
      wallets.policy_version[place] !== charge.policyVersion ||
      this.lastBalance[place] !== charge.balanceBefore ||
      this.lastSequence[place] !== charge.sequence - 1
    ) {
      place = wallets.organization.length;
      if (known !== undefined) known.place = place;
      else this.walletPlaces.set(organizationId, { wallet: charge.wallet, place, next: first });
      const before = format(charge.balanceBefore);
      wallets.organization.push(organizationId);
      wallets.wallet.push(this.strings.placeOf(charge.wallet));
      wallets.policy_version.push(charge.policyVersion);
      wallets.balance_before.push(before);
      wallets.first_sequence.push(charge.sequence);
      // Numbers may have 16 digits, the balance afterwards as many as an amount can have.
      this.bytes += organizationId.length + before.length + PLACE + 2 * 17 + 33 + 6;
    }
    this.lastBalance[place] = charge.balanceAfter;
    this.lastSequence[place] = charge.sequence;
    return place;
  }

  private ratePlace(rate: AppliedRate): number {
    let place = this.ratePlaces.get(rate);
    if (place === undefined) {
      place = this.columns.rates.length;
      this.ratePlaces.set(rate, place);
      this.columns.rates.push({
        card: rate.card,
        version: rate.version,
        index: rate.index,
        price: rate.price,
        rounding: rate.rounding,
      });
      this.bytes += bytesOf(rate) + 40;
    }
    return place;
  }

  private shapePlace(quantities: Quantities, unit: string | null): number {
    const { lastShape } = this;
    if (lastShape !== null && isShaped(lastShape, quantities, unit)) return lastShape.place;
    let key = unit ?? '';
    for (const [name] of quantities) key += `\n${name}`;
    let place = this.shapePlaces.get(key);
    if (place === undefined) {
      place = this.columns.shapes.length;
      this.shapePlaces.set(key, place);
      const shape = { names: quantities.map(([name]) => name), unit };
      this.columns.shapes.push(shape);
      this.bytes += bytesOf(shape) + 1;
    }
    this.lastShape = { place, quantities, unit };
    return place;
  }
}
