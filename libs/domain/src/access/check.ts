import {
  type Credits,
  credits,
  earliest,
  format,
  type Instant,
  isInRange,
  type JsonObject,
  roundCharge,
} from '@drawdown/kernel';
import { type AccessRefusal, type AccessRequest, type UsageEvent, withDueActivations } from '../events';
import { presetWallet, walletFor } from '../metering/charge';
import type { CompiledCard, CompiledRate } from '../rating/compiled-card';
import { isUnpriced } from '../rating/price-model';
import { admits, availableTo, type ChargeScope, spendable } from '../wallet/draw-down';
import { capWindowEnd, freeOf, isEffective, isExpired, type Organization, type Wallet } from '../wallet/state';

/** A decision about access; fail-closed: what cannot be priced or has no wallet is refused with a reason (INV-TEN-6). */
export interface AccessDecision {
  readonly allowed: boolean;
  readonly code:
    | 'ok'
    | 'out_of_credits'
    | 'cap_reached'
    | 'scope_mismatch'
    | 'suspended'
    | 'closed'
    | 'no_rate'
    | 'no_rate_card'
    | 'amount_out_of_range';
  readonly wallet: string | null;
  readonly available: Credits;
  readonly required: Credits;
  readonly nextSteps: readonly {
    readonly action: 'top_up' | 'wait_for_reset' | 'contact_owner';
    readonly at?: Instant;
  }[];
  /** The card that was asked, and its version in force; null where nothing had to be priced, or there is no such. */
  readonly rateCard: string | null;
  readonly rateCardVersion: number | null;
}

type Judgement = Omit<AccessDecision, 'rateCard' | 'rateCardVersion'>;

const asUsage = (organization: Organization, request: AccessRequest, now: Instant): UsageEvent => ({
  organizationId: organization.id,
  source: 'check',
  id: 'check',
  type: 'drawdown.usage.v1',
  time: now,
  workspaceId: request.workspaceId,
  userId: request.userId,
  serviceType: request.serviceType,
  resourceType: null,
  resourceId: null,
  model: request.model,
  quantities: request.estimate !== null && 'quantities' in request.estimate ? request.estimate.quantities : [],
  unit: request.estimate !== null && 'quantities' in request.estimate ? request.estimate.unit : null,
  providerCost: null,
  parentTransactionId: null,
  taskId: null,
  latencyMs: null,
  dimensions: null,
  enforce: false,
  raw: null,
});

const refusedWith = (code: AccessDecision['code'], required: Credits): Judgement => ({
  allowed: false,
  code,
  wallet: null,
  available: credits(0n),
  required,
  nextSteps: [{ action: 'contact_owner' }],
});

const requiredFor = (request: AccessRequest, usage: UsageEvent, rate: CompiledRate): Credits | null => {
  if (request.estimate === null) return credits(0n);
  if ('credits' in request.estimate) return request.estimate.credits;
  const exact = rate.price.price(usage);
  return isUnpriced(exact) ? null : roundCharge(exact, rate.rounding);
};

/**
 * May this service be used now? Where an estimate is given, its whole price must be available (plus the overdraft
 * limit); where none is, something must be.
 */
export const checkAccess = (
  organization: Organization,
  card: CompiledCard | undefined,
  request: AccessRequest,
  now: Instant,
): AccessDecision => ({
  ...judge(organization, card, request, now),
  rateCard: card?.key ?? null,
  rateCardVersion: card?.versionAt(now)?.number ?? null,
});

