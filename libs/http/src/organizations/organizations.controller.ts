import { randomUUID } from 'node:crypto';
import { CatalogueView } from '@drawdown/commands';
import { organizationView, presetView, type Role } from '@drawdown/domain';
import { derivedId, USER_ID } from '@drawdown/kernel';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, keyOf, organizationOf } from '../access/caller';
import { finding, notFound } from '../problems/problem';
import { endBefore, placeBefore, shortPage } from '../reads/short-lists';
import { idempotencyKeyOf } from '../server/idempotency';
import { catalogueAsOf, catalogueReached, Sending } from '../server/sending';
import { HttpSettings } from '../server/settings';
import { blank, refuseMeaningless } from './meaning';
import {
  CloseOrganizationBody,
  CreateOrganizationBody,
  MemberBody,
  PageQuery,
  RateCardKeyBody,
  ReadQuery,
} from './shapes';

@ApiTags('Organizations')
@Controller('v1')
export class OrganizationsController {
  constructor(
    private readonly sending: Sending,
    private readonly settings: HttpSettings,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
  ) {}

  @Post('organizations')
  @ApiOperation({ summary: 'Make an organization with the wallets of a preset' })
  async create(
    @Body() body: CreateOrganizationBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const preset = this.catalogue.presets.get(body.preset);
    if (preset === undefined)
      throw finding('invalid_value', '/preset', 'there is no such preset; GET /v1/presets lists them');
    const testClock = body.test_clock ?? null;
    if (testClock !== null && !(await this.isClock(testClock))) throw notFound();
    return this.sending.runOn(body.id ?? newOrganizationId(request), request, reply, {
      type: 'CreateOrganization',
      name: body.name,
      preset,
      plan: body.plan ?? null,
      testClock,
    });
  }

  private async isClock(id: string): Promise<boolean> {
    if (!this.settings.testClocks) return false;
    return (this.catalogue.testClocks.get(id) ?? (await this.catalogue.testClocks.latest(id))) !== undefined;
  }

  @Get('organizations/:org')
  @ApiOperation({ summary: 'An organization and its wallets' })
  show(@Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    return this.sending.show(request, after, organizationView);
  }

  @Post('organizations/:org/close')
  @HttpCode(200)
  @ApiOperation({ summary: 'End an organization; afterwards its ledger only answers reads' })
  close(
    @Body() { reason }: CloseOrganizationBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    refuseMeaningless(blank(reason));
    return this.sending.run(request, reply, { type: 'CloseOrganization', reason });
  }

  @Get('organizations/:org/members')
  @ApiOperation({ summary: 'People and their roles' })
  members(@Req() request: FastifyRequest, @Query() { after, limit, cursor }: PageQuery) {
    const last = endBefore('members', cursor) ?? '';
    return this.sending.show(request, after, ({ members }) => {
      const rest = [...members].filter(([user]) => user > last).sort(byUser);
      return shortPage('members', rest, limit, memberDocument, ([user]) => user);
    });
  }

  @Put('organizations/:org/members/:user')
  @ApiOperation({ summary: "Set a person's role" })
  setRole(
    @Param('user') userId: string,
    @Body() { role }: MemberBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    if (!USER_ID.test(userId)) throw notFound();
    const by = callerOf(request).role;
    return this.sending.run(request, reply, { type: 'SetMemberRole', userId, role: role as Role, by });
  }

  @Delete('organizations/:org/members/:user')
  @ApiOperation({ summary: 'Take a person out of the organization, at once' })
  removeMember(
    @Param('user') userId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    if (!USER_ID.test(userId)) throw notFound();
    return this.sending.run(request, reply, { type: 'RemoveMember', userId, by: callerOf(request).role });
  }

  @Put('organizations/:org/rate-card')
  @ApiOperation({ summary: 'Price usage by another rate card from now on' })
  async assignCard(
    @Body() { key }: RateCardKeyBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const card = this.catalogue.rateCards.get(key) ?? (await this.catalogue.rateCards.latest(key));
    const owner = card?.organizationId ?? null;
    if (card === undefined || (owner !== null && owner !== organizationOf(request).id)) throw notFound();
    return this.sending.run(request, reply, { type: 'AssignRateCard', rateCard: key });
  }

  @Get('presets')
  @ApiOperation({ summary: 'The presets an organization can be made with' })
  async presets(@Query() { after, limit, cursor }: PageQuery) {
    const before = placeBefore('presets', cursor);
    await catalogueReached(this.catalogue, after);
    const rest = this.catalogue.presets.all().slice(before);
    const page = shortPage('presets', rest, limit, presetView, (_, rows) => String(before + rows));
    return { ...page, as_of: this.asOf() };
  }

  @Get('presets/:preset')
  @ApiOperation({ summary: 'A preset: wallets, policies, plans, model tiers' })
  async preset(@Param('preset') key: string, @Query() { after }: ReadQuery) {
    await catalogueReached(this.catalogue, after);
    const preset = this.catalogue.presets.get(key);
    if (preset === undefined) throw notFound();
    return { ...presetView(preset), as_of: this.asOf() };
  }

  private asOf() {
    return catalogueAsOf(this.catalogue, this.settings.now());
  }
}

/** Whoever answers, in the same order. */
const byUser = ([a]: readonly [string, Role], [b]: readonly [string, Role]): number => (a < b ? -1 : 1);

const memberDocument = ([user, role]: readonly [string, Role]) => ({ user_id: user, role });

/** The same id for the same Idempotency-Key of the same API key, so that a repetition meets the first one's organization. */
const newOrganizationId = (request: FastifyRequest): string => {
  const key = idempotencyKeyOf(request, 'accepted');
  return key === null ? `org_${randomUUID()}` : derivedId('org', keyOf(request).id, key);
};
