import { credits, type Instant, type JsonObject } from '@drawdown/kernel';
import {
  type Balances,
  balancesOf,
  type OrganizationStatus,
  walletDocument,
  type WalletFigures,
  writePolicy,
} from '../events';
import type { Organization, Wallet } from './state';

/** A wallet as the documents take it. */
export const walletFiguresOf = (wallet: Wallet, organization: Organization): WalletFigures => ({
  key: wallet.key,
  unit: wallet.unit,
  settled: wallet.settled,
  held: wallet.held,
  debt: wallet.debt,
  lowBalanceThreshold: wallet.policy.lowBalanceThreshold,
  lifetimeAdded: wallet.lifetimeAdded,
  lifetimePurchased: wallet.lifetimePurchased,
  lifetimeSpent: wallet.lifetimeSpent,
  policyVersion: wallet.policyVersion,
  live: wallet.live,
  usedUp: wallet.usedUp,
  dormant: organization.status === 'closed',
});

export const walletBalances = (wallet: Wallet, organization: Organization, now: Instant): Balances =>
  balancesOf(walletFiguresOf(wallet, organization), now);

export const walletView = (wallet: Wallet, organization: Organization, now: Instant): JsonObject =>
  walletDocument(walletFiguresOf(wallet, organization), now);

/** The policy as it is shown and sent. */
export const policyView = (wallet: Wallet): JsonObject => ({
  version: wallet.policyVersion,
  ...(writePolicy(wallet.policy) as unknown as JsonObject),
});

const statusOf = ({ status, frozen }: Organization): OrganizationStatus =>
  frozen && status === 'active' ? 'suspended' : status;

export const organizationView = (organization: Organization, now: Instant): JsonObject => ({
  id: organization.id,
  name: organization.name,
  preset: organization.preset,
  preset_version: organization.presetVersion,
  plan: organization.plan,
  status: statusOf(organization),
  rate_card: organization.rateCard,
  test_clock: organization.testClock,
  created_at: organization.createdAt,
  wallets: organization.wallets.map((wallet) => walletView(wallet, organization, now)),
});

/** Σ of what the wallet's lots hold. */
export const lotsHeld = (wallet: Wallet): ReturnType<typeof credits> =>
  credits(wallet.live.reduce((total, lot) => total + lot.held, 0n));