const judge = (
  organization: Organization,
  card: CompiledCard | undefined,
  request: AccessRequest,
  now: Instant,
): Judgement => {
  const asked = request.estimate !== null && 'credits' in request.estimate ? request.estimate.credits : null;
  const refused = (code: AccessDecision['code']): Judgement => refusedWith(code, asked ?? credits(0n));
  if (organization.status === 'closed') return refused('closed');
  // Frozen: usage of it is refused, too.
  if (organization.frozen) return refused('suspended');
  if (card === undefined) {
    // Without prices only an estimate in credits can be judged.
    const wallet = asked === null ? undefined : presetWallet(organization, request.serviceType);
    return wallet === undefined || asked === null
      ? refused('no_rate_card')
      : decided(organization, wallet, request, asked, now);
  }
  const usage = asUsage(organization, request, now);
  const found = card.rateFor(usage);
  if ('code' in found) return refused(found.code === 'no_rate_card' ? 'no_rate_card' : 'no_rate');
  const wallet = walletFor(organization, found, request.serviceType);
  const required = requiredFor(request, usage, found);
  // A card in another unit prices nothing for this wallet, as usage would find.
  if (wallet === undefined || wallet.unit !== card.unit || required === null) return refused('no_rate');
  // Nor is a price that no amount can be, which could not even be recorded.
  if (!isInRange(required)) return refused('amount_out_of_range');
  return decided(organization, wallet, request, required, now);
};

const decided = (
  organization: Organization,
  booked: Wallet,
  request: AccessRequest,
  required: Credits,
  now: Instant,
): Judgement => {
  const scope = { ...request, modelTiers: organization.modelTiers };
  // Debt that a lot has paid when it took effect stands in nobody's way, booked or not.
  const wallet = withDueActivations(booked, now);
  const available = availableTo(wallet, scope, now);
  const about = { wallet: wallet.key, available, required };
  const fits = (amount: bigint): boolean => {
    const limit = amount + wallet.policy.overdraftLimit;
    return required > 0n ? required <= limit : limit > 0n;
  };
  if (fits(available)) return { ...about, allowed: true, code: 'ok', nextSteps: [] };
  const { byCaps, byScope, reset } = inTheWay(wallet, scope, now);
  if (reset !== null && fits(available + byCaps)) {
    const nextSteps = [{ action: 'wait_for_reset', at: reset }, { action: 'top_up' }] as const;
    return { ...about, allowed: false, code: 'cap_reached', nextSteps };
  }
  const code = fits(available + byCaps + byScope) ? 'scope_mismatch' : 'out_of_credits';
  return { ...about, allowed: false, code, nextSteps: [{ action: 'top_up' }] };
};

/** Credits that are free now, but not for this charge: because a cap is used up, or by their scope. */
const inTheWay = (
  wallet: Wallet,
  scope: ChargeScope,
  now: Instant,
): { byCaps: bigint; byScope: bigint; reset: Instant | null } => {
  let [byCaps, byScope] = [0n, 0n];
  let reset: Instant | null = null;
  for (const lot of wallet.live) {
    if (!isEffective(lot, now) || isExpired(lot, now)) continue;
    if (!admits(lot.scope, scope)) byScope += freeOf(lot);
    else if (lot.cap !== null && spendable(lot, scope, now) < freeOf(lot)) {
      byCaps += freeOf(lot) - spendable(lot, scope, now);
      const end = capWindowEnd(lot.cap, now);
      reset = reset === null ? end : earliest(reset, end);
    }
  }
  return { byCaps, byScope, reset };
};

/**
 * What the ledger keeps of a decision that refused. Null where it allowed, and where the organization is closed or frozen:
 * then the ledger has that fact itself, and decides no command that would add another.
 */
export const refusalToRecord = (
  asked: AccessRequest,
  { allowed, ...decision }: AccessDecision,
  asOf: AccessRefusal['asOf'],
): AccessRefusal | null =>
  allowed || decision.code === 'closed' || decision.code === 'suspended' ? null : { asked, ...decision, asOf };

export const accessView = (decision: AccessDecision): JsonObject => ({
  allowed: decision.allowed,
  code: decision.code,
  wallet: decision.wallet,
  available: format(decision.available),
  required: format(decision.required),
  next_steps: decision.nextSteps.map((step) => ({ ...step })),
});
