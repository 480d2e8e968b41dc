import type { Instant, Position } from '@drawdown/kernel';
import { type Answer, type PersonKey, type PersonQuery, type PersonReading, ReadModels } from '@drawdown/projections';
import { Controller, Get, Inject, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { optional, positionFrom } from '../fields/values';
import { transactionOfMember } from '../reads/member-view';
import { bothOf, pageOf, rangeOf } from '../reads/reading';
import { readAnswer } from '../server/sending';
import { HttpSettings } from '../server/settings';
import { OwnOrganizations } from './own-organizations';
import { OwnTransactionsQuery, OwnTrendQuery, OwnUsageQuery } from './shapes';

type Asked = Pick<OwnUsageQuery, 'after' | 'service_type' | 'workspace_id' | 'resource_id' | 'model'>;
type OwnFilter = Omit<PersonQuery, 'period' | 'from' | 'to'> & { readonly now: Instant };

/** What the person behind the request used, over all organizations that it is a member of. */
@ApiTags('Own usage')
@Controller('v1/me')
export class MeController {
  constructor(
    @Inject(ReadModels) private readonly models: ReadModels,
    private readonly organizations: OwnOrganizations,
    private readonly settings: HttpSettings,
  ) {}

  @Get('usage')
  @ApiOperation({ summary: 'Own consumption, by the unit of the wallets that paid it' })
  usage(@Req() request: FastifyRequest, @Query() query: OwnUsageQuery) {
    return this.breakdown(request, query, 'unit');
  }

  @Get('usage/organizations')
  @ApiOperation({ summary: 'Own consumption by organization' })
  byOrganization(@Req() request: FastifyRequest, @Query() query: OwnUsageQuery) {
    return this.breakdown(request, query, 'organization');
  }

  @Get('usage/services')
  @ApiOperation({ summary: 'Own consumption by service type' })
  byService(@Req() request: FastifyRequest, @Query() query: OwnUsageQuery) {
    return this.breakdown(request, query, 'service_type');
  }

  @Get('usage/trend')
  @ApiOperation({ summary: 'Own consumption by day or hour, without gaps; 30 days unless said' })
  trend(@Req() request: FastifyRequest, @Query() query: OwnTrendQuery) {
    const range = {
      ...rangeOf({ period: query.period ?? '30d' }),
      bucket: query.bucket === 'hour' ? 'hour' : 'day',
    } as const;
    return this.answer(request, query, (readings, own) => this.models.personSpending(readings, { ...own, ...range }));
  }

  @Get('transactions')
  @ApiOperation({ summary: 'Own transactions, latest booking first' })
  transactions(@Req() request: FastifyRequest, @Query() query: OwnTransactionsQuery) {
    const asked = { ...rangeOf(query), ...pageOf(query) };
    return this.answer(request, query, async (readings, own, asMember) => {
      const page = await this.models.personTransactions(readings, { ...own, ...asked, after: coveredBy(readings) });
      const data = page.value.data.map((one) => (asMember.has(one.organization_id) ? transactionOfMember(one) : one));
      return { ...page, value: { ...page.value, data } };
    });
  }

  private breakdown(request: FastifyRequest, query: OwnUsageQuery, by: PersonKey): Promise<object> {
    const range = rangeOf(query);
    return this.answer(request, query, (readings, own) =>
      this.models.personBreakdown(readings, { ...own, ...range, by }),
    );
  }

  /** Asks about the organizations of the person; of none it is known, too, up to where. */
  private async answer<T extends object>(
    request: FastifyRequest,
    query: Asked,
    ask: (readings: readonly PersonReading[], own: OwnFilter, asMember: ReadonlySet<string>) => Promise<Answer<T>>,
  ): Promise<object> {
    const now = this.settings.now();
    const after = optional(query.after, positionFrom);
    const { userId, readings, asMember, asOf } = await this.organizations.of(request, now, after);
    const { service_type, workspace_id, resource_id, model } = query;
    const attribution = { serviceType: service_type ?? null, workspaceId: workspace_id ?? null, model: model ?? null };
    const own = { ...attribution, resourceId: resource_id ?? null, userId, now };
    const answered = await ask(readings, own, asMember);
    return readAnswer(readings.length === 0 ? { ...answered, asOf } : answered);
  }
}

const coveredBy = (readings: readonly PersonReading[]): Position | null =>
  readings.reduce<Position | null>((all, { after = null }) => bothOf(all, after), null);
