import fc from 'fast-check';
import { amount, authorizeHold, given, granted, inOrganization, policy, preset, used, wallet } from '../testing';

const under = (onShortfall: 'debt' | 'write_off' | 'refuse', overdraftLimit = '0') =>
  inOrganization({
    preset: preset({ wallets: [wallet({ policy: policy({ onShortfall, overdraftLimit: amount(overdraftLimit) }) })] }),
  });

describe('usage that costs more than is left', () => {
  test.each(['1', '0.000000001'])('BAD-043: by %s credit becomes debt under `debt`', (excess) => {
    const price = excess === '1' ? '11' : '10.000000001';
    under('debt')
      .given(granted('lot', '10'))
      .when(used(price))
      .thenCharged({ price, slices: [['lot', '10']], debt: excess, uncovered: '0' })
      .balance({ settled: `-${excess}`, available: `-${excess}`, debt: excess });
  });

  test.each(['1', '0.000000001'])('BAD-043: by %s credit is written off under `write_off`', (excess) => {
    const price = excess === '1' ? '11' : '10.000000001';
    under('write_off')
      .given(granted('lot', '10'))
      .when(used(price))
      .thenCharged({ price, slices: [['lot', '10']], debt: '0', uncovered: excess })
      .balance({ settled: '0', available: '0', debt: '0' });
  });

  test.each(['1', '0.000000001'])('BAD-043, INV-LOT-8: by %s credit draws nothing under `refuse`', (excess) => {
    const price = excess === '1' ? '11' : '10.000000001';
    under('refuse')
      .given(granted('lot', '10'))
      .when(used(price))
      .thenRefused('out_of_credits')
      .balance({ settled: '10', available: '10' })
      .when(used('10'))
      .thenCharged({ slices: [['lot', '10']] });
  });

  test.each(['debt', 'write_off', 'refuse'] as const)(
    'BAD-043: is refused when enforced, also under `%s`',
    (policyName) => {
      under(policyName)
        .given(granted('lot', '10'))
        .when(used('10.000000001', { enforce: true }))
        .thenRefused('out_of_credits')
        .balance({ settled: '10' })
        .when(used('10', { enforce: true }))
        .thenCharged({ slices: [['lot', '10']] });
    },
  );

  test('says what it costs and what there is when it is refused', () => {
    const { ledger } = under('refuse', '5').given(granted('lot', '10'));
    expect(used('11')(ledger)).toMatchObject({
      decision: { kind: 'refuse', wallet: 'credits', price: amount('11'), available: amount('10'), policyVersion: 1 },
    });
  });

  test('INV-LOT-15: enforced usage draws no more than what is available, though lots would cover it', () => {
    // 10 in a lot for some charges only, 8 owed for others: such a charge finds 2 available.
    under('debt')
      .given(granted('lot', '10', { scope: { service_types: ['llm_call'] } }), used('8', { serviceType: 'email' }))
      .balance({ settled: '2', debt: '8' })
      .when(used('3', { enforce: true }))
      .thenRefused('out_of_credits')
      .when(used('2', { enforce: true }))
      .thenCharged({ slices: [['lot', '2']] });
  });

  test('INV-HLD-2: enforced usage leaves what holds may overdraw', () => {
    under('debt', '5')
      .given(authorizeHold('h', '5'), granted('lot', '7'))
      .balance({ settled: '7', held: '5', available: '2' })
      .when(used('3', { enforce: true }))
      .thenRefused('out_of_credits')
      .when(used('2', { enforce: true }))
      .thenCharged({ slices: [['lot', '2']] });
  });
});

test('BAD-027: a quantity of 0 is charged with 0 and draws nothing, also from an empty or overdrawn wallet', () => {
  for (const onShortfall of ['debt', 'write_off', 'refuse'] as const) {
    under(onShortfall)
      .when(used('0', { enforce: true }))
      .thenCharged({ price: '0', slices: [], debt: '0', uncovered: '0' })
      .balance({ settled: '0' });
  }
  given(used('5'))
    .when(used('0', { enforce: true }))
    .thenCharged({ price: '0', slices: [], debt: '0' });
});

test('INV-LOT-8: price = slices + debt + uncovered, with only the part that the policy allows', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 12 })), { maxLength: 12 });
  fc.assert(
    fc.property(
      fc.constantFrom('debt' as const, 'write_off' as const, 'refuse' as const),
      steps,
      (onShortfall, list) => {
        const { ledger } = under(onShortfall);
        for (const [isGrant, size] of list) {
          if (isGrant && size > 0) granted(`lot-${String(ledger.log.length)}`, String(size))(ledger);
          else used(String(size))(ledger);
        }
        for (const fact of ledger.log) {
          if (fact.kind !== 'charge') continue;
          const { price, slices, debt, uncovered } = fact.charge;
          expect(slices.reduce((total, slice) => total + slice.amount, 0n) + debt + uncovered).toBe(price);
          if (onShortfall !== 'debt') expect(debt).toBe(0n);
          if (onShortfall !== 'write_off') expect(uncovered).toBe(0n);
        }
      },
    ),
    { numRuns: 60 },
  );
});
