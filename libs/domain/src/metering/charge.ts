import {
  chargeId,
  type Credits,
  credits,
  DAY_MICROS,
  type ExactCredits,
  type Instant,
  isInRange,
  NO_CREDITS,
  organizationNamespace,
  roundCharge,
  shift,
} from '@drawdown/kernel';
import type { Charge, QuarantineCode, Slice, UsageEvent } from '../events';
import { NOTHING, isUnpriced } from '../rating/price-model';
import type { CompiledCard, CompiledRate } from '../rating/compiled-card';
import { availableTo, type ChargeScope, drawDown, owedBy } from '../wallet/draw-down';
import { type Organization, type Wallet, walletNamed } from '../wallet/state';

/** How old an event may be, and how far ahead of the clock (spec.md §2.1). Identities are remembered for longer. */
export const ACCEPTED_AGE_DAYS = 35;
export const ACCEPTED_LEAD_MICROS = 300_000_000n;

/** The type of usage events that a meter selects. */
const METERED_TYPE = 'drawdown.usage.v1';

/** The event times accepted at `now`, both ends included. */
export interface AcceptedTimes {
  /** Null where age is no question: the event was there before, and is driven again. */
  readonly oldest: Instant | null;
  readonly newest: Instant;
}
export const acceptedTimes = (now: Instant): AcceptedTimes & { readonly oldest: Instant } => ({
  oldest: shift(now, -BigInt(ACCEPTED_AGE_DAYS) * DAY_MICROS),
  newest: shift(now, ACCEPTED_LEAD_MICROS),
});

/** What becomes of a usage event whose identity is new. */
export type UsageDecision =
  | { readonly kind: 'charge'; readonly charge: Charge }
  | { readonly kind: 'quarantine'; readonly code: QuarantineCode; readonly detail: string }
  | {
      readonly kind: 'refuse';
      readonly wallet: string;
      readonly price: Credits;
      readonly available: Credits;
      readonly rate: CompiledRate;
      readonly policyVersion: number;
    };

type Quarantine = Extract<UsageDecision, { kind: 'quarantine' }>;
const quarantine = (code: QuarantineCode, detail: string): Quarantine => ({ kind: 'quarantine', code, detail });

const outsideTimes = (usage: UsageEvent, organization: Organization, times: AcceptedTimes): Quarantine | null => {
  if (usage.time < organization.createdAt) {
    return quarantine('before_organization', `the organization exists since ${organization.createdAt}`);
  }
  if (usage.time > times.newest) return quarantine('event_in_future', `events are accepted up to ${times.newest}`);
  if (times.oldest !== null && usage.time < times.oldest)
    return quarantine('event_too_old', `events are accepted from ${times.oldest} on`);
  return null;
};

/** The wallet that a rate charges: its own, or the one that the preset names for the service type. */
export const walletFor = (organization: Organization, rate: CompiledRate, serviceType: string): Wallet | undefined => {
  return rate.saved.wallet === undefined
    ? presetWallet(organization, serviceType)
    : walletNamed(organization, rate.saved.wallet);
};

/** The wallet that the preset names for a service type. */
export const presetWallet = (organization: Organization, serviceType: string): Wallet | undefined => {
  let any: Wallet | undefined;
  for (const wallet of organization.wallets) {
    if (wallet.serviceTypes.includes(serviceType)) return wallet;
    if (wallet.serviceTypes.includes('*')) any = wallet;
  }
  return any;
};

interface Priced {
  readonly rate: CompiledRate;
  readonly wallet: Wallet;
  readonly exact: ExactCredits;
  readonly price: Credits;
  /** The wallet's settled balance less the price. */
  readonly after: Credits;
}

