import { acceptedTimes, decideUsage, evolveCharge, type Organization } from '@drawdown/domain';
import { benchCard, benchOrganization, NOW } from '../domain-world';
import { rateOf, spreadOf } from '../rounds';
import type { Row, RowResult } from '../row';
import { parsedUsage, usageJson } from '../usage-sample';

const EVENTS = 5_000;

/** Cost of a debit on wallets that differ in one thing, measured in turns, as a ratio of medians. */
const compare = (
  name: string,
  large: Organization,
  small: Organization,
  rounds: number,
  bounds: { gate: number; aim: number },
): RowResult => {
  const card = benchCard();
  const times = acceptedTimes(NOW);
  const usages = parsedUsage(
    Array.from({ length: EVENTS }, (_, i) => Buffer.from(usageJson(i, large.id, '2026-05-01T00:00:00Z'))),
  );
  const debit = (organization: Organization) => (): void => {
    for (const usage of usages) {
      const decision = decideUsage(organization, usage, card, 'bench', NOW, times);
      if (decision.kind === 'charge') evolveCharge(organization, decision.charge, NOW);
    }
  };
  debit(small)();
  debit(large)();
  const ratios: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const smallRate = rateOf(EVENTS, debit(small));
    const largeRate = rateOf(EVENTS, debit(large));
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
    context: { debits_per_second: Math.round(spreadOf(rates).median), rounds },
  };
};

const withDebits = (id: string, count: number): Organization => {
  const organization = benchOrganization(id, 3);
  const card = benchCard();
  const times = acceptedTimes(NOW);
  for (let i = 0; i < count; i++) {
    const [usage] = parsedUsage([Buffer.from(usageJson(i, id, '2026-05-01T00:00:00Z'))]);
    if (usage === undefined) continue;
    const decision = decideUsage(organization, usage, card, 'bench', NOW, times);
    if (decision.kind === 'charge') evolveCharge(organization, decision.charge, NOW);
  }
  return organization;
};

/** What a wallet's past and its lots cost each further debit. */
export const walletSize: Row = {
  key: 'wallet',
  title: 'cost of a debit by the size of the wallet',
  run: ({ quick }) => {
    const rounds = quick ? 5 : 41;
    return Promise.resolve([
      compare(
        'a debit with 10⁵ past debits against 10²',
        withDebits('org_0', 100_000),
        withDebits('org_0', 100),
        rounds,
        {
          gate: 1.1,
          aim: 1.02,
        },
      ),
      compare(
        'a debit with 1,000 live lots against 3',
        benchOrganization('org_0', 1_000),
        benchOrganization('org_0', 3),
        rounds,
        {
          gate: 1.5,
          aim: 1.1,
        },
      ),
    ]);
  },
};
