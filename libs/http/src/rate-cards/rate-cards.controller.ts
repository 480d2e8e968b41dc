import {
  ActivateRateCardVersion,
  type ApiKey,
  CatalogueView,
  CreateRateCard,
  SaveRateCardVersion,
} from '@drawdown/commands';
import { type RateCard, type RateCardVersion, rateCardVersionView, rateCardView } from '@drawdown/domain';
import type { JsonObject, RoundingMode } from '@drawdown/kernel';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { keyOf, senderOf } from '../access/caller';
import { instantOf, optional } from '../fields/values';
import { PageQuery, ReadQuery } from '../organizations/shapes';
import { notFound, Problem } from '../problems/problem';
import { endBefore, shortPage } from '../reads/short-lists';
import { idempotencyOf } from '../server/idempotency';
import { catalogueAsOf, catalogueReached, repeatableAnswer } from '../server/sending';
import { HttpSettings } from '../server/settings';
import { previewOf } from './preview';
import { ratesOf } from './rates';
import { ActivateBody, CreateRateCardBody, PreviewBody, VersionBody } from './shapes';

/** Whether a caller sees a card: shared ones, and private ones of the organization that its key is bound to. */
const isVisible = (card: RateCard, key: ApiKey): boolean =>
  key.organizationId === null || card.organizationId === null || card.organizationId === key.organizationId;

const numberOf = (text: string): number => {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw notFound();
  return Number(text);
};

const versionOf = (card: RateCard, text: string): RateCardVersion => {
  const version = card.versions[numberOf(text) - 1];
  if (version === undefined) throw notFound();
  return version;
};

/** Prices. A key that is bound to an organization makes and changes cards of that organization only. */
@ApiTags('Rate cards')
@Controller('v1/rate-cards')
export class RateCardsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly settings: HttpSettings,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Rate cards, by key' })
  async list(@Req() request: FastifyRequest, @Query() { after, limit, cursor }: PageQuery) {
    const last = endBefore('cards', cursor) ?? '';
    await catalogueReached(this.catalogue, after);
    const rest = this.catalogue.rateCards
      .all()
      .filter((card) => card.key > last && isVisible(card, keyOf(request)))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    return { ...shortPage('cards', rest, limit, rateCardView, ({ key }) => key), as_of: this.asOf() };
  }

  @Post()
  @ApiOperation({ summary: 'Make a rate card; it prices nothing before a version is active' })
  async create(
    @Body() { key, name, unit }: CreateRateCardBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { organizationId } = keyOf(request);
    const command = new CreateRateCard({ key, name, unit, organizationId }, senderOf(request), idempotencyOf(request));
    return repeatableAnswer(await this.commands.execute(command), reply, rateCardView);
  }

  @Get(':card')
  @ApiOperation({ summary: 'A rate card and when its versions apply' })
  async show(@Param('card') key: string, @Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    await catalogueReached(this.catalogue, after);
    return { ...rateCardView(this.visible(key, request)), as_of: this.asOf() };
  }

  @Post(':card/versions')
  @ApiOperation({ summary: 'Save rates as a draft version' })
  async save(
    @Param('card') key: string,
    @Body() body: VersionBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    if (this.catalogue.rateCards.get(key) === undefined) await this.catalogue.rateCards.latest(key);
    this.refuseUnlessOwn(this.visible(key, request), request);
    const version = {
      rates: ratesOf(body.rates),
      rounding: optional(body.rounding, ({ scale, mode }) => ({ scale, mode: mode as RoundingMode })),
      effectiveFrom: optional(body.effective_from, instantOf),
    };
    const command = new SaveRateCardVersion(key, version, senderOf(request), idempotencyOf(request));
    return repeatableAnswer(await this.commands.execute(command), reply, (saved) => ({
      version: saved.version,
      state: 'draft',
    }));
  }

  @Get(':card/versions/:version')
  @ApiOperation({ summary: 'A version with its rates' })
  async showVersion(
    @Param('card') key: string,
    @Param('version') number: string,
    @Req() request: FastifyRequest,
    @Query() { after }: ReadQuery,
  ) {
    await catalogueReached(this.catalogue, after);
    return { ...rateCardVersionView(versionOf(this.visible(key, request), number)), as_of: this.asOf() };
  }

  @Post(':card/versions/:version/activate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let a version price usage from an instant on; the one before it ends there' })
  async activate(
    @Param('card') key: string,
    @Param('version') text: string,
    @Body() body: ActivateBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const known = this.catalogue.rateCards.get(key)?.versions[numberOf(text) - 1];
    if (known === undefined) await this.catalogue.rateCards.latest(key);
    const card = this.visible(key, request);
    this.refuseUnlessOwn(card, request);
    const { version } = versionOf(card, text);
    const from = optional(body.effective_from, instantOf);
    const command = new ActivateRateCardVersion(key, version, from, senderOf(request), idempotencyOf(request));
    return repeatableAnswer(await this.commands.execute(command), reply, (changed) =>
      rateCardVersionView(versionOf(changed, text)),
    );
  }

  @Post(':card/preview')
  @HttpCode(200)
  @ApiOperation({ summary: 'What usage would cost, step by step; books nothing' })
  async preview(
    @Param('card') key: string,
    @Body() body: PreviewBody,
    @Req() request: FastifyRequest,
    @Query() { after }: ReadQuery,
  ) {
    await catalogueReached(this.catalogue, after);
    this.visible(key, request);
    const card = this.catalogue.rateCards.compiled(key);
    if (card === undefined) throw notFound();
    return { ...previewOf(card, body, optional(body.at, instantOf) ?? this.settings.now()), as_of: this.asOf() };
  }

  private visible(key: string, request: FastifyRequest): RateCard {
    const card = this.catalogue.rateCards.get(key);
    if (card === undefined || !isVisible(card, keyOf(request))) throw notFound();
    return card;
  }

  private refuseUnlessOwn(card: RateCard, request: FastifyRequest): void {
    const boundTo = keyOf(request).organizationId;
    if (boundTo === null || card.organizationId === boundTo) return;
    throw new Problem(
      'scope_required',
      'a key that is bound to an organization changes only cards of that organization',
    );
  }

  private asOf(): JsonObject {
    return catalogueAsOf(this.catalogue, this.settings.now());
  }
}
