import {
  holdDocument,
  lotDocument,
  type LotState,
  lotStateOf,
  type Organization,
  policyView,
  type Wallet,
  walletNamed,
  walletView,
} from '@drawdown/domain';
import { type Instant, type JsonObject, parseInstant } from '@drawdown/kernel';
import { ReadModels } from '@drawdown/projections';
import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { LIMIT_DEFAULT } from '../fields/query-fields';
import { positionFrom } from '../fields/values';
import { invalidCursor } from '../problems/problem';
import { pageOf } from '../reads/reading';
import { placeBefore, shortPage } from '../reads/short-lists';
import { type Moment, readAnswer, Sending } from '../server/sending';
import { HttpSettings } from '../server/settings';
import { BalanceQuery, LotsQuery, PageQuery, ReadQuery } from './shapes';

const CURSOR = /^lots\.(0|[1-9][0-9]{0,14})$/;

/** Number of the grant after which a page of lots begins. */
const grantAfter = (cursor: string | undefined): number => {
  if (cursor === undefined) return 0;
  const sequence = CURSOR.exec(cursor)?.[1];
  if (sequence === undefined) throw invalidCursor();
  return Number(sequence);
};

/** A page of a wallet's lots in the order of their grants: what is granted meanwhile comes at the end. */
const lotsPage = (
  organization: Organization,
  key: string,
  now: Instant,
  query: LotsQuery,
  after: number,
): JsonObject | undefined => {
  if (walletNamed(organization, key) === undefined) return undefined;
  const limit = Number(query.limit ?? LIMIT_DEFAULT);
  const dormant = organization.status === 'closed';
  const rest = [...organization.lots.values()]
    .filter((lot) => lot.wallet === key && lot.sequence > after)
    .filter((lot) => query.state === undefined || lotStateOf(lot, now, dormant) === query.state)
    .sort((a, b) => a.sequence - b.sequence);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    data: page.map((lot) => lotDocument(lot, now, dormant)),
    next_cursor: last !== undefined && rest.length > limit ? `lots.${String(last.sequence)}` : null,
  };
};

/** A wallet with the lots that have something left and the holds that are open. */
const balanceView = (organization: Organization, wallet: Wallet, now: Instant): JsonObject =>
  Object.assign(walletView(wallet, organization, now), {
    wallet: wallet.key,
    lots: wallet.live.map((lot) => lotDocument(lot, now, organization.status === 'closed')),
    holds: [...organization.openHolds.values()].filter((hold) => hold.wallet === wallet.key).map(holdDocument),
  });

const momentOf = (text: string): Moment => {
  const instant = parseInstant(text);
  return instant === undefined ? { position: positionFrom(text) } : { instant };
};

/** Wallets as the owner of their ledger sees them: always up to date. */
@ApiTags('Wallets')
@Controller('v1/organizations/:org')
export class WalletsController {
  constructor(
    private readonly sending: Sending,
    private readonly settings: HttpSettings,
    @Inject(ReadModels) private readonly models: ReadModels,
  ) {}

  @Get('wallets')
  @ApiOperation({ summary: 'All wallets of an organization' })
  wallets(@Req() request: FastifyRequest, @Query() { after, limit, cursor }: PageQuery) {
    const before = placeBefore('wallets', cursor);
    return this.sending.show(request, after, (organization, now) => {
      const show = (wallet: Wallet): JsonObject => walletView(wallet, organization, now);
      const rest = organization.wallets.slice(before);
      return shortPage('wallets', rest, limit, show, (_, rows) => String(before + rows));
    });
  }

  @Get('wallets/:wallet')
  @ApiOperation({ summary: 'A wallet: balances, status, lifetime figures' })
  wallet(@Param('wallet') key: string, @Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    return this.sending.show(request, after, (organization, now) => {
      const wallet = walletNamed(organization, key);
      return wallet === undefined ? undefined : walletView(wallet, organization, now);
    });
  }

  @Get('wallets/:wallet/policy')
  @ApiOperation({ summary: "A wallet's policy as it is in force" })
  policy(@Param('wallet') key: string, @Req() request: FastifyRequest, @Query() { after }: ReadQuery) {
    return this.sending.show(request, after, (organization) => {
      const wallet = walletNamed(organization, key);
      return wallet === undefined ? undefined : policyView(wallet);
    });
  }

  @Get('wallets/:wallet/lots')
  @ApiOperation({ summary: "A wallet's lots, in the order of their grants" })
  async lots(@Param('wallet') key: string, @Req() request: FastifyRequest, @Query() query: LotsQuery) {
    if (!this.settings.ownsLedger) {
      const state = (query.state as LotState | undefined) ?? null;
      const reading = await this.sending.readingOf(request, query.after);
      return readAnswer(await this.models.lots(reading, key, { ...pageOf(query), state }));
    }
    const after = grantAfter(query.cursor);
    return this.sending.show(request, query.after, (organization, now) =>
      lotsPage(organization, key, now, query, after),
    );
  }

  @Get('balance')
  @ApiOperation({
    summary: "A wallet's balance, lots and open holds, now, as they were, or as time alone will make them",
  })
  async balance(@Req() request: FastifyRequest, @Query() query: BalanceQuery) {
    const view = (organization: Organization, now: Instant): JsonObject | undefined => {
      if (query.wallet === undefined) {
        return {
          data: organization.wallets.map((wallet) => balanceView(organization, wallet, now)),
          next_cursor: null,
        };
      }
      const wallet = walletNamed(organization, query.wallet);
      return wallet === undefined ? undefined : balanceView(organization, wallet, now);
    };
    if (query.as_of === undefined) return this.sending.show(request, query.after, view);
    const when = momentOf(query.as_of);
    // Before the log is read: what is booked after this and before `as_of` may be missing.
    const { value: present } = await this.sending.look(request, query.after, (_, now) => now);
    const isAhead = 'instant' in when && when.instant > present;
    const then = await this.sending.showAsOf(request, when, view);
    return isAhead ? { ...then, projected_from: present } : then;
  }
}
