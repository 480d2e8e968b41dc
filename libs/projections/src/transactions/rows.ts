import {
  type AppliedRate,
  type Booking,
  type Charge,
  effectsOf,
  type OwnEvent,
  type Quantities,
  type Slice,
} from '@drawdown/domain/events';
import {
  DRAWDOWN_NAMESPACE,
  format,
  formatDecimal,
  identityOf,
  organizationNamespace,
  uuidDigits,
  uuidText,
  uuidV5Bytes,
} from '@drawdown/kernel';
import { type LedgerRecord, ownerOf } from '../ledger-record';
import type { Cell } from '../rows';

/** Columns of a transaction and their types, in the order of {@link chargeCells} and {@link bookingCells}. */
export const TRANSACTION_COLUMNS = {
  organization_id: 'text',
  revision: 'bigint',
  idx: 'integer',
  id: 'uuid',
  kind: 'text',
  wallet: 'text',
  sequence: 'bigint',
  debited: 'numeric',
  credited: 'numeric',
  balance_before: 'numeric',
  balance_after: 'numeric',
  debt: 'numeric',
  uncovered: 'numeric',
  service_type: 'text',
  resource_type: 'text',
  resource_id: 'text',
  user_id: 'text',
  workspace_id: 'text',
  model: 'text',
  task_id: 'text',
  parent_transaction_id: 'text',
  refunded_transaction_id: 'text',
  usage_quantity: 'numeric',
  usage_unit: 'text',
  latency_ms: 'integer',
  rate: 'uuid',
  policy_version: 'integer',
  event_time: 'timestamptz',
  booked_at: 'timestamptz',
  actor: 'text',
  slices: 'text',
} as const;

export interface TransactionDeltas {
  /** By column: twenty thousand rows of thirty-one cells are as many arrays for the garbage collector, columns are few. */
  readonly cells: readonly Cell[][];
  /** Rates by key; each stands once in its table, its charges name it. */
  readonly rates: Map<string, AppliedRate>;
  readonly rateKeys: Map<AppliedRate, string>;
  readonly namespaces: Map<string, Buffer>;
}

export const begin = (): TransactionDeltas => ({
  cells: Object.keys(TRANSACTION_COLUMNS).map(() => []),
  rates: new Map(),
  rateKeys: new Map(),
  namespaces: new Map(),
});

const addRow = ({ cells }: TransactionDeltas, row: readonly Cell[]): void => {
  for (const [column, cell] of row.entries()) cells[column]?.push(cell);
};

/** Every transaction id is `txn_` and a UUID; the table has the UUID, a third of the bytes in each index. */
const PREFIX = 'txn_';

/** The UUID of a transaction id; undefined where it is none. */
export const uuidOf = (transactionId: string): string | undefined => {
  const uuid = transactionId.slice(PREFIX.length);
  return transactionId.startsWith(PREFIX) && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)
    ? uuid
    : undefined;
};

export const transactionIdOf = (uuid: string): string => PREFIX + uuid;

const storedUuid = (transactionId: string): string => {
  const uuid = uuidOf(transactionId);
  if (uuid === undefined) throw new Error(`${transactionId} is no transaction id`);
  return uuid;
};

/** Slices as `lot=amount lot=amount`: half the bytes of JSON, and nothing in it to be escaped. */
const slicesText = (slices: readonly Slice[]): string =>
  slices.map(({ lotId, amount }) => `${lotId}=${format(amount)}`).join(' ');

export const readSlices = (text: string): { lot_id: string; amount: string }[] =>
  text === ''
    ? []
    : text.split(' ').map((slice) => {
        const end = slice.lastIndexOf('=');
        return { lot_id: slice.slice(0, end), amount: slice.slice(end + 1) };
      });

