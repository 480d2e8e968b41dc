import { acceptedTimes, decideUsage, evolveCharge, type Organization } from '@drawdown/domain';
import { measureJ } from '../denominators';
import { benchCard, benchOrganization, NOW } from '../domain-world';
import { rateOf, spreadOf } from '../rounds';
import type { Row } from '../row';
import { ORGANIZATIONS, organizationName, parsedUsage, usageBuffers } from '../usage-sample';

const EVENTS = 20_000;

/** The gate is 1 M debits/s or 1.5 J, whichever is lower on this machine in this run. */
const GATE = { perSecond: 1_000_000, ofJ: 1.5 };

/** Domain core without I/O: parsed usage → rated, drawn from three lots, put into the state. */
export const domainCore: Row = {
  key: 'domain',
  title: 'domain core without I/O',
  run: ({ quick }) => {
    const card = benchCard();
    const times = acceptedTimes(NOW);
    const organizations = new Map<string, Organization>();
    for (let i = 0; i < ORGANIZATIONS; i++) {
      const id = organizationName(i);
      organizations.set(id, benchOrganization(id, 3));
    }
    const usages = parsedUsage(usageBuffers(EVENTS, '2026-05-01T00:00:00Z'));
    const debit = (): void => {
      for (const usage of usages) {
        const organization = organizations.get(usage.organizationId);
        if (organization === undefined) throw new Error('an organization is missing');
        const decision = decideUsage(organization, usage, card, 'bench', NOW, times);
        if (decision.kind !== 'charge') throw new Error(`the bench's usage is not charged: ${decision.kind}`);
        evolveCharge(organization, decision.charge, NOW);
      }
    };
    debit();
    const before = measureJ();
    // In turns with J, so that a machine that gets slower makes both slower.
    const rounds = Array.from({ length: quick ? 3 : 15 }, () => {
      const rate = rateOf(EVENTS, debit);
      return { rate, ratio: rate / measureJ(1) };
    });
    const after = measureJ();
    const J = (before + after) / 2;
    const gate = Math.min(GATE.perSecond / J, GATE.ofJ);
    const perSecond = spreadOf(rounds.map(({ rate }) => rate));
    const ratio = spreadOf(rounds.map((round) => round.ratio));
    return Promise.resolve([
      {
        name: 'domain core without I/O, debits/s',
        unit: 'J',
        ratio,
        gate: { at: 'least', value: gate },
        aim: { at: 'least', value: 2 * gate },
        denominators: [{ name: 'J', unit: 'events/s', before, after }],
        context: { debits_per_second: Math.round(perSecond.median), organizations: ORGANIZATIONS, lots: 3 },
      },
    ]);
  },
};
