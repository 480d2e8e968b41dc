import { derivedId } from '@drawdown/kernel';
import type { SavedRate } from '../events';
import {
  at,
  card,
  emptyCard,
  flatRate,
  granted,
  inOrganization,
  instant,
  later,
  measured,
  ORGANIZATION,
  preset,
  shown,
  START,
  TestLedger,
  used,
  wallet,
  withVersion,
} from '../testing';
import { CompiledCard } from '../rating/compiled-card';
import { presetWallet } from './charge';

describe('usage is charged', () => {
  test('with everything that explains it: rate, card version, policy version, lots, balances', () => {
    const ledger = new TestLedger({ card: card([flatRate('llm_call', '0.5')]) });
    granted('lot', '10')(ledger);
    const step = used('3', { id: 'u', model: 'm', userId: 'ada' })(ledger);
    expect(step.kind === 'usage' ? step.decision : null).toMatchObject({
      kind: 'charge',
      charge: {
        usage: { id: 'u', model: 'm', userId: 'ada' },
        actor: 'key_test',
        wallet: 'credits',
        policyVersion: 1,
        rate: {
          card: 'card',
          version: 1,
          index: 0,
          price: { type: 'flat_rate', credits_per_unit: '0.5', unit: 'units' },
          rounding: { scale: 9, mode: 'half_up' },
        },
        exact: null,
        price: 1_500_000_000n,
        slices: [{ lotId: derivedId('lot', ORGANIZATION, 'lot'), amount: 1_500_000_000n }],
        sequence: 2,
        balanceBefore: 10_000_000_000n,
        balanceAfter: 8_500_000_000n,
        redriven: null,
      },
    });
  });

  test.each([
    // 5 ÷ 3, and the ties 5 ÷ 2 and 7 ÷ 2
    ['half_up', ['0.000000002', '0.000000003', '0.000000004']],
    ['half_even', ['0.000000002', '0.000000002', '0.000000004']],
    ['up', ['0.000000002', '0.000000003', '0.000000004']],
    ['down', ['0.000000001', '0.000000002', '0.000000003']],
  ] as const)('INV-AMT-4: rounded once, %s, with the amount before rounding kept', (mode, expected) => {
    const priced = [['5', '3'] as const, ['5', '2'] as const, ['7', '2'] as const].map(([tokens, per]) => {
      const rate: SavedRate = { service_type: 'llm_call', price: { type: 'per_token', per, input: '0.000000001' } };
      const ledger = new TestLedger({ card: card([rate], { rounding: { scale: 9, mode } }) });
      const step = used('0', { quantities: [['input_tokens', measured(tokens)]] })(ledger);
      if (step.kind !== 'usage' || step.decision.kind !== 'charge') throw new Error('not charged');
      const { price, exact } = step.decision.charge;
      const [numerator, denominator] = (exact ?? '').split('/').map(BigInt);
      expect((numerator ?? 0n) * BigInt(per)).toBe((denominator ?? 0n) * BigInt(tokens));
      return shown(price);
    });
    expect(priced).toEqual(expected);
  });

  test('BAD-031: with 0 where the price rounds to 0', () => {
    inOrganization({ card: card(undefined, { rounding: { scale: 0, mode: 'down' } }) })
      .given(granted('lot', '1'))
      .when(used('0.9'))
      .thenCharged({ price: '0', slices: [] })
      .balance({ settled: '1' });
  });

  test('INV-TIM-10, INV-TIM-11, FLD-43: by the version in force at the event time, from the lots spendable at the booking time', () => {
    const [april, may] = [instant('2026-04-01'), instant('2026-05-01')];
    const versions = withVersion(
      withVersion(emptyCard(), [flatRate('llm_call', '1')], START),
      [flatRate('llm_call', '3')],
      april,
    );
    inOrganization({ card: new CompiledCard(versions) })
      .given(granted('march', '50', { expiresAt: april, priority: 1 }), granted('later', '50', { effectiveAt: april }))
      .given(at(later(april, { days: 1 })))
      .when(used('2', { time: later(april, { micros: -1 }) }))
      .thenCharged({ price: '2', slices: [['later', '2']] })
      .when(used('2', { time: april }))
      .thenCharged({ price: '6', slices: [['later', '6']] })
      .given(at(may))
      .balance({ settled: '42' });
  });

  test('to the wallet that the rate names, else the one of the preset for the service type, else the one for the rest', () => {
    const wallets = [
      wallet(),
      wallet({ key: 'machines', serviceTypes: ['compute'] }),
      wallet({ key: 'special', serviceTypes: [] }),
    ];
    const rates = [flatRate('llm_call'), flatRate('compute'), { ...flatRate('email'), wallet: 'special' }];
    const scenario = inOrganization({ preset: preset({ wallets }), card: card(rates) }).given(
      used('1'),
      used('2', { serviceType: 'compute' }),
      used('4', { serviceType: 'email' }),
    );
    scenario.balance({ settled: '-1' }).balance({ settled: '-2' }, 'machines').balance({ settled: '-4' }, 'special');
    expect(presetWallet(scenario.ledger.organization, 'compute')?.key).toBe('machines');
  });
});