/** One quantity as it is, in its unit or, where it has a name of its own, in that; several as the sum of their tokens. */
const usageOf = (quantities: Quantities, unit: string | null): [string | null, string | null] => {
  const [only] = quantities;
  if (quantities.length === 1 && only?.[0] === 'quantity') return [format(only[1]), unit];
  let tokens = 0n;
  let counted = 0;
  for (const [name, amount] of quantities) {
    if (!name.endsWith('_tokens')) continue;
    tokens += amount;
    counted += 1;
  }
  if (counted > 0) return [formatDecimal(tokens), 'tokens'];
  return quantities.length === 1 && only !== undefined ? [format(only[1]), only[0]] : [null, null];
};

/** The key under which a rate's price is kept: a UUID of all it says, so that what says the same is kept once. */
const rateKey = (deltas: TransactionDeltas, rate: AppliedRate): string => {
  let key = deltas.rateKeys.get(rate);
  if (key === undefined) {
    const { card, version, index, price, rounding } = rate;
    key = uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, JSON.stringify(['rate', card, version, index, price, rounding])));
    deltas.rateKeys.set(rate, key);
    deltas.rates.set(key, rate);
  }
  return key;
};

const namespaceOf = ({ namespaces }: TransactionDeltas, organizationId: string): Buffer => {
  let namespace = namespaces.get(organizationId);
  if (namespace === undefined) {
    namespace = organizationNamespace(organizationId);
    namespaces.set(organizationId, namespace);
  }
  return namespace;
};

export const addCharge = (
  deltas: TransactionDeltas,
  charge: Charge,
  index: number,
  { revision, bookedAt }: LedgerRecord,
): void => {
  const { usage } = charge;
  const [quantity, unit] = usageOf(usage.quantities, usage.unit);
  addRow(deltas, [
    usage.organizationId,
    revision,
    index,
    uuidDigits(identityOf(namespaceOf(deltas, usage.organizationId), usage.source, usage.id)),
    'consumption',
    charge.wallet,
    charge.sequence,
    formatDecimal(charge.price - charge.uncovered),
    '0',
    format(charge.balanceBefore),
    format(charge.balanceAfter),
    format(charge.debt),
    format(charge.uncovered),
    usage.serviceType,
    usage.resourceType,
    usage.resourceId,
    usage.userId,
    usage.workspaceId,
    usage.model,
    usage.taskId,
    usage.parentTransactionId,
    null,
    quantity,
    unit,
    usage.latencyMs,
    rateKey(deltas, charge.rate),
    charge.policyVersion,
    usage.time,
    bookedAt,
    charge.actor,
    slicesText(charge.slices),
  ]);
};

/** The transactions of an event that is no packed usage, one per booking. */
export const addBookings = (deltas: TransactionDeltas, event: OwnEvent, record: LedgerRecord): void => {
  for (const [index, booking] of effectsOf(event).bookings.entries()) {
    addRow(deltas, bookingCells(event, booking, index, record));
  }
};

const bookingCells = (event: OwnEvent, booking: Booking, index: number, record: LedgerRecord): Cell[] => {
  const captured = event.type === 'HoldCaptured' ? event.data : null;
  const usage = captured?.usage;
  return [
    ownerOf(record),
    record.revision,
    index,
    storedUuid(booking.transactionId),
    booking.kind,
    booking.wallet,
    booking.sequence,
    format(booking.debited),
    format(booking.credited),
    format(booking.balanceBefore),
    format(booking.balanceAfter),
    format(booking.debt),
    captured === null ? '0' : format(captured.uncovered),
    usage?.serviceType ?? null,
    usage?.resourceType ?? null,
    usage?.resourceId ?? null,
    usage?.userId ?? null,
    usage?.workspaceId ?? null,
    usage?.model ?? null,
    usage?.taskId ?? null,
    null,
    event.type === 'ChargeRefunded' ? event.data.chargeId : null,
    null,
    null,
    null,
    null,
    booking.policyVersion,
    booking.eventTime,
    record.bookedAt,
    record.actor.id,
    slicesText(booking.slices),
  ];
};
