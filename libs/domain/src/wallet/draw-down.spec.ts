import { credits } from '@drawdown/kernel';
import fc from 'fast-check';
import type { Scope } from '../events';
import {
  amount,
  authorizeHold,
  given,
  granted,
  inOrganization,
  later,
  preset,
  START,
  TestLedger,
  used,
} from '../testing';
import { availableTo, type ChargeScope, drawDown, spendable } from './draw-down';
import { walletNamed } from './state';

const scopes = fc.constantFrom<Scope | undefined>(
  undefined,
  { service_types: ['llm_call'] },
  { models: ['m'] },
  { workspaces: ['w', 'x'] },
);
const grant = fc.record({
  amount: fc.integer({ min: 1, max: 9 }),
  priority: fc.integer({ min: 0, max: 3 }),
  startsIn: fc.integer({ min: -2, max: 2 }),
  lives: fc.option(fc.integer({ min: 3, max: 6 })),
  scope: scopes,
  cap: fc.option(fc.integer({ min: 1, max: 5 })),
});
const charge = fc.record({
  serviceType: fc.constantFrom('llm_call', 'email'),
  model: fc.constantFrom('m', null),
  workspaceId: fc.constantFrom('w', 'y', null),
});

/** A ledger with these lots, some of them partly held, at some day after. */
const ledgerWith = (
  grants: readonly (typeof grant extends fc.Arbitrary<infer T> ? T : never)[],
  held: number,
): TestLedger => {
  const ledger = new TestLedger();
  grants.forEach(({ amount: size, priority, startsIn, lives, scope, cap }, index) => {
    granted(`lot-${String(index)}`, String(size), {
      priority,
      effectiveAt: later(START, { days: startsIn }),
      ...(lives === null ? {} : { expiresAt: later(START, { days: lives }) }),
      ...(scope === undefined ? {} : { scope }),
      ...(cap === null ? {} : { cap: { amount: String(cap), per: 'day' } }),
    })(ledger);
  });
  if (held > 0) authorizeHold('hold', String(held))(ledger);
  return ledger;
};

describe('drawing down', () => {
  test('INV-LOT-3, INV-LOT-4: touches a lot only when every earlier spendable one is exhausted, and takes no more than is there', () => {
    fc.assert(
      fc.property(
        fc.array(grant, { maxLength: 6 }),
        charge,
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 6 }),
        (grants, of, held, asked, day) => {
          const { organization } = ledgerWith(grants, held);
          const now = later(START, { days: day }); // expiries up to here are not booked
          const scope: ChargeScope = { ...of, modelTiers: {} };
          const wallet = walletNamed(organization, 'credits');
          if (wallet === undefined) throw new Error('no wallet');
          const price = amount(String(asked));
          const slices = drawDown(wallet, price, scope, now);
          const taken = new Map(slices.map((slice) => [slice.lotId, slice.amount]));
          let left: bigint = price;
          for (const lot of wallet.live) {
            const most = spendable(lot, scope, now);
            const expected = most < left ? most : left;
            expect(taken.get(lot.id) ?? 0n).toBe(expected);
            left -= expected;
          }
          expect(slices.every((slice) => slice.amount > 0n)).toBe(true);
          expect(taken.size).toBe(slices.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('INV-LOT-4: nothing of a lot is spendable that has not begun, has ended, is out of scope, held, or past its cap', () => {
    fc.assert(
      fc.property(
        grant,
        charge,
        fc.integer({ min: 0, max: 7 }),
        fc.integer({ min: 0, max: 9 }),
        (terms, of, day, held) => {
          const ledger = ledgerWith([terms], 0);
          const lot = [...ledger.organization.lots.values()][0];
          if (lot === undefined) throw new Error('no lot');
          lot.held = credits(BigInt(Math.min(held, terms.amount)) * 1_000_000_000n);
          const days = { starts: terms.startsIn, ends: terms.lives ?? 99 };
          const inScope =
            terms.scope === undefined ||
            ('service_types' in terms.scope && of.serviceType === 'llm_call') ||
            ('models' in terms.scope && of.model === 'm') ||
            ('workspaces' in terms.scope && of.workspaceId === 'w');
          const free = terms.amount - Math.min(held, terms.amount);
          const room = terms.cap === null ? free : Math.max(0, terms.cap - Math.min(held, terms.amount));
          const expected = days.starts <= day && day < days.ends && inScope ? Math.min(free, room) : 0;
          const most = spendable(lot, { ...of, modelTiers: {} }, later(START, { days: day }));
          expect(most).toBe(BigInt(expected) * 1_000_000_000n);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('INV-LOT-2: what is available is what can be drawn, less debt and what holds may overdraw', () => {
    const scenario = given(granted('lot', '10'), used('4'), authorizeHold('h', '2')).balance({
      available: '4',
      held: '2',
    });
    const { organization, now } = scenario.ledger;
    const wallet = walletNamed(organization, 'credits');
    if (wallet === undefined) throw new Error('no wallet');
    const any = { serviceType: null, model: null, workspaceId: null, modelTiers: {} };
    expect(availableTo(wallet, any, now)).toBe(amount('4'));
    wallet.debt = amount('1');
    expect(availableTo(wallet, any, now)).toBe(amount('3'));
    [wallet.held, wallet.overdrafts] = [amount('2.5'), amount('0.5')];
    expect(availableTo(wallet, any, now)).toBe(amount('2.5'));
  });

  test('FLD-52: a charge over 1,000 lots of 0.000000001 takes one step for each lot', () => {
    const scenario = inOrganization();
    const { ledger } = scenario;
    for (let n = 0; n < 1000; n++) granted(`crumb-${String(n)}`, '0.000000001')(ledger);
    const decision = used('0.0000005')(ledger);
    if (decision.kind !== 'usage' || decision.decision.kind !== 'charge') throw new Error('not charged');
    expect(decision.decision.charge.slices).toHaveLength(500);
    scenario.balance({ settled: '0.0000005' });
  });

  test('FLD-51: a balance of 0.000000001 is spent completely', () => {
    given(granted('crumb', '0.000000001'))
      .when(used('0.000000001'))
      .thenCharged({ slices: [['crumb', '0.000000001']], debt: '0' })
      .balance({ settled: '0', available: '0' });
  });

  test('INV-LOT-13: draws by the policy version in force and records it', () => {
    const scenario = inOrganization({ preset: preset() }).given(granted('lot', '3'), used('1'));
    const fact = scenario.ledger.log.at(-1);
    expect(fact?.kind === 'charge' ? fact.charge.policyVersion : null).toBe(1);
  });
});
