import {
  AT_ZERO,
  DRAW_ORDER_KEYS,
  LOT_STATES,
  ON_CLOSE,
  ON_SHORTFALL,
  OVER_CAPTURE,
  REFUND_EXPIRED,
  ROLES,
} from '@drawdown/domain';
import {
  IsA,
  IsAmount,
  IsCallerId,
  IsCurrency,
  IsFlag,
  IsInstant,
  IsName,
  IsOneOf,
  IsQuantities,
  IsText,
  IsTexts,
  IsUnit,
  IsUserId,
  IsWhole,
} from '../fields/fields';
import { IsCursor, IsLimit, IsMoment, IsPosition } from '../fields/query-fields';

const AFTER = 'answer only once this position is reached';
const DAYS_MAX = 3660;
const HOLD_SECONDS_MAX = 366 * 24 * 3600;
const PRIORITY_MAX = 1_000_000;

export class ReadQuery {
  @IsPosition(AFTER) after?: string;
}

export class PageQuery extends ReadQuery {
  @IsLimit() limit?: string;
  @IsCursor() cursor?: string;
}

/** A body that may be left out, and has nothing in it. */
export class NoFields {}

export class CreateOrganizationBody {
  @IsCallerId({ optional: true }) id?: string | null;
  @IsText() name!: string;
  @IsCallerId({ description: 'key of a preset' }) preset!: string;
  @IsCallerId({ optional: true, description: "one of the preset's plans; the first where absent" }) plan?:
    string | null;
  @IsCallerId({ optional: true }) test_clock?: string | null;
}

export class CloseOrganizationBody {
  @IsText({ blank: true }) reason!: string;
}

export class MemberBody {
  @IsOneOf(ROLES) role!: string;
}

export class RateCardKeyBody {
  @IsCallerId() key!: string;
}

export class LotsQuery extends PageQuery {
  @IsOneOf(LOT_STATES, { optional: true }) state?: string;
}

export class ScopeBody {
  @IsTexts({ optional: true }) service_types?: string[] | null;
  @IsTexts({ optional: true }) models?: string[] | null;
  @IsTexts({ optional: true }) model_tiers?: string[] | null;
  @IsTexts({ optional: true }) workspaces?: string[] | null;
}

export class CapBody {
  @IsAmount() amount!: string;
  @IsOneOf(['day', 'calendar-month']) per!: string;
}

export class CostBasisBody {
  @IsAmount({ description: 'money per credit' }) amount!: string;
  @IsCurrency() currency!: string;
}

export class GrantBody {
  @IsName() credit_type!: string;
  @IsAmount() amount!: string;
  @IsWhole(0, PRIORITY_MAX, {
    optional: true,
    description: 'smaller is drawn first; the credit type’s own where absent',
  })
  priority?: number | null;
  @IsInstant({ optional: true }) effective_at?: string | null;
  @IsInstant({ optional: true }) expires_at?: string | null;
  @IsA(() => ScopeBody, { optional: true }) scope?: ScopeBody | null;
  @IsA(() => CapBody, { optional: true }) consumption_cap?: CapBody | null;
  @IsA(() => CostBasisBody, { optional: true }) cost_basis?: CostBasisBody | null;
  @IsText({ blank: true }) reason!: string;
}

export class VoidBody {
  @IsText({ blank: true }) reason!: string;
}

export class AdjustmentBody {
  @IsAmount({ signed: true }) amount!: string;
  @IsText({ blank: true }) reason!: string;
}

export class PolicyBody {
  @IsAmount({ optional: true }) low_balance_threshold?: string | null;
  @IsTexts({ optional: true, values: DRAW_ORDER_KEYS }) draw_order?: string[] | null;
  @IsOneOf(ON_SHORTFALL, { optional: true }) on_shortfall?: string | null;
  @IsAmount({ optional: true }) overdraft_limit?: string | null;
  @IsOneOf(OVER_CAPTURE, { optional: true }) over_capture?: string | null;
  @IsWhole(1, HOLD_SECONDS_MAX, { optional: true }) max_hold_seconds?: number | null;
  @IsOneOf(AT_ZERO, { optional: true }) at_zero?: string | null;
  @IsOneOf(REFUND_EXPIRED, { optional: true }) refund_expired?: string | null;
  @IsWhole(0, DAYS_MAX, { optional: true }) refund_grace_days?: number | null;
  @IsOneOf(ON_CLOSE, { optional: true }) on_close?: string | null;
}

export class BalanceQuery extends ReadQuery {
  @IsCallerId({ optional: true }) wallet?: string;
  @IsMoment('a position or an instant, also one to come; now where absent') as_of?: string;
}

export class EstimateBody {
  @IsAmount({ optional: true }) credits?: string | null;
  @IsQuantities({ optional: true }) quantities?: Record<string, string> | null;
  @IsAmount({ optional: true }) quantity?: string | null;
  @IsUnit({ optional: true }) unit?: string | null;
}

export class CheckBody {
  @IsName() service_type!: string;
  @IsText({ optional: true }) model?: string | null;
  @IsA(() => EstimateBody, { optional: true }) estimate?: EstimateBody | null;
  @IsCallerId({ optional: true }) workspace_id?: string | null;
  @IsUserId({ optional: true }) user_id?: string | null;
}

export class HoldBody {
  @IsCallerId() wallet!: string;
  @IsAmount() amount!: string;
  @IsInstant({ optional: true }) expires_at?: string | null;
  @IsName({ optional: true }) service_type?: string | null;
  @IsText({ optional: true }) reference?: string | null;
}

export class ExtendHoldBody {
  @IsInstant() expires_at!: string;
  @IsAmount({ optional: true, description: 'set aside on top' }) amount?: string | null;
}

export class ResourceBody {
  @IsName() type!: string;
  @IsCallerId() id!: string;
}

export class CaptureUsageBody {
  @IsName({ optional: true }) service_type?: string | null;
  @IsCallerId({ optional: true }) workspace_id?: string | null;
  @IsUserId({ optional: true }) user_id?: string | null;
  @IsA(() => ResourceBody, { optional: true }) resource?: ResourceBody | null;
  @IsText({ optional: true }) model?: string | null;
  @IsCallerId({ optional: true }) task_id?: string | null;
}

export class CaptureHoldBody {
  @IsAmount() amount!: string;
  @IsFlag({ optional: true, description: 'true: the open rest is released' }) final?: boolean | null;
  @IsA(() => CaptureUsageBody, { optional: true }) usage?: CaptureUsageBody | null;
}

export class HoldsQuery extends PageQuery {
  @IsCallerId({ optional: true }) wallet?: string;
  @IsOneOf(['open', 'captured', 'released', 'expired'], { optional: true }) state?: string;
}

export class RefundBody {
  @IsCallerId() transaction_id!: string;
  @IsAmount({ optional: true, description: 'all that was not yet given back where absent' }) amount?: string | null;
  @IsText({ blank: true }) reason!: string;
}
