import type { Credits, Decision, Instant, JsonObject } from '@drawdown/kernel';
import type {
  AccessRefusal,
  CaptureUsage,
  Charge,
  ConsumptionCap,
  LotTerms,
  OwnEvent,
  Role,
  Scope,
  WalletPolicy,
} from '../events';
import type { Preset } from '../presets/preset';
import type { Organization } from './state';

/** Commands about one organization, imperative, with everything they need to be decided; times and ids are arguments. */
export type OrganizationCommand =
  | {
      readonly type: 'CreateOrganization';
      readonly name: string;
      readonly preset: Preset;
      readonly plan: string | null;
      readonly testClock: string | null;
    }
  | {
      readonly type: 'GrantCredits';
      readonly wallet: string;
      readonly creditType: string;
      readonly amount: Credits;
      readonly priority: number | null;
      readonly effectiveAt: Instant | null;
      readonly expiresAt: Instant | null;
      readonly scope: Scope | null;
      readonly cap: ConsumptionCap | null;
      readonly costBasis: LotTerms['costBasis'];
      readonly reason: string;
    }
  | { readonly type: 'VoidGrant'; readonly lotId: string; readonly reason: string }
  | { readonly type: 'AdjustBalance'; readonly wallet: string; readonly amount: Credits; readonly reason: string }
  | {
      readonly type: 'ChangeWalletPolicy';
      readonly wallet: string;
      readonly changes: Partial<WalletPolicy>;
      /** The version that the caller saw; null where it does not care. */
      readonly expectedVersion: number | null;
    }
  | {
      readonly type: 'AuthorizeHold';
      readonly wallet: string;
      readonly amount: Credits;
      readonly expiresAt: Instant | null;
      readonly serviceType: string | null;
      readonly reference: string | null;
    }
  | {
      readonly type: 'ExtendHold';
      readonly holdId: string;
      readonly expiresAt: Instant;
      readonly amount: Credits | null;
    }
  | {
      readonly type: 'CaptureHold';
      readonly holdId: string;
      readonly amount: Credits;
      readonly final: boolean;
      readonly usage: CaptureUsage;
    }
  | { readonly type: 'ReleaseHold'; readonly holdId: string }
  | {
      readonly type: 'RefundCharge';
      /** The charge as the log has it; null where there is none of that id. */
      readonly charge: RefundableCharge | null;
      readonly transactionId: string;
      readonly amount: Credits | null;
      readonly reason: string;
    }
  | { readonly type: 'AssignRateCard'; readonly rateCard: string }
  | { readonly type: 'SetMemberRole'; readonly userId: string; readonly role: Role; readonly by: Role | null }
  | { readonly type: 'RemoveMember'; readonly userId: string; readonly by: Role | null }
  | { readonly type: 'CloseOrganization'; readonly reason: string }
  | { readonly type: 'RecordAccessRefusal'; readonly refusal: AccessRefusal };

/** What a refund needs to know of the consumption it gives back. */
export interface RefundableCharge {
  readonly transactionId: string;
  readonly wallet: string;
  /** What was drawn or became debt; uncovered parts were paid by nobody and are not refunded. */
  readonly charged: Credits;
  readonly slices: Charge['slices'];
  readonly debt: Credits;
  /** When it was booked. */
  readonly bookedAt: Instant;
  /** False for transactions that are no consumption. */
  readonly refundable: boolean;
}

/** Why a command was refused; what a client needs to act stands in `detail` and `more`. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
  /** JSON Pointer into the request, where one field is to blame. */
  readonly pointer?: string;
  /** Where several places are to blame. */
  readonly pointers?: readonly string[];
  /**
   * True where nothing can be meant by it any more, as time only goes on: nothing is remembered of it, and its
   * Idempotency-Key stays free for what was meant.
   */
  readonly untraced?: true;
  readonly more?: JsonObject;
}

export const REFUSAL_CODES = [
  'already_exists',
  'already_refunded',
  'ambiguous_rate',
  'amount_out_of_range',
  'exceeds_charge',
  'exceeds_hold',
  'hold_closed',
  'invalid_interval',
  'invalid_rate',
  'invalid_value',
  'last_owner',
  'not_found',
  'not_refundable',
  'organization_closed',
  'out_of_credits',
  'reason_required',
  'role_required',
  'time_goes_back',
  'too_many_items',
  'version_conflict',
  'version_immutable',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** What `decide` is given beside state and command. */
export interface Context {
  /** Booking time; never before the organization's last. */
  readonly now: Instant;
  /** The command's own id, from which the ids it makes are derived. */
  readonly commandId: string;
}

export type Outcome = Decision<OwnEvent, Refusal>;
export type CommandType = OrganizationCommand['type'];
export type CommandOf<T extends CommandType> = Extract<OrganizationCommand, { readonly type: T }>;

/** A credit rule: how one command is decided, and what its caller is told once its events are part of the state. */
export interface CommandRule<T extends CommandType> {
  readonly decide: (organization: Organization, command: CommandOf<T>, context: Context) => Outcome;
  readonly answer: (
    organization: Organization,
    command: CommandOf<T>,
    events: readonly OwnEvent[],
    context: Context,
  ) => JsonObject;
}

/** A rule that time alone sets off. */
export interface DueRule {
  /** When it next wants to act for this organization; null where nothing is pending. */
  readonly dueAt: (organization: Organization) => Instant | null;
  /** The facts of exactly that instant, booked at `now`. */
  readonly settle: (organization: Organization, due: Instant, now: Instant) => readonly OwnEvent[];
}
