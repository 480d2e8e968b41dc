import {
  type Credits,
  format,
  type Instant,
  parseCredits,
  parseInstant,
  parseQuantity,
  type Quantity,
  type Rounding,
  shift,
} from '@drawdown/kernel';
import type { NewWallet, SavedRate, UsageEvent, WalletPolicy } from '../events';
import type { Preset } from '../presets/preset';
import { CompiledCard } from '../rating/compiled-card';
import {
  activateVersion,
  createRateCard,
  evolveRateCard,
  type RateCard,
  type RateCardDecision,
  saveVersion,
} from '../rating/rate-card';

export const ORGANIZATION = 'org_test';

/** `'2026-03-01'` or a whole RFC 3339 time. */
export const instant = (text: string): Instant => {
  const parsed = parseInstant(text.length === 10 ? `${text}T00:00:00Z` : text);
  if (parsed === undefined) throw new Error(`no instant: ${text}`);
  return parsed;
};

/** When test organizations begin, unless told otherwise. */
export const START = instant('2026-03-01');

export interface Duration {
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly micros?: number;
}

/** So much later; negative parts lead back. */
export const later = (
  from: Instant,
  { days = 0, hours = 0, minutes = 0, seconds = 0, micros = 0 }: Duration,
): Instant => shift(from, BigInt((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000 + micros));

const orThrow = <T extends bigint>(text: string, parsed: T | string): T => {
  if (typeof parsed === 'string') throw new Error(`no amount: ${text} (${parsed})`);
  return parsed;
};

export const amount = (text: string): Credits => orThrow(text, parseCredits(text));
export const measured = (text: string): Quantity => orThrow(text, parseQuantity(text));
export const shown = (parts: bigint): string => format(parts as Credits);

/** A policy with every credit type the tests use; priorities count in tens. */
export const policy = (changes: Partial<WalletPolicy> = {}): WalletPolicy => ({
  drawOrder: ['priority', 'expires_at', 'effective_at'],
  onShortfall: 'debt',
  overdraftLimit: amount('0'),
  overCapture: 'draw_extra',
  maxHoldSeconds: 30 * 24 * 3600,
  atZero: 'block',
  refundExpired: 'extend',
  refundGraceDays: 30,
  onClose: 'keep',
  lowBalanceThreshold: null,
  creditTypes: { promotional: { priority: 20 }, monthly: { priority: 40 }, purchased: { priority: 60 } },
  ...changes,
});

export const wallet = (changes: Partial<NewWallet> = {}): NewWallet => ({
  key: 'credits',
  unit: 'credit',
  serviceTypes: ['*'],
  policy: policy(),
  ...changes,
});

/** A preset with one wallet `credits`, or those given. */
export const preset = (changes: Partial<Preset> = {}): Preset => ({
  key: 'test',
  version: 1,
  name: 'Test',
  plans: ['standard', 'other'],
  modelTiers: { lite: ['*-lite', 'exact-model'] },
  wallets: [wallet()],
  ...changes,
});

/** The name of the quantity that the ordinary test card prices at one credit each. */
export const UNITS = 'units';

/** Usage of so many units, one credit each by {@link card}. */
export const usage = (units: string, changes: Partial<UsageEvent> = {}): UsageEvent => ({
  organizationId: ORGANIZATION,
  source: 'tests',
  id: 'usage-1',
  type: 'drawdown.usage.v1',
  time: START,
  workspaceId: null,
  userId: null,
  serviceType: 'llm_call',
  resourceType: null,
  resourceId: null,
  model: null,
  quantities: [[UNITS, measured(units)]],
  unit: null,
  providerCost: null,
  parentTransactionId: null,
  taskId: null,
  latencyMs: null,
  dimensions: null,
  enforce: false,
  raw: null,
  ...changes,
});

export const flatRate = (serviceType: string, creditsPerUnit = '1', unit = UNITS): SavedRate => ({
  service_type: serviceType,
  price: { type: 'flat_rate', credits_per_unit: creditsPerUnit, unit },
});

/** Puts an accepted decision into a card; throws the refusal of any other. */
export const applied = (rateCard: RateCard | undefined, decision: RateCardDecision): RateCard => {
  if (!decision.accepted) throw new Error(`refused: ${decision.refusal.code}`);
  const after = decision.events.reduce<RateCard | undefined>(evolveRateCard, rateCard);
  if (after === undefined) throw new Error('nothing was decided');
  return after;
};

export const emptyCard = (unit = 'credit', key = 'card'): RateCard =>
  applied(undefined, createRateCard(undefined, { key, name: key, unit, organizationId: null }));

/** Saves rates as the next version and activates it from an instant on. */
export const withVersion = (
  before: RateCard,
  rates: readonly SavedRate[],
  from: Instant,
  rounding: Rounding | null = null,
): RateCard => {
  const saved = applied(before, saveVersion(before, { rates, rounding, effectiveFrom: null }));
  return applied(saved, activateVersion(saved, saved.versions.length, from, from, null));
};

/** A card in force since 2020: each service type at one credit a unit, unless other rates are given. */
export const card = (
  rates: readonly SavedRate[] = ['llm_call', 'compute', 'email'].map((service) => flatRate(service)),
  { rounding = null, unit = 'credit' }: { rounding?: Rounding | null; unit?: string } = {},
): CompiledCard => new CompiledCard(withVersion(emptyCard(unit), rates, instant('2020-01-01'), rounding));