/** The exact price of a usage event, or why it has none. */
const priced = (
  organization: Organization,
  usage: UsageEvent,
  card: CompiledCard | undefined,
  times: AcceptedTimes,
): Quarantine | Priced => {
  const outside = outsideTimes(usage, organization, times);
  if (outside !== null) return outside;
  if (usage.type !== METERED_TYPE)
    return quarantine('no_meter', `no meter selects the type ${usage.type.slice(0, 64)}`);
  if (usage.raw !== null) return quarantine('unknown_provider', `no normalizer for ${usage.raw.provider.slice(0, 64)}`);
  // Longer circles cannot be told from here: the ancestors are in the log, not in memory, and a look at those of the same
  // batch alone would let batches decide (INV-LED-8). The trees of the read models open them where they were closed.
  if (usage.parentTransactionId !== null && usage.parentTransactionId === chargeIdOf(usage)) {
    return quarantine('invalid_parent', 'a charge cannot be its own parent');
  }
  if (card === undefined) return quarantine('no_rate_card', 'the organization has no rate card');
  const rate = card.rateFor(usage);
  if ('code' in rate) return quarantine(rate.code, rate.detail);
  const wallet = walletFor(organization, rate, usage.serviceType);
  if (wallet === undefined) return quarantine('no_rate', `no wallet pays for ${usage.serviceType}`);
  if (wallet.unit !== card.unit) {
    return quarantine(
      'currency_mismatch',
      `${card.key} prices in ${card.unit}, the wallet ${wallet.key} holds ${wallet.unit}`,
    );
  }
  const exact = rate.price.price(usage);
  if (isUnpriced(exact)) return quarantine(exact.code, exact.detail);
  const price = exact.numerator === 0n ? NO_CREDITS : roundCharge(exact, rate.rounding);
  const after = credits(wallet.settled - price);
  const owed = owedBy(wallet);
  // Where nothing is owed, its sum with the price is the price, which is in range.
  const debtInRange = owed === 0n || isInRange(owed + price);
  if (!isInRange(price) || !isInRange(after) || !debtInRange) {
    return quarantine('amount_out_of_range', 'the price, or the balance after it, would leave the range of amounts');
  }
  return { rate, wallet, exact, price, after };
};

const chargeIdOf = (usage: UsageEvent): string =>
  chargeId(organizationNamespace(usage.organizationId), usage.source, usage.id);

export const scopeOfUsage = (usage: UsageEvent, organization: Organization): ChargeScope => ({
  serviceType: usage.serviceType,
  model: usage.model,
  workspaceId: usage.workspaceId,
  modelTiers: organization.modelTiers,
});

/** What of a price the slices leave uncovered. */
const restOf = (price: Credits, slices: readonly Slice[]): bigint => {
  const [first] = slices;
  // Nearly every charge is one slice of one lot.
  if (first !== undefined && first.amount === price) return 0n;
  let left: bigint = price;
  for (const slice of slices) left -= slice.amount;
  return left;
};

const exactText = ({ numerator, denominator }: ExactCredits, price: Credits): string | null =>
  numerator === (denominator === 1n ? price : price * denominator)
    ? null
    : `${numerator.toString()}/${denominator.toString()}`;

/**
 * Prices a usage event at its event time and draws the price from the lots spendable now. A usage event is a fact:
 * what the lots do not cover follows `on_shortfall`, unless the policy or the event itself says to refuse (INV-LOT-8).
 */
export const decideUsage = (
  organization: Organization,
  usage: UsageEvent,
  card: CompiledCard | undefined,
  actor: string,
  now: Instant,
  times: AcceptedTimes,
  redriven: number | null = null,
): UsageDecision => {
  const result = priced(organization, usage, card, times);
  if ('kind' in result) return result;
  const { rate, wallet, exact, price, after } = result;
  const scope = scopeOfUsage(usage, organization);
  const slices = price === NO_CREDITS ? [] : drawDown(wallet, price, scope, now);
  const left = restOf(price, slices);
  let debt = NO_CREDITS;
  let uncovered = NO_CREDITS;
  const { onShortfall } = wallet.policy;
  if (usage.enforce || onShortfall === 'refuse') {
    // Debt, and what holds may overdraw, take from what is available though the lots would cover the price.
    const mayBeLess = left > 0n || (price > 0n && (wallet.debt > 0n || wallet.held > 0n));
    const available = mayBeLess ? availableTo(wallet, scope, now) : price;
    if (price > available) {
      return { kind: 'refuse', wallet: wallet.key, price, available, rate, policyVersion: wallet.policyVersion };
    }
  }
  if (left > 0n) {
    if (onShortfall === 'debt') debt = credits(left);
    else uncovered = credits(left);
  }
  return {
    kind: 'charge',
    charge: {
      usage,
      actor,
      wallet: wallet.key,
      policyVersion: wallet.policyVersion,
      rate: rate.applied,
      exact: exact === NOTHING ? null : exactText(exact, price),
      price,
      slices,
      debt,
      uncovered,
      sequence: wallet.sequence + 1,
      balanceBefore: wallet.settled,
      balanceAfter: uncovered === NO_CREDITS ? after : credits(after + uncovered),
      redriven,
    },
  };
};
