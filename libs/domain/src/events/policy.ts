import { type Credits, format, storedCredits } from '@drawdown/kernel';
import { type Static, Type } from '@sinclair/typebox';
import { Nullable, WireCredits } from './wire';

/** The keys by which a wallet orders its lots; what they leave equal, the grant's number decides. */
export const DRAW_ORDER_KEYS = ['priority', 'expires_at', 'effective_at'] as const;
export type DrawOrderKey = (typeof DRAW_ORDER_KEYS)[number];

export const ON_SHORTFALL = ['debt', 'write_off', 'refuse'] as const;
export const OVER_CAPTURE = ['refuse', 'cap', 'draw_extra'] as const;
export const AT_ZERO = ['block', 'fail', 'suspend-resource', 'allow-overdraft'] as const;
export const REFUND_EXPIRED = ['extend', 'forfeit'] as const;
export const ON_CLOSE = ['forfeit', 'keep'] as const;

const literals = <T extends string>(values: readonly T[]) => Type.Union(values.map((value) => Type.Literal(value)));

export const WireWalletPolicy = Type.Object({
  draw_order: Type.Array(literals(DRAW_ORDER_KEYS)),
  on_shortfall: literals(ON_SHORTFALL),
  overdraft_limit: WireCredits,
  over_capture: literals(OVER_CAPTURE),
  max_hold_seconds: Type.Integer({ minimum: 1 }),
  at_zero: literals(AT_ZERO),
  refund_expired: literals(REFUND_EXPIRED),
  refund_grace_days: Type.Integer({ minimum: 0 }),
  on_close: literals(ON_CLOSE),
  low_balance_threshold: Nullable(WireCredits),
  credit_types: Type.Record(Type.String(), Type.Object({ priority: Type.Integer() })),
});

/** Everything in which wallets differ. Data, versioned: a change is a new version, and each draw names the one it used. */
export interface WalletPolicy {
  readonly drawOrder: readonly DrawOrderKey[];
  /** What happens to the part of a charge that no lot covers (spec.md §2.8). */
  readonly onShortfall: (typeof ON_SHORTFALL)[number];
  /** How far below zero `check` and holds may go. */
  readonly overdraftLimit: Credits;
  readonly overCapture: (typeof OVER_CAPTURE)[number];
  readonly maxHoldSeconds: number;
  readonly atZero: (typeof AT_ZERO)[number];
  readonly refundExpired: (typeof REFUND_EXPIRED)[number];
  /** How long a lot lives again when a refund returns to it after its expiry under `extend`. */
  readonly refundGraceDays: number;
  readonly onClose: (typeof ON_CLOSE)[number];
  readonly lowBalanceThreshold: Credits | null;
  readonly creditTypes: Readonly<Record<string, { readonly priority: number }>>;
}

export const readPolicy = (wire: Static<typeof WireWalletPolicy>): WalletPolicy => ({
  drawOrder: wire.draw_order,
  onShortfall: wire.on_shortfall,
  overdraftLimit: storedCredits(wire.overdraft_limit),
  overCapture: wire.over_capture,
  maxHoldSeconds: wire.max_hold_seconds,
  atZero: wire.at_zero,
  refundExpired: wire.refund_expired,
  refundGraceDays: wire.refund_grace_days,
  onClose: wire.on_close,
  lowBalanceThreshold: wire.low_balance_threshold === null ? null : storedCredits(wire.low_balance_threshold),
  creditTypes: wire.credit_types,
});

export const writePolicy = (policy: WalletPolicy): Static<typeof WireWalletPolicy> => ({
  draw_order: [...policy.drawOrder],
  on_shortfall: policy.onShortfall,
  overdraft_limit: format(policy.overdraftLimit),
  over_capture: policy.overCapture,
  max_hold_seconds: policy.maxHoldSeconds,
  at_zero: policy.atZero,
  refund_expired: policy.refundExpired,
  refund_grace_days: policy.refundGraceDays,
  on_close: policy.onClose,
  low_balance_threshold: policy.lowBalanceThreshold === null ? null : format(policy.lowBalanceThreshold),
  credit_types: policy.creditTypes,
});
