import { type EventOf, eventType } from '@drawdown/kernel';
import { Type } from '@sinclair/typebox';
import { readPolicy, type WalletPolicy, WireWalletPolicy, writePolicy } from './policy';
import { Nullable } from './wire';

/** How a wallet starts: its key in the preset, its unit, its policy, and which usage it pays for. */
export interface NewWallet {
  readonly key: string;
  readonly unit: string;
  readonly policy: WalletPolicy;
  /** Service types charged here where a rate names no wallet; `*` takes what no other wallet takes. */
  readonly serviceTypes: readonly string[];
}

export const OrganizationCreated = eventType('OrganizationCreated', {
  wire: Type.Object({
    name: Type.String(),
    preset: Type.String(),
    preset_version: Type.Integer(),
    plan: Type.String(),
    test_clock: Nullable(Type.String()),
    model_tiers: Type.Record(Type.String(), Type.Array(Type.String())),
    wallets: Type.Array(
      Type.Object({
        key: Type.String(),
        unit: Type.String(),
        policy: WireWalletPolicy,
        service_types: Type.Array(Type.String()),
      }),
    ),
  }),
  read: (wire) => ({
    name: wire.name,
    preset: wire.preset,
    presetVersion: wire.preset_version,
    plan: wire.plan,
    testClock: wire.test_clock,
    modelTiers: wire.model_tiers as Readonly<Record<string, readonly string[]>>,
    wallets: wire.wallets.map((wallet): NewWallet => ({
      key: wallet.key,
      unit: wallet.unit,
      policy: readPolicy(wallet.policy),
      serviceTypes: wallet.service_types,
    })) as readonly NewWallet[],
  }),
  write: (data) => ({
    name: data.name,
    preset: data.preset,
    preset_version: data.presetVersion,
    plan: data.plan,
    test_clock: data.testClock,
    model_tiers: Object.fromEntries(Object.entries(data.modelTiers).map(([tier, models]) => [tier, [...models]])),
    wallets: data.wallets.map((wallet) => ({
      key: wallet.key,
      unit: wallet.unit,
      policy: writePolicy(wallet.policy),
      service_types: [...wallet.serviceTypes],
    })),
  }),
});

export const ROLES = ['owner', 'admin', 'member'] as const;
export type Role = (typeof ROLES)[number];

export const MemberRoleSet = eventType('MemberRoleSet', {
  wire: Type.Object({
    user_id: Type.String(),
    role: Type.Union(ROLES.map((role) => Type.Literal(role))),
    previous: Nullable(Type.Union(ROLES.map((role) => Type.Literal(role)))),
  }),
  read: (wire) => ({ userId: wire.user_id, role: wire.role, previous: wire.previous }),
  write: (data) => ({ user_id: data.userId, role: data.role, previous: data.previous }),
});

/** A person is no member any more; `role` is what it was. */
export const MemberRemoved = eventType('MemberRemoved', {
  wire: Type.Object({ user_id: Type.String(), role: Type.Union(ROLES.map((role) => Type.Literal(role))) }),
  read: (wire) => ({ userId: wire.user_id, role: wire.role }),
  write: (data) => ({ user_id: data.userId, role: data.role }),
});

export const RateCardAssigned = eventType('RateCardAssigned', {
  wire: Type.Object({ rate_card: Type.String(), previous: Nullable(Type.String()) }),
  read: (wire) => ({ rateCard: wire.rate_card, previous: wire.previous }),
  write: (data) => ({ rate_card: data.rateCard, previous: data.previous }),
});

export const WalletPolicyChanged = eventType('WalletPolicyChanged', {
  wire: Type.Object({
    wallet: Type.String(),
    version: Type.Integer({ minimum: 2 }),
    policy: WireWalletPolicy,
    previous: WireWalletPolicy,
  }),
  read: (wire) => ({
    wallet: wire.wallet,
    version: wire.version,
    policy: readPolicy(wire.policy),
    previous: readPolicy(wire.previous),
  }),
  write: (data) => ({
    wallet: data.wallet,
    version: data.version,
    policy: writePolicy(data.policy),
    previous: writePolicy(data.previous),
  }),
});

/**
 * A command that moved nothing: refused on the state it met (with its code), or already done (code null). Recorded
 * only where it may come again, because its caller sent an Idempotency-Key or a stream may deliver it twice: it gets the
 * same answer then, however the state has changed since (INV-INT-8, INV-LED-6). A refusal with an event of its own, such
 * as `HoldRefused`, is kept as that instead.
 */
export const CommandAnswered = eventType('CommandAnswered', {
  wire: Type.Object({ command: Type.String(), code: Nullable(Type.String()), detail: Type.String() }),
  read: (wire) => wire,
  write: (data) => data,
});

/**
 * A decision would have left books that do not add up: it was not stored, and nothing is decided for the organization
 * any more until somebody has looked. Recorded, because nothing else in the log shows it.
 */
export const OrganizationFrozen = eventType('OrganizationFrozen', {
  wire: Type.Object({ invariant: Type.String(), violations: Type.Array(Type.String()) }),
  read: (wire) => ({ invariant: wire.invariant, violations: wire.violations as readonly string[] }),
  write: (data) => ({ invariant: data.invariant, violations: [...data.violations] }),
});

export type OrganizationEvent =
  | EventOf<typeof OrganizationCreated>
  | EventOf<typeof MemberRoleSet>
  | EventOf<typeof MemberRemoved>
  | EventOf<typeof RateCardAssigned>
  | EventOf<typeof WalletPolicyChanged>
  | EventOf<typeof CommandAnswered>
  | EventOf<typeof OrganizationFrozen>;
