import { IsInstant, IsOneOf, IsText } from '../fields/fields';
import { IsCursor, IsLimit } from '../fields/query-fields';
import { ReadQuery } from '../organizations/shapes';
import { PERIODS } from '../reads/reading';

const any = { optional: true } as const;

class OwnQuery extends ReadQuery {
  @IsText(any) service_type?: string;
  @IsText(any) workspace_id?: string;
  @IsText(any) resource_id?: string;
  @IsText(any) model?: string;
}

export class OwnUsageQuery extends OwnQuery {
  @IsOneOf(PERIODS, any) period?: string;
  @IsInstant(any) from?: string;
  @IsInstant(any) to?: string;
}

export class OwnTrendQuery extends OwnQuery {
  @IsOneOf(['7d', '30d', '90d'], any) period?: string;
  @IsOneOf(['day', 'hour'], any) bucket?: string;
}

export class OwnTransactionsQuery extends OwnUsageQuery {
  @IsLimit() limit?: string;
  @IsCursor() cursor?: string;
}
