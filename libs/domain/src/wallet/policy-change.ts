import { accept, refuse } from '@drawdown/kernel';
import { walletDocument, type WalletPolicy, writePolicy } from '../events';
import type { CommandRule, Refusal } from './commands';
import { notFound } from './refusals';
import { walletNamed, walletOf } from './state';
import { walletFiguresOf } from './views';

const isSame = (a: WalletPolicy, b: WalletPolicy): boolean =>
  JSON.stringify(writePolicy(a)) === JSON.stringify(writePolicy(b));

/** The numbers a policy may have; what is stored must be readable again. */
const wrongNumber = (policy: WalletPolicy): Refusal | null => {
  const isWhole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
  if (!isWhole(policy.maxHoldSeconds, 1)) {
    return { code: 'invalid_value', pointer: '/max_hold_seconds', detail: 'a whole number of at least 1' };
  }
  if (!isWhole(policy.refundGraceDays, 0)) {
    return { code: 'invalid_value', pointer: '/refund_grace_days', detail: 'a whole number of at least 0' };
  }
  return policy.overdraftLimit < 0n
    ? { code: 'amount_out_of_range', pointer: '/overdraft_limit', detail: 'an overdraft limit is not below 0' }
    : null;
};

/** Changes some of a wallet's policy: a new version, which applies to what is decided from now on; no lot is touched. */
export const changeWalletPolicy: CommandRule<'ChangeWalletPolicy'> = {
  decide: (organization, { wallet: key, changes, expectedVersion }) => {
    const wallet = walletNamed(organization, key);
    if (wallet === undefined) return notFound('wallet');
    if (expectedVersion !== null && expectedVersion !== wallet.policyVersion) {
      return refuse({
        code: 'version_conflict',
        detail: `the policy is at version ${String(wallet.policyVersion)} now; read it and decide again`,
        more: { current_version: wallet.policyVersion },
      });
    }
    const policy: WalletPolicy = { ...wallet.policy, ...changes };
    if (new Set(policy.drawOrder).size !== policy.drawOrder.length || policy.drawOrder.length === 0) {
      const detail = 'draw_order names each of its keys once, and at least one';
      return refuse({ code: 'invalid_value', pointer: '/draw_order', detail });
    }
    const wrong = wrongNumber(policy);
    if (wrong !== null) return refuse(wrong);
    if (isSame(policy, wallet.policy)) return accept();
    return accept({
      type: 'WalletPolicyChanged',
      data: { wallet: key, version: wallet.policyVersion + 1, policy, previous: wallet.policy },
    });
  },
  answer: (organization, { wallet }, _, { now }) =>
    walletDocument(walletFiguresOf(walletOf(organization, wallet), organization), now),
};
