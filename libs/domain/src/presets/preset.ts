import type { NewWallet } from '../events';

/** A product's rules as data: its wallets with their policies, its plans, its model tiers. */
export interface Preset {
  readonly key: string;
  readonly version: number;
  readonly name: string;
  readonly wallets: readonly NewWallet[];
  /** The first is the one an organization gets that names none. */
  readonly plans: readonly string[];
  /** Model tier → models in it; a leading `*` stands for any beginning. */
  readonly modelTiers: Readonly<Record<string, readonly string[]>>;
}
