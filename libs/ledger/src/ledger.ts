import type { Instant, JsonObject, Position } from '@drawdown/kernel';
import type { Actor, Organization, OrganizationCommand, QuarantineCode, Refusal, UsageEvent } from '@drawdown/domain';

/** Who sends a command, in which request, and under which key it may be repeated. */
export interface Sender {
  readonly actor: Actor;
  readonly requestId: string;
}

export interface Idempotency {
  /** The caller's Idempotency-Key. */
  readonly key: string;
  /** Hash of route and body: the same key with another hash is refused. */
  readonly hash: string;
}

export type CommandResult =
  | { readonly accepted: true; readonly answer: JsonObject; readonly position: Position; readonly replayed: boolean }
  | { readonly accepted: false; readonly refusal: Refusal; readonly replayed: boolean }
  /** The key was used before with another content; nothing happened. */
  | { readonly accepted: false; readonly keyReused: true };

/** What became of one usage event. */
export type UsageOutcome =
  | {
      readonly outcome: 'charged' | 'duplicate';
      readonly transactionId: string;
      readonly wallet: string;
      readonly debited: bigint;
      readonly uncovered: bigint;
      readonly balanceAfter: bigint;
    }
  | { readonly outcome: 'conflict'; readonly transactionId: string | null }
  | {
      readonly outcome: 'quarantined';
      readonly code: QuarantineCode;
      readonly detail: string;
      readonly duplicate: boolean;
    }
  | {
      readonly outcome: 'refused';
      readonly code: string;
      readonly detail: string;
      readonly wallet: string | null;
      readonly duplicate: boolean;
    };

export interface UsageResult {
  /** One per usage event, in the order given. */
  readonly outcomes: readonly UsageOutcome[];
  readonly position: Position;
}

export interface AsOf {
  readonly position: Position;
  readonly time: Instant;
}

/** Of usage that is durable and will be decided, but was not yet. */
export interface TakenOutcome {
  readonly outcome: 'taken';
}

export interface TakenResult {
  /** One per usage event, in the order given. */
  readonly outcomes: readonly (UsageOutcome | TakenOutcome)[];
  /** Of what was decided; null where nothing was yet. */
  readonly position: Position | null;
}

/** The write side, whatever shard and process an organization's facts are kept in. */
export interface Ledger {
  /**
   * Decides one command and resolves once its outcome is durable. Rejects with `LedgerUnavailable` where the store
   * cannot take it; then nothing is known to have happened, and the same key may be sent again.
   */
  run(
    organizationId: string,
    command: OrganizationCommand,
    sender: Sender,
    idempotency: Idempotency | null,
  ): Promise<CommandResult>;

  /** Charges usage of any organizations; each event stands for itself. Durable when it resolves. */
  charge(usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult>;

  /**
   * Takes usage for certain, for senders that do not wait for what becomes of it: where taking and deciding are apart,
   * resolves when the usage is durable. An organization that there is not is an outcome all the same.
   */
  take(usages: readonly UsageEvent[], sender: Sender): Promise<TakenResult>;

  /** Drives quarantined usage again: charged at most once, at the card version of its event time. */
  redrive(usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult>;

  /**
   * Shows the durable state of an organization to `view`, after what is due now has been taken into account by the
   * view itself; `undefined` where there is no such organization. With `after`: not before that position is reached,
   * else `ReadBehind` after 5 s.
   */
  read<T>(
    organizationId: string,
    after: Position | null,
    view: (organization: Organization, now: Instant) => T,
  ): Promise<{ readonly value: T; readonly asOf: AsOf } | undefined>;

  /**
   * The organization folded from the log up to a position or an instant (booking time, inclusive; what was due by then
   * has happened, whenever it was booked); `undefined` where it did not exist then. Rejects with `LedgerUnavailable`
   * where too many ask at once.
   */
  asOf<T>(
    organizationId: string,
    when: { readonly position: Position } | { readonly instant: Instant },
    view: (organization: Organization, now: Instant) => T,
  ): Promise<{ readonly value: T; readonly asOf: AsOf } | undefined>;

  /** The time by which the organization lives: its test clock's, or the machine's. */
  now(organizationId: string): Promise<Instant>;

  /** Books everything due up to the clock's present time on all organizations that live on it, in time order. */
  settleClock(clockId: string): Promise<void>;

  shardOf(organizationId: string): number;
}
export const Ledger = Symbol('Ledger');

/** The ledger cannot answer now: its store is away, full or being recovered. Safe to send again with the same key. */
export class LedgerUnavailable extends Error {
  readonly code: 'unavailable' | 'organization_frozen' | 'record_too_large' = 'unavailable';
}

/** Of one that is frozen nothing is decided until an operator has seen to it: sending it again does not help. */
export const FROZEN =
  'the organization is frozen, because its books did not add up: sending this again does not help, the operator must look (runbook DrawdownOrganizationFrozen)';

/** The organization is {@link FROZEN}. What was asked of it before may have happened, as with any that is unavailable. */
export class OrganizationIsFrozen extends LedgerUnavailable {
  override readonly code = 'organization_frozen';

  constructor() {
    super(FROZEN);
  }
}

/** Some of what was sent is larger than the stream is set to take, until somebody changes that; the rest may be taken. */
export class TooLargeForStream extends LedgerUnavailable {
  override readonly code = 'record_too_large';
}

/** The shard's owner is going: nothing happened, and whoever owns the shard next can take it. */
export class ShardStopping extends LedgerUnavailable {}

/** What is told of a list of usage of which something is stored, or may be. */
export const ONE_FAILED = 'the ledger could not decide one of these; sent again, those that are stored are duplicates';

/**
 * The program failed on this work, and would again. Of a command nothing happened; of usage no more than `before`, or, for
 * several shards, than each of the others has stored.
 */
export class DecisionFailed extends LedgerUnavailable {
  constructor(
    message: string,
    options?: ErrorOptions,
    /**
     * Of several usage events, all of one shard, what became of the first of them, which are stored. The one that it failed
     * on is not always the next: what was decided since in the same turn may have been dropped with it.
     */
    readonly before: UsageResult | null = null,
  ) {
    super(message, options);
  }
}

/** This record was taken in before, by another owner of the shard; what it became is not known here. */
export class DecidedBefore extends LedgerUnavailable {}

/** What the caller has seen is further than what can be shown within the time limit. */
export class ReadBehind extends Error {
  readonly code = 'read_model_behind';
}
