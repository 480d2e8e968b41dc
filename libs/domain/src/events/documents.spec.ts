import { credits, type Instant } from '@drawdown/kernel';
import fc from 'fast-check';
import {
  amount,
  at,
  authorizeHold,
  closeOrganization,
  given,
  granted,
  inOrganization,
  instant,
  later,
  policy,
  preset,
  refundCharge,
  releaseHold,
  Scenario,
  START,
  TestLedger,
  used,
  voidGrant,
  wallet,
} from '../testing';
import { operations, perform, presetOf, rules } from '../testing/operations';
import { walletNamed, walletOf } from '../wallet/state';
import { walletBalances, walletView } from '../wallet/views';
import { lotDocument, lotStateOf, statusOf } from '.';

const view = (scenario: Scenario, now: Instant = scenario.ledger.now) => {
  const { organization } = scenario.ledger;
  const credit = walletNamed(organization, 'credits');
  if (credit === undefined) throw new Error('no wallet');
  return walletView(credit, organization, now);
};
const lotState = (scenario: Scenario, name: string, now: Instant = scenario.ledger.now): string => {
  const lot = scenario.ledger.organization.lots.get(scenario.ledger.idOf('lot', name));
  if (lot === undefined) throw new Error('no lot');
  return lotStateOf(lot, now, scenario.ledger.organization.status === 'closed');
};

describe('the state of a lot', () => {
  const end = instant('2026-03-10');

  test('follows the clock, booked or not', () => {
    const scenario = given(granted('lot', '10', { effectiveAt: instant('2026-03-05'), expiresAt: end }));
    const states = [START, instant('2026-03-05'), later(end, { micros: -1 }), end].map((now) =>
      lotState(scenario, 'lot', now),
    );
    expect(states).toEqual(['scheduled', 'active', 'active', 'expired']);
  });

  test('is spent, voided or expired by what became of it', () => {
    const scenario = given(
      granted('spent', '10', { priority: 1 }),
      used('10'),
      granted('voided', '10'),
      voidGrant('voided'),
      granted('expired', '10', { expiresAt: end }),
      granted('spent-first', '10', { expiresAt: end, priority: 2 }),
      used('10'),
      at(end),
    );
    expect(['spent', 'voided', 'expired', 'spent-first'].map((name) => lotState(scenario, name))).toEqual([
      'spent',
      'voided',
      'expired',
      'spent',
    ]);
  });

  test('is voided from the void on, though holds may still capture some of it', () => {
    const scenario = given(granted('lot', '10'), authorizeHold('h', '1'), voidGrant('lot'));
    expect(lotState(scenario, 'lot')).toBe('voided');
  });

  test('is shown with all its terms', () => {
    const scenario = given(
      granted('lot', '10', { expiresAt: end, scope: { models: ['m'] }, cap: { amount: '3', per: 'day' } }),
    );
    const [lot] = scenario.ledger.organization.lots.values();
    if (lot === undefined) throw new Error('no lot');
    expect(lotDocument(lot, START)).toMatchObject({
      credit_type: 'purchased',
      amount: '10',
      remaining: '10',
      held: '0',
      priority: 60,
      effective_at: START,
      expires_at: end,
      scope: { models: ['m'] },
      cap: { amount: '3', per: 'day' },
      cost_basis: null,
      funding: 'grant',
      state: 'active',
    });
  });
});

