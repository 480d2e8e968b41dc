import {
  amount,
  authorizeHold,
  changePolicy,
  command,
  event,
  given,
  granted,
  instant,
  TestLedger,
  used,
  partly,
} from '../testing';

describe('changing a wallet’s policy', () => {
  test('makes a new version that states old and new, and counts from there', () => {
    given()
      .when(changePolicy({ onShortfall: 'refuse' }))
      .then(
        event('WalletPolicyChanged', {
          wallet: 'credits',
          version: 2,
          policy: partly({ onShortfall: 'refuse', overCapture: 'draw_extra' }),
          previous: partly({ onShortfall: 'debt' }),
        }),
      )
      .answered({ policy_version: 2 })
      .when(used('1'))
      .thenRefused('out_of_credits');
  });

  test('FLD-31, INV-LOT-11: touches no lot, no hold and no balance', () => {
    const scenario = given(
      granted('a', '10', { expiresAt: instant('2026-06-01'), cap: { amount: '5', per: 'day' } }),
      granted('b', '10', { effectiveAt: instant('2026-05-01') }),
      used('3'),
      authorizeHold('h', '2'),
    );
    const { organization } = scenario.ledger;
    const before = structuredClone({ lots: organization.lots, holds: organization.holds });
    scenario.given(
      changePolicy({ drawOrder: ['effective_at'], creditTypes: {}, refundGraceDays: 1, maxHoldSeconds: 1 }),
    );
    expect({ lots: organization.lots, holds: organization.holds }).toEqual(before);
    scenario.balance({ settled: '17', held: '2' });
  });

  test('INV-LOT-3: draws by the new order from the next charge on', () => {
    given(
      granted('preferred', '5', { priority: 1, expiresAt: instant('2026-06-01') }),
      granted('ending', '5', { priority: 9, expiresAt: instant('2026-04-01') }),
    )
      .when(used('1'))
      .thenCharged({ slices: [['preferred', '1']] })
      .given(changePolicy({ drawOrder: ['expires_at', 'priority'] }))
      .when(used('1'))
      .thenCharged({ slices: [['ending', '1']] });
  });

  test('that changes nothing makes no version', () => {
    given()
      .when(changePolicy({ onShortfall: 'debt' }))
      .then()
      .answered({ policy_version: 1 });
  });

  test('BAD-116: over a newer version is refused with the present one', () => {
    given(changePolicy({ onShortfall: 'refuse' }))
      .when(changePolicy({ onShortfall: 'debt' }, 1))
      .thenRefused('version_conflict', { more: { current_version: 2 } })
      .when(changePolicy({ onShortfall: 'debt' }, 2))
      .then(event('WalletPolicyChanged', { version: 3 }));
  });

  test.each([
    ['no key to order by', { drawOrder: [] }, 'invalid_value', '/draw_order'],
    ['a key twice', { drawOrder: ['priority', 'priority'] }, 'invalid_value', '/draw_order'],
    ['holds of no length', { maxHoldSeconds: 0 }, 'invalid_value', '/max_hold_seconds'],
    ['holds of part of a second', { maxHoldSeconds: 1.5 }, 'invalid_value', '/max_hold_seconds'],
    ['a grace below 0', { refundGraceDays: -1 }, 'invalid_value', '/refund_grace_days'],
    ['an overdraft limit below 0', { overdraftLimit: amount('-1') }, 'amount_out_of_range', '/overdraft_limit'],
  ] as const)('with %s is refused: what is stored must be readable', (_, changes, code, pointer) => {
    const copy = 'drawOrder' in changes ? { drawOrder: [...changes.drawOrder] } : changes;
    given().when(changePolicy(copy)).thenRefused(code, { pointer });
  });

  test('of a wallet that is not there is refused', () => {
    given()
      .when(command({ type: 'ChangeWalletPolicy', wallet: 'other', changes: {}, expectedVersion: null }))
      .thenRefused('not_found');
  });

  test('INV-LOT-13: each charge names the version that it was drawn by', () => {
    const ledger = new TestLedger();
    for (const step of [granted('a', '5'), used('1'), changePolicy({ drawOrder: ['expires_at'] }), used('1')])
      step(ledger);
    const versions = ledger.log.flatMap((fact) => (fact.kind === 'charge' ? [fact.charge.policyVersion] : []));
    expect(versions).toEqual([1, 2]);
  });
});
