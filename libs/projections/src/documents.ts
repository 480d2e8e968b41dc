import type { OrganizationStatus, Role, TransactionKind } from '@drawdown/domain/events';
import type { Instant, Json, JsonObject, Position } from '@drawdown/kernel';

/** Whose data is read, at which time, and what the caller has already seen. */
export interface Reading {
  readonly organizationId: string;
  /** The organization's present time (its test clock's, or the machine's): what has expired and where periods end. */
  readonly now: Instant;
  /** The answer covers this position, or the read rejects with `ReadModelBehind` after 5 s. */
  readonly after?: Position | null;
}

/** Up to where an answer reaches (`position`: last revision per shard) and the moment it is for (`time` = `now`). */
export interface ReadAsOf {
  readonly position: Position;
  readonly time: Instant;
}

export interface Answer<T> {
  readonly value: T;
  readonly asOf: ReadAsOf;
}

/** Page of a list. Without `limit` 50; limits are the caller's to check (1–500). */
export interface PageRequest {
  readonly limit?: number;
  /** What a page answered as `next_cursor`; anything else rejects with `InvalidCursor`. */
  readonly cursor?: string | null;
}
export type Page<T> = { readonly data: readonly T[]; readonly next_cursor: string | null };

/**
 * Part of event time, half-open `[from, to)`. `period` stands for `from = now − n days` with an open end (events may be
 * a few minutes ahead), `all` and nothing at all for no bounds; an explicit `from` or `to` wins over `period`.
 */
export interface TimeRange {
  readonly period?: '7d' | '30d' | '90d' | 'all';
  readonly from?: Instant;
  readonly to?: Instant;
}

/** Attribution of what is listed or summed; null or absent: any. */
export interface UsageFilter {
  readonly wallet?: string | null;
  readonly serviceType?: string | null;
  readonly workspaceId?: string | null;
  readonly userId?: string | null;
  readonly resourceId?: string | null;
  readonly model?: string | null;
}

export interface TransactionFilter extends UsageFilter, TimeRange {
  readonly kind?: TransactionKind | null;
  readonly taskId?: string | null;
  readonly parentTransactionId?: string | null;
}

/** A transaction as api.md shows it. Absent attributes are null; amounts are decimal text. */
export type TransactionDocument = {
  readonly id: string;
  readonly kind: TransactionKind;
  readonly wallet: string;
  readonly credits_debited: string;
  readonly credits_credited: string;
  readonly service_type: string | null;
  readonly resource_type: string | null;
  readonly resource_id: string | null;
  readonly user_id: string | null;
  readonly workspace_id: string | null;
  /** One `quantity` in its unit; else Σ of the `*_tokens` in `tokens`; else a single quantity in its name; else null. */
  readonly usage_quantity: string | null;
  readonly usage_unit: string | null;
  /** The rate's price object. */
  readonly rate_applied: Json;
  readonly balance_before: string;
  readonly balance_after: string;
  readonly parent_transaction_id: string | null;
  /** For kind `refund`: the charge that was given back. */
  readonly refunded_transaction_id: string | null;
  readonly task_id: string | null;
  readonly event_time: Instant;
  readonly booked_at: Instant;
  /** Id of a key or a person, or `system`. */
  readonly actor: string;
  readonly rate_card: string | null;
  readonly rate_card_version: number | null;
  readonly policy_version: number;
  readonly model: string | null;
  readonly latency_ms: number | null;
  readonly slices: readonly { readonly lot_id: string; readonly amount: string }[];
  /** Number of the transaction in its wallet. */
  readonly sequence: number;
  /** Part of the price that became debt, or that nobody owes. */
  readonly debt: string;
  readonly uncovered: string;
};

/**
 * A transaction with all below it; `subtotal` = own debit + Σ children's subtotals, the same in every tree that shows it.
 * A parent that closes a circle does not count, although `parent_transaction_id` says what was sent.
 */
export type TransactionTree = TransactionDocument & {
  readonly subtotal: string;
  readonly children: readonly TransactionTree[];
};

/** Where a transaction stands in the log: event `revision` of `ledger-<shard>`, and its place in that event. */
export interface TransactionPlace {
  readonly shard: number;
  readonly revision: number;
  readonly index: number;
}

