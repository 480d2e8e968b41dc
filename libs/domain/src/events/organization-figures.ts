import type { Credits, Instant } from '@drawdown/kernel';
import type { HoldFigures, LotFigures } from './documents';
import type { Role } from './organization-events';
import type { WalletPolicy } from './policy';

/** `suspended` is one that is frozen: its books did not add up, and until somebody has looked nothing is decided for it. */
export type OrganizationStatus = 'active' | 'suspended' | 'closed';

/** What is shown of an organization, and what access is decided by: as much of it as the balance read model keeps. */
export interface OrganizationFigures {
  readonly id: string;
  readonly name: string;
  readonly preset: string;
  readonly presetVersion: number;
  readonly plan: string;
  readonly testClock: string | null;
  readonly modelTiers: Readonly<Record<string, readonly string[]>>;
  readonly createdAt: Instant;
  readonly status: OrganizationStatus;
  readonly rateCard: string | null;
  readonly members: readonly (readonly [userId: string, role: Role])[];
  /** In the preset's order. */
  readonly wallets: readonly {
    readonly key: string;
    readonly unit: string;
    readonly serviceTypes: readonly string[];
    readonly policy: WalletPolicy;
    readonly policyVersion: number;
    readonly settled: Credits;
    readonly held: Credits;
    readonly debt: Credits;
    readonly sequence: number;
    readonly lifetimeAdded: Credits;
    readonly lifetimePurchased: Credits;
    readonly lifetimeSpent: Credits;
  }[];
  /** Those with something remaining, and those that are used up since the last of their type began. */
  readonly lots: readonly (LotFigures & {
    readonly wallet: string;
    readonly sequence: number;
    readonly returned: Credits;
    readonly consumed: Credits;
  })[];
  /** Those that are open, oldest first. */
  readonly holds: readonly (HoldFigures & { readonly overdraft: Credits })[];
}
