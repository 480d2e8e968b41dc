import { NO_CREDITS } from '@drawdown/kernel';
import type { Preset } from './preset';

/**
 * `enterprise`: an agent platform for organizations (spec.md). One wallet of credits that may be overdrawn by usage
 * that happened; expiring lots first within a priority; nothing is lost on closure.
 */
export const enterprise: Preset = {
  key: 'enterprise',
  version: 1,
  name: 'Enterprise',
  plans: ['contract'],
  modelTiers: {},
  wallets: [
    {
      key: 'credits',
      unit: 'credit',
      serviceTypes: ['*'],
      policy: {
        drawOrder: ['priority', 'expires_at', 'effective_at'],
        onShortfall: 'debt',
        overdraftLimit: NO_CREDITS,
        overCapture: 'draw_extra',
        maxHoldSeconds: 30 * 24 * 3600,
        atZero: 'block',
        refundExpired: 'extend',
        refundGraceDays: 30,
        onClose: 'keep',
        lowBalanceThreshold: null,
        creditTypes: {
          event: { priority: 10 },
          promotional: { priority: 20 },
          free: { priority: 30 },
          monthly: { priority: 40 },
          contract: { priority: 50 },
          purchased: { priority: 60 },
          adjustment: { priority: 100 },
        },
      },
    },
  ],
};