/** What a charge was made from. `usage` and `rate` as recorded in the event; all null for other kinds. */
export type Explanation = {
  readonly transaction: TransactionDocument;
  readonly usage: {
    readonly source: string;
    readonly id: string;
    readonly type: string;
    readonly quantities: Readonly<Record<string, string>>;
    readonly unit: string | null;
    readonly provider_cost: { readonly amount: string; readonly currency: string } | null;
    readonly dimensions: Readonly<Record<string, string>> | null;
  } | null;
  readonly rate: {
    readonly card: string;
    readonly version: number;
    readonly index: number;
    readonly price: Json;
    readonly rounding: Json;
  } | null;
  /** Price before rounding, `numerator/denominator` in 10⁻⁹ credits; null where rounding changed nothing. */
  readonly exact: string | null;
  readonly place: { readonly stream: string; readonly revision: number; readonly index: number };
};

export const BREAKDOWN_KEYS = ['workspace', 'service_type', 'user', 'model', 'resource', 'agent', 'wallet'] as const;
export type BreakdownKey = (typeof BREAKDOWN_KEYS)[number];
export interface BreakdownQuery extends UsageFilter, TimeRange {
  /** `agent` covers only resources of type `agent`; the others cover all consumption. */
  readonly by: BreakdownKey;
}
/** Largest first, ties by key; shares are cut to two decimals and need not add up to 100. `transactions` counts. */
export type Breakdown = {
  readonly data: readonly {
    readonly key: string | null;
    readonly credits: string;
    readonly transactions: number;
    readonly share_percent: string;
  }[];
  readonly total: string;
};

export interface SpendingQuery extends UsageFilter, TimeRange {
  readonly bucket: 'day' | 'hour';
}
/**
 * Every bucket of the range, in order, none left out, by UTC event time. The first is partial where the range starts
 * inside it: Σ credits = Σ of the transactions of the same range.
 */
export type Spending = {
  readonly data: readonly { readonly start: Instant; readonly credits: string }[];
  readonly total: string;
};

export type BurnRate = {
  readonly credits_per_day: string;
  /** Where the projection of the burndown ends; null where it does not, or nothing is consumed; `now` where nothing is left. */
  readonly projected_depletion_at: Instant | null;
  readonly low: Instant | null;
  readonly high: Instant | null;
  readonly confidence: 'low' | 'medium' | 'high';
  readonly basis_days: number;
};

export interface BurndownQuery {
  readonly wallet: string;
  /** `30d` unless said. */
  readonly period?: TimeRange['period'];
  /** What the burn rate is judged by; `7d` unless said. */
  readonly window?: '7d' | '30d';
}
export type BalancePoint = { readonly time: Instant; readonly balance: string };
/**
 * A wallet's settled balance: `data` at each UTC midnight from that of the day on which the period begins, and at the
 * present time; `projection` from there until nothing is available, at the burn rate; empty where nothing burns.
 */
export type Burndown = { readonly data: readonly BalancePoint[]; readonly projection: readonly BalancePoint[] };

export type OrganizationDocument = {
  readonly id: string;
  readonly name: string;
  readonly preset: string;
  readonly plan: string;
  readonly status: OrganizationStatus;
  readonly test_clock: string | null;
  readonly rate_card: string | null;
  /** Keys, in the preset's order. */
  readonly wallets: readonly string[];
};

/** `charged` or `refused` where the same identity was so later. */
export type QuarantineState = 'open' | 'charged' | 'refused';
export type Membership = { readonly organization_id: string; readonly role: Role };

export type QuarantineEntry = {
  readonly organization_id: string;
  readonly source: string;
  readonly id: string;
  readonly code: string;
  readonly detail: string;
  readonly event_time: Instant;
  readonly quarantined_at: Instant;
  readonly state: QuarantineState;
  /** The whole usage event in its stored form. */
  readonly usage: JsonObject;
};
export interface QuarantineFilter {
  readonly organizationId?: string | null;
  readonly code?: string | null;
  readonly state?: QuarantineState | null;
}
