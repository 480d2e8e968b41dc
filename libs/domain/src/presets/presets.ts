import type { JsonObject } from '@drawdown/kernel';
import { writePolicy } from '../events';
import { enterprise } from './enterprise';
import type { Preset } from './preset';

/** The presets shipped with the product. Another one is a file of data and a place in this list. */
export const SHIPPED_PRESETS: readonly Preset[] = [enterprise];

export const presetView = (preset: Preset): JsonObject => ({
  key: preset.key,
  version: preset.version,
  name: preset.name,
  plans: [...preset.plans],
  model_tiers: preset.modelTiers as JsonObject,
  wallets: preset.wallets.map((wallet) => ({
    key: wallet.key,
    unit: wallet.unit,
    service_types: [...wallet.serviceTypes],
    policy: writePolicy(wallet.policy) as unknown as JsonObject,
  })),
});
