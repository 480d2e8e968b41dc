import {
  acceptedTimes,
  checkAccess,
  decideUsage,
  evolveCharge,
  type Organization,
  type UsageEvent,
  walletView,
} from '@drawdown/domain';
import { benchCard, benchOrganization, NOW } from '../domain-world';
import { rateOf, spreadOf } from '../rounds';
import type { Row, RowResult } from '../row';
import { parsedUsage, usageJson } from '../usage-sample';

const OPERATIONS = 5_000;

/** So many operations of one kind on an organization. */
type Work = (organization: Organization, usages: readonly UsageEvent[]) => () => void;

const card = benchCard();
const times = acceptedTimes(NOW);
const sample = (): readonly UsageEvent[] =>
  parsedUsage(Array.from({ length: OPERATIONS }, (_, i) => Buffer.from(usageJson(i, 'org_0', '2026-05-01T00:00:00Z'))));

const debits: Work = (organization, usages) => () => {
  for (const usage of usages) {
    const decision = decideUsage(organization, usage, card, 'bench', NOW, times);
    if (decision.kind === 'charge') evolveCharge(organization, decision.charge, NOW);
  }
};

const balanceReads: Work =
  (organization, { length }) =>
  () => {
    for (let i = 0; i < length; i++) {
      for (const wallet of organization.wallets) walletView(wallet, organization, NOW);
    }
  };

const checks: Work = (organization, usages) => () => {
  for (const { serviceType, model, workspaceId, userId, quantities, unit } of usages) {
    checkAccess(organization, card, { serviceType, model, workspaceId, userId, estimate: { quantities, unit } }, NOW);
  }
};

/** Cost of operations on wallets that differ in one thing, measured in turns, as a ratio of medians. */
const compare = (
  name: string,
  work: Work,
  large: Organization,
  small: Organization,
  rounds: number,
  bounds: { gate: number; aim: number },
): RowResult => {
  const usages = sample();
  const [onSmall, onLarge] = [work(small, usages), work(large, usages)];
  onSmall();
  onLarge();
  const ratios: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const smallRate = rateOf(OPERATIONS, onSmall);
    const largeRate = rateOf(OPERATIONS, onLarge);
    ratios.push(smallRate / largeRate);
    rates.push(largeRate);
  }
  return {
    name,
    unit: '× cost',
    ratio: spreadOf(ratios),
    gate: { at: 'most', value: bounds.gate },
    aim: { at: 'most', value: bounds.aim },
    denominators: [],
    context: { operations_per_second: Math.round(spreadOf(rates).median), rounds },
  };
};

const withDebits = (count: number): Organization => {
  const organization = benchOrganization('org_0', 3);
  const usages = sample();
  for (let left = count; left > 0; left -= OPERATIONS) debits(organization, usages.slice(0, left))();
  return organization;
};

/** What a wallet's past and its lots cost each further debit, balance read and access decision (FLD-60). */
export const walletSize: Row = {
  key: 'wallet',
  title: 'cost of debits, balance reads and checks by the size of the wallet',
  run: ({ quick }) => {
    const rounds = quick ? 5 : 41;
    const [past, fresh] = [withDebits(100_000), withDebits(100)];
    const ofPast = { gate: 1.1, aim: 1.02 };
    return Promise.resolve([
      compare('a debit with 10⁵ past debits against 10²', debits, withDebits(100_000), withDebits(100), rounds, ofPast),
      compare('a balance read with 10⁵ past debits against 10²', balanceReads, past, fresh, rounds, ofPast),
      compare('a check with 10⁵ past debits against 10²', checks, past, fresh, rounds, ofPast),
      compare(
        'a debit with 1,000 live lots against 3',
        debits,
        benchOrganization('org_0', 1_000),
        benchOrganization('org_0', 3),
        rounds,
        { gate: 1.5, aim: 1.1 },
      ),
    ]);
  },
};
