import { CatalogueView, type Shown } from '@drawdown/commands';
import {
  type AccessDecision,
  type AccessRequest,
  accessView,
  type CaptureUsage,
  checkAccess,
  holdDocument,
  refusalToRecord,
} from '@drawdown/domain';
import { formatPosition } from '@drawdown/kernel';
import { ReadModels } from '@drawdown/projections';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, organizationIdOf, organizationOf, senderOf } from '../access/caller';
import { readShape } from '../fields/read-shape';
import { creditsOf, instantOf, optional, quantityOf } from '../fields/values';
import { finding } from '../problems/problem';
import { pageOf, readingOf } from '../reads/reading';
import { readAnswer, Sending, shownAnswer } from '../server/sending';
import { HttpSettings } from '../server/settings';
import { AccessRefusals } from './access-refusals';
import { ended, refuseMeaningless, zero } from './meaning';
import {
  CaptureHoldBody,
  type CaptureUsageBody,
  CheckBody,
  type EstimateBody,
  ExtendHoldBody,
  HoldBody,
  HoldsQuery,
  NoFields,
  ReadQuery,
} from './shapes';

const estimateOf = (body: EstimateBody): AccessRequest['estimate'] => {
  const given = [body.credits, body.quantities, body.quantity].filter((part) => part !== null && part !== undefined);
  if (given.length !== 1) {
    throw finding('invalid_value', '/estimate', 'give exactly one of credits, quantities, and quantity with unit');
  }
  if (body.credits) return { credits: creditsOf(body.credits) };
  if (body.quantity) {
    if (!body.unit) throw finding('missing_field', '/estimate/unit', 'quantity needs its unit');
    return { quantities: [['quantity', quantityOf(body.quantity)]], unit: body.unit };
  }
  const named = Object.entries(body.quantities ?? {});
  return { quantities: named.map(([name, amount]) => [name, quantityOf(amount)] as const), unit: null };
};

const captureUsageOf = (body: CaptureUsageBody): CaptureUsage => ({
  serviceType: body.service_type ?? null,
  workspaceId: body.workspace_id ?? null,
  userId: body.user_id ?? null,
  resourceType: body.resource?.type ?? null,
  resourceId: body.resource?.id ?? null,
  model: body.model ?? null,
  taskId: body.task_id ?? null,
});

/** Whether something may be used, and credits set aside for it. */
@ApiTags('Access and holds')
@Controller('v1/organizations/:org')
export class HoldsController {
  constructor(
    private readonly sending: Sending,
    private readonly settings: HttpSettings,
    private readonly refusals: AccessRefusals,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
    @Inject(ReadModels) private readonly models: ReadModels,
  ) {}

  @Post('check')
  @HttpCode(200)
  @ApiOperation({ summary: 'May this service be used now? Sets no credits aside' })
  async check(@Body() body: CheckBody, @Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    const asked: AccessRequest = {
      serviceType: body.service_type,
      model: body.model ?? null,
      workspaceId: body.workspace_id ?? null,
      userId: body.user_id ?? null,
      estimate: optional(body.estimate, estimateOf),
    };
    const shown = await this.sending.look(request, after, (organization, now) => {
      const card =
        organization.rateCard === null ? undefined : this.catalogue.rateCards.compiled(organization.rateCard);
      return checkAccess(organization, card, asked, now);
    });
    await this.keepRefusal(request, asked, shown);
    return shownAnswer({ value: accessView(shown.value), asOf: shown.asOf });
  }

  private async keepRefusal(request: FastifyRequest, asked: AccessRequest, { value, asOf }: Shown<AccessDecision>) {
    if (value.allowed) return;
    const refusal = refusalToRecord(asked, value, { position: formatPosition(asOf.position), time: asOf.time });
    if (refusal === null) return;
    const isReader = callerOf(request).key?.scopes.includes('usage:write') !== true;
    await this.refusals.record(organizationIdOf(request), refusal, senderOf(request), isReader);
  }

  @Get('holds')
  @ApiOperation({ summary: 'Holds, newest first' })
  async list(@Req() request: FastifyRequest, @Query() query: HoldsQuery) {
    const { wallet = null, state } = query;
    return readAnswer(
      await this.models.holds(readingOf(request, query.after), {
        ...pageOf(query),
        wallet,
        state: (state as 'open' | undefined) ?? null,
      }),
    );
  }

  @Get('holds/:hold')
  @ApiOperation({ summary: 'A hold' })
  async hold(@Param('hold') id: string, @Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    if (!this.settings.ownsLedger) {
      return readAnswer(await this.models.hold(await this.sending.readingOf(request, after), id));
    }
    return this.sending.show(request, after, ({ holds }) => optional(holds.get(id), holdDocument) ?? undefined);
  }

  @Post('holds')
  @ApiOperation({ summary: 'Set credits aside; 402 where there are not enough' })
  authorize(@Body() body: HoldBody, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    refuseMeaningless(zero(body.amount), ended(body.expires_at, organizationOf(request).now));
    return this.sending.run(request, reply, {
      type: 'AuthorizeHold',
      wallet: body.wallet,
      amount: creditsOf(body.amount),
      expiresAt: optional(body.expires_at, instantOf),
      serviceType: body.service_type ?? null,
      reference: body.reference ?? null,
    });
  }

  @Post('holds/:hold/extend')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let a hold live longer, or set more aside' })
  extend(
    @Param('hold') holdId: string,
    @Body() body: ExtendHoldBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    refuseMeaningless(ended(body.expires_at, organizationOf(request).now), zero(body.amount));
    const expiresAt = instantOf(body.expires_at);
    return this.sending.run(request, reply, {
      type: 'ExtendHold',
      holdId,
      expiresAt,
      amount: optional(body.amount, creditsOf),
    });
  }

  @Post('holds/:hold/capture')
  @HttpCode(200)
  @ApiOperation({ summary: 'Spend a hold, or part of it' })
  capture(
    @Param('hold') holdId: string,
    @Body() body: CaptureHoldBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    refuseMeaningless(zero(body.amount));
    return this.sending.run(request, reply, {
      type: 'CaptureHold',
      holdId,
      amount: creditsOf(body.amount),
      final: body.final ?? true,
      usage: captureUsageOf(body.usage ?? {}),
    });
  }

  @Post('holds/:hold/release')
  @HttpCode(200)
  @ApiOperation({ summary: 'Release the open rest of a hold' })
  release(
    @Param('hold') holdId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    readShape(NoFields, request.body);
    return this.sending.run(request, reply, { type: 'ReleaseHold', holdId });
  }
}
