import {
  type Credits,
  format,
  type Instant,
  type Json,
  type Quantity,
  storedInstant,
  storedQuantity,
} from '@drawdown/kernel';
import { type Static, Type } from '@sinclair/typebox';
import { Nullable, type Quantities, readQuantities, WireInstant, WireQuantities, writeQuantities } from './wire';

/**
 * An identity (organization, source, id) is remembered for so long after its booking and counts once meanwhile; longer than
 * an event may be old (INV-INT-3). Who uses it again after that reports something new.
 */
export const REMEMBERED_DAYS = 40;

/** One reported fact of consumption, in canonical form: amounts exact, time UTC, absent things null. */
export interface UsageEvent {
  readonly organizationId: string;
  readonly source: string;
  readonly id: string;
  /** The CloudEvent's type; meters select by it. */
  readonly type: string;
  readonly time: Instant;
  readonly workspaceId: string | null;
  readonly userId: string | null;
  readonly serviceType: string;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly model: string | null;
  /** As reported, in order. A single `quantity` has the name `quantity` and its unit in {@link unit}. */
  readonly quantities: Quantities;
  readonly unit: string | null;
  readonly providerCost: { readonly amount: Quantity; readonly currency: string } | null;
  readonly parentTransactionId: string | null;
  readonly taskId: string | null;
  readonly latencyMs: number | null;
  readonly dimensions: Readonly<Record<string, string>> | null;
  /** Reporting and authorizing in one step: draw all of it or nothing. */
  readonly enforce: boolean;
  /** A provider's own usage object, not yet made disjoint. */
  readonly raw: { readonly provider: string; readonly usage: string } | null;
}

/** The whole usage event as it is kept where it could not be charged. `raw.usage` is the provider's object as JSON text. */
export const WireUsage = Type.Object({
  organization_id: Type.String(),
  source: Type.String(),
  id: Type.String(),
  type: Type.String(),
  time: WireInstant,
  workspace_id: Nullable(Type.String()),
  user_id: Nullable(Type.String()),
  service_type: Type.String(),
  resource_type: Nullable(Type.String()),
  resource_id: Nullable(Type.String()),
  model: Nullable(Type.String()),
  quantities: WireQuantities,
  unit: Nullable(Type.String()),
  provider_cost: Nullable(Type.Object({ amount: Type.String(), currency: Type.String() })),
  parent_transaction_id: Nullable(Type.String()),
  task_id: Nullable(Type.String()),
  latency_ms: Nullable(Type.Integer()),
  dimensions: Nullable(Type.Record(Type.String(), Type.String())),
  enforce: Type.Boolean(),
  raw: Nullable(Type.Object({ provider: Type.String(), usage: Type.String() })),
});

export const readUsage = (wire: Static<typeof WireUsage>): UsageEvent => ({
  organizationId: wire.organization_id,
  source: wire.source,
  id: wire.id,
  type: wire.type,
  time: storedInstant(wire.time),
  workspaceId: wire.workspace_id,
  userId: wire.user_id,
  serviceType: wire.service_type,
  resourceType: wire.resource_type,
  resourceId: wire.resource_id,
  model: wire.model,
  quantities: readQuantities(wire.quantities),
  unit: wire.unit,
  providerCost:
    wire.provider_cost === null
      ? null
      : { amount: storedQuantity(wire.provider_cost.amount), currency: wire.provider_cost.currency },
  parentTransactionId: wire.parent_transaction_id,
  taskId: wire.task_id,
  latencyMs: wire.latency_ms,
  dimensions: wire.dimensions,
  enforce: wire.enforce,
  raw: wire.raw,
});

export const writeProviderCost = (
  cost: UsageEvent['providerCost'],
): { readonly amount: string; readonly currency: string } | null =>
  cost === null ? null : { amount: format(cost.amount), currency: cost.currency };

export const writeUsage = (usage: UsageEvent): Static<typeof WireUsage> => ({
  organization_id: usage.organizationId,
  source: usage.source,
  id: usage.id,
  type: usage.type,
  time: usage.time,
  workspace_id: usage.workspaceId,
  user_id: usage.userId,
  service_type: usage.serviceType,
  resource_type: usage.resourceType,
  resource_id: usage.resourceId,
  model: usage.model,
  quantities: writeQuantities(usage.quantities),
  unit: usage.unit,
  provider_cost: writeProviderCost(usage.providerCost),
  parent_transaction_id: usage.parentTransactionId,
  task_id: usage.taskId,
  latency_ms: usage.latencyMs,
  dimensions: usage.dimensions === null ? null : { ...usage.dimensions },
  enforce: usage.enforce,
  raw: usage.raw,
});

/** One text per content: two deliveries of an identity are the same event exactly if these are equal (INV-INT-2). */
export const canonicalContent = (usage: UsageEvent): string => {
  const wire = writeUsage(usage);
  return JSON.stringify({
    ...wire,
    raw: wire.raw === null ? null : { ...wire.raw, usage: sorted(JSON.parse(wire.raw.usage) as Json) },
    quantities: [...wire.quantities].sort(([a], [b]) => (a < b ? -1 : 1)),
    dimensions: wire.dimensions === null ? null : Object.entries(wire.dimensions).sort(([a], [b]) => (a < b ? -1 : 1)),
  });
};

/** JSON with the keys of every object in one order. */
const sorted = (json: Json): Json => {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(sorted);
  const entries = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, sorted(value)]));
};

/** What a charge was priced by: the rate as it stands in its card version, so that it can be recomputed for ever. */
export interface AppliedRate {
  readonly card: string;
  readonly version: number;
  /** Place of the rate in its version. */
  readonly index: number;
  /** The rate's `price` object as saved, JSON. */
  readonly price: Readonly<Record<string, unknown>>;
  readonly rounding: { readonly scale: number; readonly mode: string };
}

/** One priced usage: the debit, its lots, its rate, its attribution. The transaction of kind `consumption`. */
export interface Charge {
  readonly usage: UsageEvent;
  /** Who reported it: id of a key or a user, `system` for the product itself. */
  readonly actor: string;
  readonly wallet: string;
  readonly policyVersion: number;
  readonly rate: AppliedRate;
  /** The price before rounding, `numerator/denominator` in 10⁻⁹ credits; null where rounding changed nothing. */
  readonly exact: string | null;
  readonly price: Credits;
  readonly slices: readonly { readonly lotId: string; readonly amount: Credits }[];
  /** Part of the price that became debt (under `debt`). */
  readonly debt: Credits;
  /** Part of the price that nobody owes (under `write_off`). */
  readonly uncovered: Credits;
  /** Number of the transaction in its wallet. */
  readonly sequence: number;
  readonly balanceBefore: Credits;
  readonly balanceAfter: Credits;
  /** Revision of the quarantine that this charge resolves; null where the usage was priced at once. */
  readonly redriven: number | null;
}
