import { ChargeUsage, ReadOrganization, RedriveQuarantine, type TakenResult, TakeUsage } from '@drawdown/commands';
import { coverBoth, formatPosition, type JsonObject, type Position } from '@drawdown/kernel';
import { ReadModels } from '@drawdown/projections';
import { Body, Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { keyOf, senderOf } from '../access/caller';
import { refuseExceeded } from '../body/json-limits';
import { IsCallerId, IsName, IsOneOf } from '../fields/fields';
import { optional, positionFrom } from '../fields/values';
import { PageQuery } from '../organizations/shapes';
import { notFound } from '../problems/problem';
import { bothOf, pageOf } from '../reads/reading';
import { PrometheusMetrics } from '../server/metrics';
import { Replays } from '../server/replays';
import { readAnswer } from '../server/sending';
import { HttpSettings } from '../server/settings';
import { chargedAnswer, countOutcomes, takenAnswer } from './answers';
import { type Intake, readIntake } from './intake';

/** Quarantined events driven again in one go: one crossing of the bus, one append or few. */
const REDRIVE_PAGE = 500;

interface Filter {
  readonly organizationId: string | null;
  readonly code: string | null;
  readonly head: Position | null;
  readonly isOnTestClock: boolean;
}

class EventsQuery {
  @IsOneOf(['charged'], { optional: true, description: 'answer what became of each event' }) wait?: string;
}

class QuarantineQuery extends PageQuery {
  @IsCallerId({ optional: true }) organization_id?: string;
  @IsName({ optional: true }) code?: string;
  @IsOneOf(['open', 'charged', 'refused'], { optional: true }) state?: string;
}

class RedriveBody {
  @IsCallerId({ optional: true }) organization_id?: string | null;
  @IsName({ optional: true }) code?: string | null;
}

/**
 * The events of a request. Its limits are looked at only where they may be exceeded: what fits the compiled shape is
 * neither deep nor wide, but for a provider's own object, which may be too deep to be written out as text (RangeError).
 */
const intakeOf = (request: FastifyRequest): Intake => {
  const body = request.rawBody ?? Buffer.alloc(0);
  try {
    const intake = readIntake(request.headers, request.body, keyOf(request).organizationId);
    if (intake.rejected.length > 0 || intake.usages.some(({ raw }) => raw !== null)) refuseExceeded(body);
    return intake;
  } catch (error) {
    if (error instanceof RangeError) refuseExceeded(body);
    throw error;
  }
};

@ApiTags('Usage')
@Controller('v1')
export class UsageController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly replays: Replays,
    private readonly metrics: PrometheusMetrics,
    private readonly settings: HttpSettings,
    @Inject(ReadModels) private readonly models: ReadModels,
  ) {}

  @Post('events')
  @ApiOperation({ summary: 'Report usage: up to 1,000 CloudEvents, each of which stands for itself' })
  async charge(
    @Req() request: FastifyRequest,
    @Query() { wait }: EventsQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const intake = intakeOf(request);
    const { usages } = intake;
    const sender = senderOf(request);
    if (wait === 'charged') {
      const result = usages.length === 0 ? null : await this.commands.execute(new ChargeUsage(usages, sender));
      this.count(intake, result);
      reply.code(200);
      return chargedAnswer(intake, result);
    }
    const result = usages.length === 0 ? null : await this.commands.execute(new TakeUsage(usages, sender));
    this.count(intake, result);
    reply.code(202);
    return takenAnswer(intake, result);
  }

  private count(intake: Intake, result: TakenResult | null): void {
    for (const [outcome, count] of countOutcomes(intake, result)) {
      this.metrics.count('intake_events_total', { outcome, channel: 'http' }, count);
    }
  }

  @Get('quarantine')
  @ApiOperation({ summary: 'Authentic usage that could not be charged, oldest first' })
  async quarantine(@Req() request: FastifyRequest, @Query() query: QuarantineQuery) {
    const { head, isOnTestClock, ...filter } = await this.filterOf(
      request,
      query.organization_id ?? null,
      query.code ?? null,
    );
    return readAnswer(
      await this.models.quarantine({
        ...filter,
        ...pageOf(query),
        state: (query.state as 'open' | undefined) ?? null,
        after: bothOf(optional(query.after, positionFrom), isOnTestClock ? head : null),
        now: this.settings.now(),
      }),
    );
  }

  @Post('quarantine/redrive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Drive quarantined usage again; what is charged is charged once' })
  redrive(
    @Body() body: RedriveBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JsonObject> {
    return this.replays.once(request, reply, () => this.driveAgain(body, request));
  }

  private async driveAgain(body: RedriveBody, request: FastifyRequest): Promise<JsonObject> {
    const { organizationId, code, head } = await this.filterOf(
      request,
      body.organization_id ?? null,
      body.code ?? null,
    );
    const sender = senderOf(request);
    const counts = { charged: 0, duplicate: 0, conflict: 0, quarantined: 0, refused: 0 };
    let position: Position = new Map();
    let cursor: string | null = null;
    do {
      // What came to quarantine just before is driven, too, where one organization is asked for.
      const page = await this.models.quarantinedUsage({
        organizationId,
        code,
        limit: REDRIVE_PAGE,
        cursor,
        after: head,
      });
      if (page.usages.length > 0) {
        const result = await this.commands.execute(new RedriveQuarantine(page.usages, sender));
        for (const { outcome } of result.outcomes) counts[outcome]++;
        position = coverBoth(position, result.position);
      }
      cursor = page.next_cursor;
    } while (cursor !== null);
    return { ...counts, position: position.size === 0 ? null : formatPosition(position) };
  }

  /**
   * The organization asked for, which must exist and be the caller's; a bound key sees its own whatever it asks. `head`
   * is where its owner has it; null where none is asked for.
   */
  private async filterOf(request: FastifyRequest, asked: string | null, code: string | null): Promise<Filter> {
    const boundTo = keyOf(request).organizationId;
    if (asked === null) return { organizationId: boundTo, code, head: null, isOnTestClock: false };
    if (boundTo !== null && boundTo !== asked) throw notFound();
    const seen = await this.queries.execute(new ReadOrganization(asked, null, ({ testClock }) => testClock !== null));
    if (seen === undefined) throw notFound();
    return { organizationId: asked, code, head: seen.asOf.position, isOnTestClock: seen.value };
  }
}
