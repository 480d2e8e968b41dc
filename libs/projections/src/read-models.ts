import type { LotState, OrganizationFigures, UsageEvent } from '@drawdown/domain/events';
import { ReadModelBehind } from '@drawdown/delivery';
import type { Instant, JsonObject, Position } from '@drawdown/kernel';
import type {
  Answer,
  Breakdown,
  BreakdownQuery,
  Burndown,
  BurndownQuery,
  BurnRate,
  Explanation,
  Membership,
  OrganizationDocument,
  Page,
  PageRequest,
  QuarantineEntry,
  QuarantineFilter,
  Reading,
  Spending,
  SpendingQuery,
  TransactionDocument,
  TransactionFilter,
  TransactionPlace,
  TransactionTree,
} from './documents';
import type { PersonModels } from './person/person';

export * from './documents';

/**
 * All queries on the read models. Each answers from one prefix of the organization's shard and says which; `undefined`
 * stands for "there is no such thing in this organization". All reject with {@link ReadModelBehind} (→ 503) where
 * `after` is not reached in time or the model is being built for the first time, with DatabaseUnavailable (→ 503) where
 * the database is away, and lists with {@link InvalidCursor} (→ 400).
 */
export interface ReadModels extends PersonModels {
  organization(reading: Reading): Promise<Answer<OrganizationDocument> | undefined>;
  /** Wallets' documents (api.md, without `as_of`), in the preset's order; undefined: no such organization. */
  wallets(reading: Reading): Promise<Answer<readonly JsonObject[]> | undefined>;
  wallet(reading: Reading, wallet: string): Promise<Answer<JsonObject> | undefined>;
  /** Lots' documents in the order of their grants; undefined: no such wallet. */
  lots(
    reading: Reading,
    wallet: string,
    query?: PageRequest & { readonly state?: LotState | null },
  ): Promise<Answer<Page<JsonObject>> | undefined>;
  /** Holds' documents, newest first. */
  holds(
    reading: Reading,
    query?: PageRequest & {
      readonly wallet?: string | null;
      readonly state?: 'open' | 'captured' | 'released' | 'expired' | null;
    },
  ): Promise<Answer<Page<JsonObject>>>;
  hold(reading: Reading, holdId: string): Promise<Answer<JsonObject> | undefined>;

  /**
   * All that is shown of an organization and decides about access, at one checkpoint; for processes that do not own its
   * shard. Says nothing of time: whoever shows it does (INV-TIM-3).
   */
  organizationFigures(
    reading: Omit<Reading, 'now'>,
  ): Promise<{ readonly value: OrganizationFigures; readonly position: Position } | undefined>;

  /** Those of these organizations that there are and that are active. */
  activeOrganizations(ids: readonly string[]): Promise<ReadonlySet<string>>;

  /** The organizations a person is a member of, by id. `asOf.position` covers all shards. */
  memberships(query: {
    readonly userId: string;
    readonly now: Instant;
    readonly after?: Position | null;
  }): Promise<Answer<readonly Membership[]>>;

  /** In booking order; `desc` (newest first) unless said. A cursor belongs to its filter and order. */
  transactions(
    reading: Reading,
    query?: TransactionFilter & PageRequest & { readonly order?: 'asc' | 'desc' },
  ): Promise<Answer<Page<TransactionDocument>>>;
  transaction(reading: Reading, id: string): Promise<Answer<TransactionDocument> | undefined>;
  /** With children to any depth, in booking order. */
  transactionTree(reading: Reading, id: string): Promise<Answer<TransactionTree> | undefined>;
  transactionPlace(reading: Reading, id: string): Promise<Answer<TransactionPlace> | undefined>;
  explanation(reading: Reading, id: string): Promise<Answer<Explanation> | undefined>;

  breakdown(reading: Reading, query: BreakdownQuery): Promise<Answer<Breakdown>>;
  spending(reading: Reading, query: SpendingQuery): Promise<Answer<Spending>>;
  /** As of what balances and consumption both cover. undefined: no such wallet. */
  burnRate(
    reading: Reading,
    query: { readonly wallet: string; readonly window?: '7d' | '30d' },
  ): Promise<Answer<BurnRate> | undefined>;

  /** As of what balances, their history and the burn rate all cover. undefined: no such wallet. */
  burndown(reading: Reading, query: BurndownQuery): Promise<Answer<Burndown> | undefined>;

  /** Over all organizations unless one is named; oldest first. `asOf.position` covers all shards. */
  quarantine(
    query: QuarantineFilter & PageRequest & { readonly after?: Position | null; readonly now: Instant },
  ): Promise<Answer<Page<QuarantineEntry>>>;
  /** Open entries as usage events, to be driven again; oldest first. With `after`: not before that position is reached. */
  quarantinedUsage(
    query: QuarantineFilter & PageRequest & { readonly after?: Position | null },
  ): Promise<{ readonly usages: readonly UsageEvent[]; readonly next_cursor: string | null }>;
}
/** Nest token of the read models. */
export const ReadModels = Symbol('ReadModels');

/** More than one answer should hold: buckets of a long range, nodes of a transaction's tree. Ask for less. */
export class AnswerTooLarge extends Error {
  readonly code = 'answer_too_large';
}

/** A cursor that no page of this list has answered. */
export class InvalidCursor extends Error {
  readonly code = 'invalid_cursor';
}

export { ReadModelBehind };
