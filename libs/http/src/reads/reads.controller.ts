import type { TransactionKind } from '@drawdown/domain';
import { DAY_MICROS, HOUR_MICROS, type Instant, microsBetween, shift } from '@drawdown/kernel';
import {
  type Answer,
  type BreakdownKey,
  type Page,
  ReadModels,
  type TransactionDocument,
  type UsageFilter,
} from '@drawdown/projections';
import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { callerOf, organizationOf } from '../access/caller';
import { ReadQuery } from '../organizations/shapes';
import { finding, notFound, Problem } from '../problems/problem';
import { readAnswer } from '../server/sending';
import { explanationOfMember, transactionOfMember } from './member-view';
import { pageOf, type Period, rangeOf, readingOf } from './reading';
import {
  BreakdownQueryShape,
  BurndownQueryShape,
  BurnRateQuery,
  SpendingQueryShape,
  TransactionsQuery,
} from './shapes';

/** Buckets of one answer: 90 days by the hour, and then some. */
const BUCKETS_MAX = 3_000n;

interface Attribution {
  readonly wallet?: string;
  readonly service_type?: string;
  readonly workspace_id?: string;
  readonly user_id?: string;
  readonly resource_id?: string;
  readonly model?: string;
}

/** Members see their own usage only; asking for another's is refused, not silently narrowed. */
const personOf = (request: FastifyRequest, asked: string | undefined): string | null => {
  const { person, role } = callerOf(request);
  if (role !== 'member') return asked ?? null;
  if (asked !== undefined && asked !== person) throw new Problem('role_required', 'members see their own usage only');
  return person;
};

const filterOf = (request: FastifyRequest, query: Attribution): UsageFilter => ({
  wallet: query.wallet ?? null,
  serviceType: query.service_type ?? null,
  workspaceId: query.workspace_id ?? null,
  userId: personOf(request, query.user_id),
  resourceId: query.resource_id ?? null,
  model: query.model ?? null,
});

/** A transaction that a member did not cause does not exist for it. */
const refuseOthers = (request: FastifyRequest, transaction: TransactionDocument): void => {
  if (isMember(request) && transaction.user_id !== callerOf(request).person) throw notFound();
};

const isMember = (request: FastifyRequest): boolean => callerOf(request).role === 'member';

/** An answer as its caller may see it; `ofMember` makes that of members. */
const shownTo = <T extends object>(
  request: FastifyRequest,
  answer: Answer<T> | undefined,
  ofMember: (value: T) => object,
): object =>
  readAnswer<object>(answer !== undefined && isMember(request) ? { ...answer, value: ofMember(answer.value) } : answer);

const pageOfMember = ({ data, ...page }: Page<TransactionDocument>): object => ({
  data: data.map(transactionOfMember),
  ...page,
});

const PERIOD_DAYS: Readonly<Record<Period, bigint>> = { '7d': 7n, '30d': 30n, '90d': 90n, all: 0n };

/**
 * The range of a chart: its beginning known, and no more buckets than a chart can show. Without an end of its own it has
 * none, like every other read: usage may be dated a little ahead (INV-DEL-10).
 */
const chartRangeOf = (
  query: SpendingQueryShape,
  now: Instant,
): { from: Instant; to?: Instant; bucket: 'day' | 'hour' } => {
  const range = rangeOf(query);
  const end = range.to ?? now;
  const from = range.from ?? shift(end, -PERIOD_DAYS[range.period ?? '30d'] * DAY_MICROS);
  const bucket = query.bucket === 'hour' ? 'hour' : 'day';
  if (from > end) throw finding('invalid_interval', '/from', 'from must not be after to');
  if (microsBetween(from, end) > BUCKETS_MAX * (bucket === 'hour' ? HOUR_MICROS : DAY_MICROS)) {
    throw finding(
      'range_too_large',
      '/from',
      `at most ${BUCKETS_MAX.toString()} buckets; take a shorter range or larger buckets`,
    );
  }
  return { from, ...(range.to === undefined ? {} : { to: range.to }), bucket };
};

/** What the read models show: transactions and sums over them, each as of a stated position. */
@ApiTags('Reads')
@Controller('v1/organizations/:org')
export class ReadsController {
  constructor(@Inject(ReadModels) private readonly models: ReadModels) {}

  @Get('transactions')
  @ApiOperation({ summary: 'Transactions in booking order' })
  async transactions(@Req() request: FastifyRequest, @Query() query: TransactionsQuery) {
    return shownTo(
      request,
      await this.models.transactions(readingOf(request, query.after), {
        ...filterOf(request, query),
        ...rangeOf(query),
        ...pageOf(query),
        kind: (query.kind as TransactionKind | undefined) ?? null,
        taskId: query.task_id ?? null,
        parentTransactionId: query.parent_transaction_id ?? null,
        order: query.order === 'asc' ? 'asc' : 'desc',
      }),
      pageOfMember,
    );
  }

  @Get('transactions/:transaction')
  @ApiOperation({ summary: 'A transaction' })
  async transaction(@Param('transaction') id: string, @Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    const answer = await this.models.transaction(readingOf(request, after), id);
    if (answer !== undefined) refuseOthers(request, answer.value);
    return shownTo(request, answer, transactionOfMember);
  }

  @Get('transactions/:transaction/tree')
  @ApiOperation({ summary: 'A transaction with everything below it and subtotals' })
  async tree(@Param('transaction') id: string, @Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    return readAnswer(await this.models.transactionTree(readingOf(request, after), id));
  }

  @Get('transactions/:transaction/explanation')
  @ApiOperation({ summary: 'What a charge was made from: usage, rate, arithmetic, place in the log' })
  async explanation(@Param('transaction') id: string, @Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    const answer = await this.models.explanation(readingOf(request, after), id);
    if (answer !== undefined) refuseOthers(request, answer.value.transaction);
    return shownTo(request, answer, explanationOfMember);
  }

  @Get('breakdown')
  @ApiOperation({ summary: 'Consumption by workspace, service, person, model …' })
  async breakdown(@Req() request: FastifyRequest, @Query() query: BreakdownQueryShape) {
    return readAnswer(
      await this.models.breakdown(readingOf(request, query.after), {
        ...filterOf(request, query),
        ...rangeOf(query),
        by: query.by as BreakdownKey,
      }),
    );
  }

  @Get('spending')
  @ApiOperation({ summary: 'Consumption by day or hour, without gaps; 30 days unless said' })
  async spending(@Req() request: FastifyRequest, @Query() query: SpendingQueryShape) {
    const range = chartRangeOf(query, organizationOf(request).now);
    return readAnswer(
      await this.models.spending(readingOf(request, query.after), { ...filterOf(request, query), ...range }),
    );
  }

  @Get('burn-rate')
  @ApiOperation({ summary: 'Credits per day, and when they will be used up at that rate' })
  async burnRate(@Req() request: FastifyRequest, @Query() query: BurnRateQuery) {
    return readAnswer(
      await this.models.burnRate(readingOf(request, query.after), {
        wallet: query.wallet,
        window: query.window === '30d' ? '30d' : '7d',
      }),
    );
  }

  @Get('burndown')
  @ApiOperation({
    summary: 'Balance at each midnight of a period (30 days unless said), now, and ahead at the burn rate',
  })
  async burndown(@Req() request: FastifyRequest, @Query() { after, wallet, period, window }: BurndownQueryShape) {
    return readAnswer(
      await this.models.burndown(readingOf(request, after), {
        wallet,
        period: period === undefined ? '30d' : (period as Period),
        window: window === '30d' ? '30d' : '7d',
      }),
    );
  }
}
