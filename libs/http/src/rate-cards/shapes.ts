import { ROUNDING_MODES } from '@drawdown/kernel';
import {
  IsA,
  IsAmount,
  IsCallerId,
  IsDimensions,
  IsInstant,
  IsJsonObject,
  IsListOf,
  IsName,
  IsOneOf,
  IsText,
  IsUnit,
  IsWhole,
} from '../fields/fields';

const SCALE_MAX = 9;
/** Rates of one version: each is compared with every other one. */
const RATES_MAX = 1_000;
const VERSION_MAX = 1_000_000;

export class CreateRateCardBody {
  @IsCallerId() key!: string;
  @IsText() name!: string;
  @IsUnit({ description: 'what it prices in: credit, or a currency' }) unit!: string;
}

export class RoundingBody {
  @IsWhole(0, SCALE_MAX) scale!: number;
  @IsOneOf(ROUNDING_MODES) mode!: string;
}

export class ActivateBody {
  @IsInstant({ optional: true }) effective_from?: string | null;
}

export class PreviewBody {
  @IsWhole(1, VERSION_MAX, { optional: true, description: 'the version in force at `at` where absent' })
  version?: number | null;
  @IsInstant({ optional: true }) at?: string | null;
  @IsJsonObject({ description: "as in a usage event's data" }) usage!: Record<string, unknown>;
  @IsAmount({ optional: true, description: 'quantity already used in the period' }) cumulative?: string | null;
}

export class RateBody {
  @IsName() service_type!: string;
  @IsText({ optional: true }) model?: string | null;
  @IsName({ optional: true }) resource_type?: string | null;
  @IsDimensions({ optional: true }) dimensions?: Record<string, string> | null;
  @IsCallerId({ optional: true }) wallet?: string | null;
  @IsJsonObject() price!: Record<string, unknown>;
}

export class VersionBody {
  @IsListOf(() => RateBody, RATES_MAX) rates!: RateBody[];
  @IsA(() => RoundingBody, { optional: true }) rounding?: RoundingBody | null;
  @IsInstant({ optional: true }) effective_from?: string | null;
}
