import { credits, type Instant } from '@drawdown/kernel';
import fc from 'fast-check';
import {
  amount,
  at,
  authorizeHold,
  given,
  granted,
  inOrganization,
  instant,
  later,
  policy,
  preset,
  refundCharge,
  Scenario,
  START,
  used,
  voidGrant,
  wallet,
} from '../testing';
import { walletNamed } from '../wallet/state';
import { walletView } from '../wallet/views';
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
