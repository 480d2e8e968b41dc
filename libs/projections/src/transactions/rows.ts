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
  organizationNamespace,
  uuidDigits,
  uuidText,
  uuidV5Bytes,
} from '@drawdown/kernel';
import { type LedgerRecord, ownerOf } from '../ledger-record';
import type { Cell } from '../rows';
import { type Columns, emptyColumns, NAMES, type TransactionColumn } from './transaction-columns';

export interface TransactionDeltas {
  readonly columns: Columns;
  /** Rates by key; each stands once in its table, its charges name it. */
  readonly rates: Map<string, AppliedRate>;
  readonly namespaces: Map<string, Buffer>;
}

export const begin = (): TransactionDeltas => ({
  columns: emptyColumns(),
  rates: new Map(),
  namespaces: new Map(),
});

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
const slicesText = (slices: readonly SliceText[]): string => {
  let text = '';
  for (const { lotId, amount } of slices) text += `${text === '' ? '' : ' '}${lotId}=${amount}`;
  return text;
};

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
export const addCharges = (deltas: TransactionDeltas, charged: Charged, record: LedgerRecord): void => {
  let index = 0;
  walkTransactions<Buffer, string, Shown>(charged, {
    wallet: (organizationId) => namespaceOf(deltas, organizationId),
    rate: (rate) => rateKey(deltas, rate),
    shape: shownOf,
    charged: (charge) => {
      addCharge(deltas.columns, charge, index++, record);
    },
  });
};

const addCharge = (
  columns: Columns,
  charge: ChargeText<Buffer, string, Shown>,
  index: number,
  { revision, bookedAt }: LedgerRecord,
): void => {
  columns.organization_id.add(charge.organizationId);
  columns.revision.add(revision);
  columns.idx.add(index);
  columns.id.add(uuidDigits(identityOf(charge.of, charge.source, charge.id)));
  columns.kind.add('consumption');
  columns.wallet.add(charge.wallet);
  columns.sequence.add(charge.sequence);
  columns.debited.add(charge.debited);
  columns.credited.add('0');
  columns.balance_before.add(charge.balanceBefore);
  columns.balance_after.add(charge.balanceAfter);
  columns.debt.add(charge.debt);
  columns.uncovered.add(charge.uncovered);
  columns.service_type.add(charge.serviceType);
  columns.resource_type.add(charge.resourceType);
  columns.resource_id.add(charge.resourceId);
  columns.user_id.add(charge.userId);
  columns.workspace_id.add(charge.workspaceId);
  columns.model.add(charge.model);
  columns.task_id.add(charge.taskId);
  columns.parent_transaction_id.add(charge.parentTransactionId);
  columns.refunded_transaction_id.add(null);
  columns.usage_quantity.add(charge.quantity);
  columns.usage_unit.add(charge.shape.unit);
  columns.latency_ms.add(charge.latencyMs);
  columns.rate.add(charge.rate);
  columns.policy_version.add(charge.policyVersion);
  columns.event_time.add(charge.time);
  columns.booked_at.add(bookedAt);
  columns.actor.add(charge.actor);
  columns.slices.add(slicesText(charge.slices));
};

/** The transactions of an event that is no packed usage, one per booking. */
export const addBookings = (deltas: TransactionDeltas, event: OwnEvent, record: LedgerRecord): void => {
  for (const [index, booking] of effectsOf(event).bookings.entries()) {
    const row = bookingCells(event, booking, index, record);
    for (const name of NAMES) deltas.columns[name].add(row[name]);
  }
};

const bookingCells = (
  event: OwnEvent,
  booking: Booking,
  index: number,
  record: LedgerRecord,
): Record<TransactionColumn, Cell> => {
  const captured = event.type === 'HoldCaptured' ? event.data : null;
  const usage = captured?.usage;
  return {
    organization_id: ownerOf(record),
    revision: record.revision,
    idx: index,
    id: storedUuid(booking.transactionId),
    kind: booking.kind,
    wallet: booking.wallet,
    sequence: booking.sequence,
    debited: format(booking.debited),
    credited: format(booking.credited),
    balance_before: format(booking.balanceBefore),
    balance_after: format(booking.balanceAfter),
    debt: format(booking.debt),
    uncovered: captured === null ? '0' : format(captured.uncovered),
    service_type: usage?.serviceType ?? null,
    resource_type: usage?.resourceType ?? null,
    resource_id: usage?.resourceId ?? null,
    user_id: usage?.userId ?? null,
    workspace_id: usage?.workspaceId ?? null,
    model: usage?.model ?? null,
    task_id: usage?.taskId ?? null,
    parent_transaction_id: null,
    refunded_transaction_id: event.type === 'ChargeRefunded' ? event.data.chargeId : null,
    usage_quantity: null,
    usage_unit: null,
    latency_ms: null,
    rate: null,
    policy_version: booking.policyVersion,
    event_time: booking.eventTime,
    booked_at: record.bookedAt,
    actor: record.actor.id,
    slices: slicesText(booking.slices.map(({ lotId, amount }) => ({ lotId, amount: format(amount) }))),
  };
};
