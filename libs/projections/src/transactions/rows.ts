import {
  type AppliedRate,
  type Booking,
  type Charged,
  type ChargeText,
  effectsOf,
  type OwnEvent,
  type SliceText,
  walkTransactions,
} from '@drawdown/domain/events';
import {
  DRAWDOWN_NAMESPACE,
  format,
  identityOf,
  type Instant,
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
  readonly namespaces: Map<string, Buffer>;
}

export const begin = (): TransactionDeltas => ({
  cells: Object.keys(TRANSACTION_COLUMNS).map(() => []),
  rates: new Map(),
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
const slicesText = (slices: readonly SliceText[]): string =>
  slices.map(({ lotId, amount }) => `${lotId}=${amount}`).join(' ');

export const readSlices = (text: string): { lot_id: string; amount: string }[] =>
  text === ''
    ? []
    : text.split(' ').map((slice) => {
        const end = slice.lastIndexOf('=');
        return { lot_id: slice.slice(0, end), amount: slice.slice(end + 1) };
      });

/** What is shown of the quantities of a shape: the sum of those at these places, in this unit. */
interface Shown {
  readonly places: readonly number[];
  readonly unit: string | null;
}

const NOTHING_SHOWN: Shown = { places: [], unit: null };

/** One quantity as it is, in its unit or, where it has a name of its own, in that; several as the sum of their tokens. */
const shownOf = (names: readonly string[], unit: string | null): Shown => {
  const [only] = names;
  if (names.length === 1 && only === 'quantity') return { places: [0], unit };
  const tokens = [...names.keys()].filter((place) => names[place]?.endsWith('_tokens'));
  if (tokens.length > 0) return { places: tokens, unit: 'tokens' };
  return names.length === 1 && only !== undefined ? { places: [0], unit: only } : NOTHING_SHOWN;
};

/** The key under which a rate's price is kept: a UUID of all it says, so that what says the same is kept once. */
const rateKey = ({ rates }: TransactionDeltas, rate: AppliedRate): string => {
  const { card, version, index, price, rounding } = rate;
  const all = JSON.stringify(['rate', card, version, index, price, rounding]);
  const key = uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, all));
  rates.set(key, rate);
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

/** The transactions of packed usage, one per charge. */
export const addCharges = (deltas: TransactionDeltas, charged: Charged, { revision, bookedAt }: LedgerRecord): void => {
  let index = 0;
  walkTransactions<Buffer, string, Shown>(charged, {
    wallet: (organizationId) => namespaceOf(deltas, organizationId),
    rate: (rate) => rateKey(deltas, rate),
    shape: shownOf,
    charged: (charge) => {
      addRow(deltas, chargeCells(charge, index++, revision, bookedAt));
    },
  });
};

const chargeCells = (
  charge: ChargeText<Buffer, string, Shown>,
  index: number,
  revision: number,
  bookedAt: Instant,
): Cell[] => [
  charge.organizationId,
  revision,
  index,
  uuidDigits(identityOf(charge.of, charge.source, charge.id)),
  'consumption',
  charge.wallet,
  charge.sequence,
  charge.debited,
  '0',
  charge.balanceBefore,
  charge.balanceAfter,
  charge.debt,
  charge.uncovered,
  charge.serviceType,
  charge.resourceType,
  charge.resourceId,
  charge.userId,
  charge.workspaceId,
  charge.model,
  charge.taskId,
  charge.parentTransactionId,
  null,
  charge.quantity,
  charge.shape.unit,
  charge.latencyMs,
  charge.rate,
  charge.policyVersion,
  charge.time,
  bookedAt,
  charge.actor,
  slicesText(charge.slices),
];

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
    slicesText(booking.slices.map(({ lotId, amount }) => ({ lotId, amount: format(amount) }))),
  ];
};
