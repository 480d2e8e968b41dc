import { type ApiKey, CatalogueView, CreateApiKey, ReadOrganization, RevokeApiKey } from '@drawdown/commands';
import { type ApiScope, SCOPES } from '@drawdown/domain';
import type { JsonObject } from '@drawdown/kernel';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { keyOf, senderOf } from '../access/caller';
import { IsCallerId, IsText, IsTexts } from '../fields/fields';
import { PageQuery } from '../organizations/shapes';
import { notFound, Problem } from '../problems/problem';
import { endBefore, shortPage } from '../reads/short-lists';
import { idempotencyOf } from '../server/idempotency';
import { catalogueAnswer, catalogueAsOf, catalogueReached, repeatableAnswer } from '../server/sending';
import { HttpSettings } from '../server/settings';

class CreateKeyBody {
  @IsText() name!: string;
  @IsTexts({ values: SCOPES }) scopes!: string[];
  @IsCallerId({ optional: true, description: 'the only organization that the key sees; all where absent' })
  organization_id?: string | null;
}

const keyDocument = ({ id, name, scopes, organizationId }: ApiKey): JsonObject => ({
  id,
  name,
  scopes: [...scopes],
  organization_id: organizationId,
});

/** A key sees and changes keys of its own organization; one without a bond, all (INV-TEN-4). */
const isVisible = (key: ApiKey, caller: ApiKey): boolean =>
  caller.organizationId === null || key.organizationId === caller.organizationId;

const refuseMoreThanOwn = (scopes: readonly string[], caller: ApiKey): void => {
  const lacking = scopes.filter((scope) => !caller.scopes.includes(scope as ApiScope));
  if (lacking.length > 0) throw new Problem('scope_required', `the key itself lacks ${lacking.join(', ')}`);
};

@ApiTags('API keys')
@Controller('v1/api-keys')
export class KeysController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly settings: HttpSettings,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Make a key; its secret is in this answer and nowhere else' })
  async create(
    @Body() body: CreateKeyBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const caller = keyOf(request);
    refuseMoreThanOwn(body.scopes, caller);
    const organizationId = await this.organizationFor(caller, body.organization_id ?? null);
    const scopes = [...new Set(body.scopes)] as ApiScope[];
    const key = { name: body.name, scopes, organizationId };
    const command = new CreateApiKey(key, senderOf(request), idempotencyOf(request));
    return repeatableAnswer(await this.commands.execute(command), reply, (made) => ({
      ...keyDocument(made),
      key: made.secret,
    }));
  }

  @Get()
  @ApiOperation({ summary: 'Keys that were not revoked, by id, without their secrets' })
  async list(@Req() request: FastifyRequest, @Query() { after, limit, cursor }: PageQuery) {
    const last = endBefore('keys', cursor) ?? '';
    await catalogueReached(this.catalogue, after);
    const rest = this.catalogue.apiKeys
      .all()
      .filter((key) => key.id > last && isVisible(key, keyOf(request)))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const page = shortPage('keys', rest, limit, keyDocument, ({ id }) => id);
    return { ...page, as_of: catalogueAsOf(this.catalogue, this.settings.now()) };
  }

  @Delete(':key')
  @ApiOperation({ summary: 'Revoke a key, at once' })
  async revoke(@Param('key') id: string, @Req() request: FastifyRequest) {
    const caller = keyOf(request);
    const known = this.catalogue.apiKeys.all().find((key) => key.id === id);
    const key = known ?? (await this.catalogue.apiKeys.latest(id));
    if (key === undefined || !isVisible(key, caller)) throw notFound();
    refuseMoreThanOwn(key.scopes, caller);
    return catalogueAnswer(await this.commands.execute(new RevokeApiKey(id, senderOf(request))), () => ({
      id,
      revoked: true,
    }));
  }

  /** The organization of a new key: never another than the maker's, and one that exists. */
  private async organizationFor(caller: ApiKey, asked: string | null): Promise<string | null> {
    const boundTo = caller.organizationId;
    if (asked === null) return boundTo;
    if (boundTo !== null && boundTo !== asked) throw notFound();
    if ((await this.queries.execute(new ReadOrganization(asked, null, () => true))) === undefined) throw notFound();
    return asked;
  }
}
