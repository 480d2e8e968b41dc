import { TRANSACTION_KINDS } from '@drawdown/domain';
import { BREAKDOWN_KEYS } from '@drawdown/projections';
import { IsInstant, IsOneOf, IsText } from '../fields/fields';
import { PageQuery, ReadQuery } from '../organizations/shapes';
import { PERIODS } from './reading';

const any = { optional: true } as const;

export class TransactionsQuery extends PageQuery {
  @IsText(any) wallet?: string;
  @IsOneOf(TRANSACTION_KINDS, any) kind?: string;
  @IsText(any) service_type?: string;
  @IsText(any) workspace_id?: string;
  @IsText(any) user_id?: string;
  @IsText(any) resource_id?: string;
  @IsText(any) model?: string;
  @IsText(any) task_id?: string;
  @IsText(any) parent_transaction_id?: string;
  @IsOneOf(PERIODS, any) period?: string;
  @IsInstant(any) from?: string;
  @IsInstant(any) to?: string;
  @IsOneOf(['desc', 'asc'], any) order?: string;
}

/** Which usage a sum is of. */
class UsageFilters extends ReadQuery {
  @IsInstant(any) from?: string;
  @IsInstant(any) to?: string;
  @IsText(any) wallet?: string;
  @IsText(any) service_type?: string;
  @IsText(any) workspace_id?: string;
  @IsText(any) user_id?: string;
  @IsText(any) resource_id?: string;
  @IsText(any) model?: string;
}

export class BreakdownQueryShape extends UsageFilters {
  @IsOneOf(BREAKDOWN_KEYS) by!: string;
  @IsOneOf(PERIODS, any) period?: string;
}

export class SpendingQueryShape extends UsageFilters {
  @IsOneOf(['7d', '30d', '90d'], any) period?: string;
  @IsOneOf(['day', 'hour'], any) bucket?: string;
}

export class BurndownQueryShape extends ReadQuery {
  @IsText() wallet!: string;
  @IsOneOf(PERIODS, any) period?: string;
  @IsOneOf(['7d', '30d'], any) window?: string;
}

export class BurnRateQuery extends ReadQuery {
  @IsText() wallet!: string;
  @IsOneOf(['7d', '30d'], any) window?: string;
}
