import type { DrawOrderKey, OrganizationCommand, Scope, WalletPolicy } from '@drawdown/domain';
import { Body, Controller, HttpCode, Param, Patch, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { organizationOf } from '../access/caller';
import { creditsOf, instantOf, optional } from '../fields/values';
import { Problem } from '../problems/problem';
import { Sending } from '../server/sending';
import { blank, ended, refuseMeaningless, tooWide, zero } from './meaning';
import { AdjustmentBody, GrantBody, PolicyBody, RefundBody, ScopeBody, VoidBody } from './shapes';

const scopeOf = (body: ScopeBody): Scope => ({
  ...(body.service_types ? { service_types: body.service_types } : {}),
  ...(body.models ? { models: body.models } : {}),
  ...(body.model_tiers ? { model_tiers: body.model_tiers } : {}),
  ...(body.workspaces ? { workspaces: body.workspaces } : {}),
});

const grantOf = (wallet: string, body: GrantBody): OrganizationCommand => ({
  type: 'GrantCredits',
  wallet,
  creditType: body.credit_type,
  amount: creditsOf(body.amount),
  priority: body.priority ?? null,
  effectiveAt: optional(body.effective_at, instantOf),
  expiresAt: optional(body.expires_at, instantOf),
  scope: optional(body.scope, scopeOf),
  cap: optional(body.consumption_cap, ({ amount, per }) => ({
    amount: creditsOf(amount),
    per: per === 'day' ? per : 'calendar-month',
  })),
  costBasis: optional(body.cost_basis, ({ amount, currency }) => ({ amount, currency })),
  reason: body.reason,
});

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The part of a policy that a request changes. Only `low_balance_threshold` has a meaning for null: no threshold. */
const changesOf = (body: PolicyBody): Partial<WalletPolicy> => {
  const changes: Partial<Writable<WalletPolicy>> = {};
  if (body.low_balance_threshold !== undefined) {
    changes.lowBalanceThreshold = optional(body.low_balance_threshold, creditsOf);
  }
  if (body.draw_order) changes.drawOrder = body.draw_order as DrawOrderKey[];
  if (body.on_shortfall) changes.onShortfall = body.on_shortfall as WalletPolicy['onShortfall'];
  if (body.overdraft_limit) changes.overdraftLimit = creditsOf(body.overdraft_limit);
  if (body.over_capture) changes.overCapture = body.over_capture as WalletPolicy['overCapture'];
  if (body.max_hold_seconds) changes.maxHoldSeconds = body.max_hold_seconds;
  if (body.at_zero) changes.atZero = body.at_zero as WalletPolicy['atZero'];
  if (body.refund_expired) changes.refundExpired = body.refund_expired as WalletPolicy['refundExpired'];
  if (typeof body.refund_grace_days === 'number') changes.refundGraceDays = body.refund_grace_days;
  if (body.on_close) changes.onClose = body.on_close as WalletPolicy['onClose'];
  return changes;
};

/** The policy version that the caller saw (`If-Match: "3"`); null where it does not care. */
const expectedVersionOf = (request: FastifyRequest): number | null => {
  const header = request.headers['if-match'];
  if (header === undefined || header === '*') return null;
  const version = /^"?([1-9][0-9]{0,8})"?$/.exec(header)?.[1];
  if (version === undefined)
    throw new Problem('invalid_header', 'If-Match is the policy_version that you saw, like "3"');
  return Number(version);
};

/** What adds or takes credits by hand. */
@ApiTags('Wallets')
@Controller('v1/organizations/:org')
export class CreditsController {
  constructor(private readonly sending: Sending) {}

  @Post('wallets/:wallet/grants')
  @ApiOperation({ summary: 'Add credits: one lot, which pays debt first' })
  grant(
    @Param('wallet') wallet: string,
    @Body() body: GrantBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { now } = organizationOf(request);
    const interval = ended(body.expires_at, now, body.effective_at);
    refuseMeaningless(zero(body.amount), interval, tooWide(body.scope), blank(body.reason));
    return this.sending.run(request, reply, grantOf(wallet, body));
  }

  @Post('wallets/:wallet/adjustments')
  @ApiOperation({ summary: 'Correct a balance by hand, with a reason' })
  adjust(
    @Param('wallet') wallet: string,
    @Body() { amount, reason }: AdjustmentBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    refuseMeaningless(zero(amount), blank(reason));
    return this.sending.run(request, reply, { type: 'AdjustBalance', wallet, amount: creditsOf(amount), reason });
  }

  @Post('lots/:lot/void')
  @HttpCode(200)
  @ApiOperation({ summary: 'Void a grant: what is not spent of it; what is held when its hold gives it back' })
  void(
    @Param('lot') lotId: string,
    @Body() { reason }: VoidBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    refuseMeaningless(blank(reason));
    return this.sending.run(request, reply, { type: 'VoidGrant', lotId, reason });
  }

  @Patch('wallets/:wallet')
  @ApiOperation({ summary: "Change a wallet's policy: a new version; If-Match guards against overwriting a newer one" })
  changePolicy(
    @Param('wallet') wallet: string,
    @Body() body: PolicyBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.sending.run(request, reply, {
      type: 'ChangeWalletPolicy',
      wallet,
      changes: changesOf(body),
      expectedVersion: expectedVersionOf(request),
    });
  }

  @Post('refunds')
  @ApiOperation({ summary: 'Give a charge, or part of it, back to the lots that paid it' })
  refund(@Body() body: RefundBody, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    refuseMeaningless(zero(body.amount), blank(body.reason));
    return this.sending.run(request, reply, {
      type: 'RefundCharge',
      charge: null, // the ledger looks it up
      transactionId: body.transaction_id,
      amount: optional(body.amount, creditsOf),
      reason: body.reason,
    });
  }
}
