import { quantity } from '@drawdown/kernel';
import fc from 'fast-check';
import type { SavedRate } from '../events';
import { card, checkInvariants, given, granted, later, TestLedger, usage, used } from '../testing';
import { evolveCharge } from '../wallet/evolve';
import { type Organization, walletNamed } from '../wallet/state';
import { acceptedTimes, decideUsage } from './charge';

describe('over many charges', () => {
  test('FLD-50, INV-AMT-4: the balance is the sum of the transactions, and drifts less than half a unit each from the exact sum', () => {
    const parts = fc.bigInt({ min: 1n, max: 10_000_000_000n });
    fc.assert(
      fc.property(fc.array(parts, { minLength: 1, maxLength: 60 }), fc.constantFrom(2, 6, 9), (sizes, scale) => {
        const awkward: SavedRate = {
          service_type: 'llm_call',
          price: { type: 'per_token', per: '7', input: '1.000000003' },
        };
        const ledger = new TestLedger({ card: card([awkward], { rounding: { scale, mode: 'half_even' } }) });
        let total = 0n;
        let exact = 0n; // × 7
        for (const size of sizes) {
          const step = used('0', { quantities: [['input_tokens', quantity(size)]] })(ledger);
          if (step.kind !== 'usage' || step.decision.kind !== 'charge') throw new Error('not charged');
          total += step.decision.charge.price;
          exact += size * 1_000_000_003n;
        }
        expect(walletNamed(ledger.organization, 'credits')?.settled).toBe(-total);
        // exact parts are 10⁻⁹ × 10⁻⁹ credits × 7
        const drift = total * 7_000_000_000n - exact;
        const bound = BigInt(sizes.length) * 10n ** BigInt(9 - scale) * 7_000_000_000n;
        expect(2n * (drift < 0n ? -drift : drift) <= bound).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('FLD-50: after 100,000 charges of awkward fractions wallet and transactions differ by nothing', () => {
    const prices = card([{ service_type: 'llm_call', price: { type: 'per_token', per: '7', input: '0.333333333' } }]);
    const { organization, now } = given(granted('lot', '1000')).ledger;
    const times = acceptedTimes(now);
    let total = 0n;
    for (let n = 1; n <= 100_000; n++) {
      const quantities = [['input_tokens', quantity(BigInt(n) * 7_919n)]] as const;
      const decision = decideUsage(organization, usage('0', { quantities }), prices, 'key', now, times);
      if (decision.kind !== 'charge') throw new Error('not charged');
      evolveCharge(organization, decision.charge, now);
      total += decision.charge.balanceBefore - decision.charge.balanceAfter;
      if (decision.charge.price !== decision.charge.balanceBefore - decision.charge.balanceAfter)
        throw new Error('drift');
    }
    const credit = walletNamed(organization, 'credits');
    expect(credit?.settled).toBe(1_000_000_000_000n - total);
    expect(credit?.lifetimeSpent).toBe(total);
    expect(credit?.sequence).toBe(100_001);
    checkInvariants(organization);
  });

  test('FLD-60, FLD-61: debits and ended lots leave nothing behind that a debit, a balance or a check would go over', () => {
    const after = (debits: number, cycles: number): Organization => {
      const { ledger } = given(granted('lasting', '100000'));
      for (let cycle = 0; cycle < cycles; cycle++) {
        granted(`cycle-${String(cycle)}`, '9', { priority: -1, expiresAt: later(ledger.now, { days: 30 }) })(ledger);
        ledger.advance(later(ledger.now, { days: 30 }));
      }
      const times = { ...acceptedTimes(ledger.now), oldest: null };
      for (let n = 0; n < debits; n++) {
        const decision = decideUsage(ledger.organization, usage('1'), ledger.card, 'key', ledger.now, times);
        if (decision.kind !== 'charge') throw new Error('not charged');
        evolveCharge(ledger.organization, decision.charge, ledger.now);
      }
      return ledger.organization;
    };
    const sizeOf = (organization: Organization): number =>
      JSON.stringify(organization, (_, part: unknown) =>
        part instanceof Map ? [...(part as Map<unknown, unknown>)] : typeof part === 'bigint' ? 'n' : part,
      ).length;
    const [few, many] = [after(100, 0), after(10_000, 0)];
    expect(sizeOf(many) - sizeOf(few)).toBeLessThan(10); // digits of the wallet's number
    const past = after(1, 120);
    expect(past.lots.size).toBe(121);
    expect(past.wallets.map(({ live }) => live.length)).toEqual([1]);
  });

  test('INV-LED-9: with enough credits the order of usage changes neither the total, nor any service’s, nor the balance', () => {
    const services = ['llm_call', 'compute', 'email'] as const;
    const event = fc.tuple(fc.constantFrom(...services), fc.integer({ min: 0, max: 50 }));
    fc.assert(
      fc.property(
        fc
          .array(event, { maxLength: 12 })
          .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([one, other]) => {
          const totals = (list: readonly (readonly [string, number])[]) => {
            const scenario = given(granted('a', '70'), granted('b', '900', { priority: 1 }));
            const perService = new Map<string, bigint>();
            for (const [serviceType, units] of list) {
              const step = used(String(units), { serviceType })(scenario.ledger);
              if (step.kind !== 'usage' || step.decision.kind !== 'charge') throw new Error('not charged');
              perService.set(serviceType, (perService.get(serviceType) ?? 0n) + step.decision.charge.price);
            }
            return [
              services.map((service) => perService.get(service) ?? 0n),
              walletNamed(scenario.ledger.organization, 'credits')?.settled,
            ];
          };
          expect(totals(one)).toEqual(totals(other));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('INV-LOT-12: organizations side by side have the books each would have alone', () => {
    const step = fc.tuple(fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const together = ['org_a', 'org_b'].map((id) => new TestLedger({ id }));
        const alone = ['org_a', 'org_b'].map((id) => new TestLedger({ id }));
        const apply = (
          ledgers: readonly TestLedger[],
          [second, isGrant, size]: [boolean, boolean, number],
          n: number,
        ): void => {
          const ledger = ledgers[second ? 1 : 0];
          if (ledger === undefined) return;
          if (isGrant) granted(`lot-${String(n)}`, String(size))(ledger);
          else ledger.charge(usage(String(size), { id: `u${String(n)}`, organizationId: ledger.organization.id }));
        };
        steps.forEach((each, n) => {
          apply(together, each, n);
        });
        for (const which of [false, true]) {
          steps.forEach((each, n) => {
            if (each[0] === which) apply(alone, each, n);
          });
        }
        expect(together.map((ledger) => ledger.organization)).toEqual(alone.map((ledger) => ledger.organization));
        const lots = together.flatMap((ledger) => [...ledger.organization.lots.values()]);
        const sum = (read: (lot: (typeof lots)[number]) => bigint): bigint =>
          lots.reduce((total, lot) => total + read(lot), 0n);
        expect(sum((lot) => lot.amount + lot.returned)).toBe(
          sum((lot) => lot.remaining + lot.consumed + lot.expired + lot.voided + lot.forfeited),
        );
      }),
      { numRuns: 40 },
    );
  });
});