describe('a wallet’s balances', () => {
  test('INV-LOT-2, INV-TIM-3: available = settled − held − dormant − not yet effective − restricted, at any time', () => {
    const lots = fc.record({
      size: fc.integer({ min: 1, max: 9 }),
      starts: fc.integer({ min: -1, max: 4 }),
      ends: fc.option(fc.integer({ min: 5, max: 9 })),
      scoped: fc.boolean(),
      cap: fc.option(fc.integer({ min: 1, max: 9 })),
    });
    fc.assert(
      fc.property(
        fc.array(lots, { maxLength: 5 }),
        fc.nat({ max: 20 }),
        fc.nat({ max: 4 }),
        fc.nat({ max: 10 }),
        (list, spent, held, day) => {
          const scenario = inOrganization();
          list.forEach(({ size, starts, ends, scoped, cap }, n) => {
            granted(`lot-${String(n)}`, String(size), {
              effectiveAt: later(START, { days: starts }),
              ...(ends === null ? {} : { expiresAt: later(START, { days: ends }) }),
              ...(scoped ? { scope: { models: ['m'] } } : {}),
              ...(cap === null ? {} : { cap: { amount: String(cap), per: 'day' } }),
            })(scenario.ledger);
          });
          if (held > 0) authorizeHold('h', String(held))(scenario.ledger);
          if (spent > 0) used(String(spent))(scenario.ledger);
          const now = later(START, { days: day });
          const unsettled = view(scenario, now);
          scenario.given(at(now));
          // INV-TIM-3, -6: nobody has to settle first to see what is there, and what of the debt is paid.
          expect(unsettled).toEqual(view(scenario));
          const { balance } = view(scenario) as {
            balance: Record<string, string> & { restricted: { amount: string }[] };
          };
          const [settled, heldNow, available] = ['settled', 'held', 'available'].map((name) =>
            amount(balance[name] ?? ''),
          );
          const restricted = balance.restricted.reduce((sum, each) => sum + amount(each.amount), 0n);
          let scheduled = 0n;
          for (const lot of scenario.ledger.organization.lots.values()) {
            if (lotStateOf(lot, now, false) === 'scheduled') scheduled += lot.remaining - lot.held;
          }
          expect(available).toBe((settled ?? 0n) - (heldNow ?? 0n) - scheduled - restricted);
          // What is shown as available can be held at once, and nothing more.
          if ((available ?? 0n) > 0n)
            expect(authorizeHold('all', String(balance['available']))(scenario.ledger)).toMatchObject({
              outcome: { accepted: true },
            });
          expect(authorizeHold('one-more', '0.000000001')(scenario.ledger)).toMatchObject({
            outcome: { accepted: false },
          });
        },
      ),
      { numRuns: 100 },
    );
  });

  test('INV-LOT-7, INV-TIM-6: a lot pays debt when it begins, and only its rest ends, although nothing says so yet', () => {
    const scenario = given(
      used('30'),
      granted('short', '20', { effectiveAt: instant('2026-03-02'), expiresAt: instant('2026-03-04') }),
      granted('scoped', '25', { effectiveAt: instant('2026-03-03'), scope: { models: ['m'] } }),
    );
    const shown = (day: string) => {
      const { balance } = view(scenario, instant(day)) as { balance: Record<string, unknown> };
      return ['settled', 'available', 'debt'].map((name) => balance[name]);
    };
    expect(['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04'].map(shown)).toEqual([
      ['15', '-30', '30'],
      ['15', '-10', '10'],
      ['15', '0', '0'],
      ['15', '0', '0'],
    ]);
  });

  test.each([
    ['10.000000001', 'healthy'],
    ['10', 'low_balance'],
    ['5', 'low_balance'],
    ['4.999999999', 'critical'],
    ['0', 'critical'],
    ['-0.000000001', 'overdrawn'],
  ] as const)('%s against a threshold of 10 is %s', (available, status) => {
    expect(statusOf(amount(available), amount('10'))).toBe(status);
  });

  test('without a threshold only below zero is worth a word', () => {
    expect([statusOf(credits(0n), null), statusOf(credits(-1n), null)]).toEqual(['healthy', 'overdrawn']);
  });

  test.each([
    ['0', '100', 'green'],
    ['49.99', '50.01', 'green'],
    ['50', '50', 'yellow'],
    ['75', '25', 'yellow'],
    ['75.001', '24.99', 'red'],
    ['100', '0', 'red'],
  ])('after spending %s of 100 the bar shows %s percent, %s', (spent, percent, bar) => {
    const scenario = given(granted('lot', '100'));
    if (spent !== '0') scenario.given(used(spent));
    expect(view(scenario)).toMatchObject({ remaining_percent: percent, bar });
  });

  describe('of several lots the bar shows', () => {
    const shown = (scenario: Scenario, now?: Instant) => view(scenario, now)['remaining_percent'];

    test('those that are used up, too: their end does not fill it up', () => {
      const scenario = given(granted('a', '100', { priority: 1 }), granted('b', '100'), used('99'));
      expect(shown(scenario)).toBe('50.5');
      scenario.given(used('1'));
      expect([shown(scenario), view(scenario)['bar']]).toEqual(['50', 'yellow']);
      scenario.given(used('50'));
      expect(shown(scenario)).toBe('25');
    });

    test('as long as nothing of their credit type begins: a wallet that is filled up is not judged by all it ever had', () => {
      const monthly = { creditType: 'monthly', priority: 2 };
      const daily = { creditType: 'promotional', priority: 1 };
      const scenario = given(granted('m1', '70', monthly), granted('d1', '30', daily), used('30'));
      expect(shown(scenario)).toBe('70');
      scenario.given(granted('d2', '30', daily));
      expect(shown(scenario)).toBe('100');
      scenario.given(used('100'), granted('d3', '30', daily));
      expect(shown(scenario)).toBe('30');
      scenario.given(granted('m2', '70', monthly));
      expect(shown(scenario)).toBe('100');
    });

    test('nothing of a closed organization, whose credits are dormant', () => {
      const keep = given(
        granted('a', '100', { priority: 1 }),
        granted('b', '100', { creditType: 'monthly' }),
        used('100'),
      );
      expect(shown(keep)).toBe('50');
      keep.given(closeOrganization());
      const { organization } = keep.ledger;
      expect(walletBalances(walletOf(organization, 'credits'), organization, START).allocation).toBe(0n);
    });

    test('again what was given back to them, whatever began since', () => {
      const scenario = given(granted('a', '100', { priority: 1 }), used('100', { id: 'u' }), granted('b', '100'));
      expect(shown(scenario)).toBe('100');
      scenario.given(refundCharge('u', '50'));
      expect(shown(scenario)).toBe('75');
    });

    test('what was spent of a grant that is voided, not its rest, and nothing of what has ended', () => {
      const end = instant('2026-03-10');
      const scenario = given(granted('a', '100', { priority: 1, expiresAt: end }), granted('b', '100'), used('50'));
      expect([shown(scenario), shown(scenario, end)]).toEqual(['75', '100']);
      scenario.given(authorizeHold('h', '10'), voidGrant('a'));
      expect(shown(scenario)).toBe('68.75');
      scenario.given(releaseHold('h'));
      expect(shown(scenario)).toBe('66.66');
    });

    const percentOf = (ledger: TestLedger, now = ledger.now): number =>
      Number(walletView(walletOf(ledger.organization, 'credits'), ledger.organization, now)['remaining_percent']);

    test('a share that does not rise unless something is granted, given back, or ends', () => {
      let [falls, rises] = [0, 0];
      fc.assert(
        fc.property(rules, fc.array(operations, { maxLength: 80, size: 'max' }), (chosen, all) => {
          const ledger = new TestLedger({ preset: presetOf(chosen) });
          for (const [n, operation] of all.entries()) {
            ledger.settle();
            const before = percentOf(ledger);
            perform(ledger, operation, n, chosen);
            const after = percentOf(ledger);
            if (after < before) falls++;
            if (after <= before) continue;
            rises++;
            expect(['pass', 'grant', 'refund', 'adjust']).toContain(operation.type);
          }
        }),
        { numRuns: 200 },
      );
      expect([falls > 0, rises > 0]).toEqual([true, true]);
    });

    test('INV-TIM-3, INV-TIM-6: the same share, whether or not it is booked what has begun and ended', () => {
      const withoutHolds = operations.filter(({ type }) => !['hold', 'extend', 'capture', 'release'].includes(type));
      fc.assert(
        fc.property(rules, fc.array(withoutHolds, { maxLength: 80, size: 'max' }), (chosen, all) => {
          const ledger = new TestLedger({ preset: presetOf(chosen) });
          for (const [n, operation] of all.entries()) {
            const due =
              operation.type === 'pass' ? percentOf(ledger, later(ledger.now, { hours: operation.hours })) : null;
            perform(ledger, operation, n, chosen);
            if (due !== null) expect(due).toBe(percentOf(ledger));
          }
        }),
        { numRuns: 200 },
      );
    });
  });

  test('lifetime figures count what was added and spent, once', () => {
    const low = inOrganization({
      preset: preset({ wallets: [wallet({ policy: policy({ lowBalanceThreshold: amount('8') }) })] }),
    });
    low.given(granted('lot', '10'), used('4', { id: 'u' }), refundCharge('u', '1'), voidGrant('lot'));
    expect(view(low)).toMatchObject({
      lifetime_added: '10',
      lifetime_purchased: '0',
      lifetime_spent: '4',
      low_balance_threshold: '8',
      status: 'critical',
    });
  });
});
