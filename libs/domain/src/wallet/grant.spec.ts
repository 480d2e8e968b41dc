import { derivedTransactionId, LARGEST, credits } from '@drawdown/kernel';
import {
  afterwards,
  adjustBalance,
  at,
  event,
  given,
  granted,
  inOrganization,
  instant,
  later,
  ORGANIZATION,
  policy,
  preset,
  slices,
  START,
  used,
  wallet,
  partly,
} from '../testing';
import { walletNamed } from './state';

describe('a grant', () => {
  test('makes one lot with the terms it was given and the priority of its credit type', () => {
    given()
      .when(
        granted('promo', '12.5', {
          creditType: 'promotional',
          expiresAt: instant('2026-04-01'),
          scope: { models: ['m'] },
          cap: { amount: '3', per: 'day' },
        }),
      )
      .then(
        event('CreditsGranted', {
          lot: {
            lotId: 'promo',
            wallet: 'credits',
            creditType: 'promotional',
            amount: 12_500_000_000n,
            priority: 20,
            effectiveAt: START,
            expiresAt: instant('2026-04-01'),
            scope: { models: ['m'] },
            cap: { amount: 3_000_000_000n, per: 'day' },
            costBasis: null,
            funding: 'grant',
            sequence: 1,
          },
          debtPaid: 0n,
          booking: {
            transactionId: derivedTransactionId(ORGANIZATION, 'promo'),
            kind: 'grant',
            wallet: 'credits',
            sequence: 1,
            credited: 12_500_000_000n,
            debited: 0n,
            balanceBefore: 0n,
            balanceAfter: 12_500_000_000n,
            slices: slices(['promo', '12.5']),
            debt: 0n,
            policyVersion: 1,
            eventTime: START,
          },
        }),
      )
      .answered({
        lot: { state: 'active', remaining: '12.5' },
        transaction: { kind: 'grant', balance_after: '12.5' },
      })
      .balance({ settled: '12.5' });
  });

  test('keeps a priority of its own where one is given', () => {
    given(granted('late', '5', { priority: 99 }), granted('soon', '5', { priority: 0 }))
      .when(used('6'))
      .thenCharged({
        slices: [
          ['soon', '5'],
          ['late', '1'],
        ],
      });
  });

  test('FLD-27, INV-LOT-7: pays debt first, as a recorded slice, and only the rest is spendable', () => {
    given(used('30'))
      .balance({ settled: '-30', available: '-30', debt: '30' })
      .when(granted('topup', '100'))
      .then(event('CreditsGranted', { debtPaid: 30_000_000_000n }))
      .balance({ settled: '70', available: '70', debt: '0' })
      .lot('topup', { remaining: '70', consumed: '30' });
  });

  test('INV-LOT-7: that is smaller than the debt is used up by it', () => {
    given(used('30'), granted('topup', '10'))
      .balance({ settled: '-20', available: '-20', debt: '20' })
      .lot('topup', { remaining: '0', consumed: '10' })
      .when(granted('exact', '20'))
      .then(event('CreditsGranted', { debtPaid: 20_000_000_000n }))
      .balance({ settled: '0', available: '0', debt: '0' });
  });

  test('INV-LOT-7: that begins later pays the debt when it takes effect, not before', () => {
    given(used('30'), granted('later', '100', { effectiveAt: instant('2026-03-10') }))
      .lot('later', { remaining: '100', consumed: '0' })
      .balance({ settled: '70', available: '-30', debt: '30' })
      .given(at('2026-03-09T23:59:59.999999Z'))
      .balance({ available: '-30', debt: '30' })
      .given(at('2026-03-10'))
      .booked(event('LotActivated', { lotId: 'later', debtPaid: 30_000_000_000n, effectiveAt: instant('2026-03-10') }))
      .balance({ settled: '70', available: '70', debt: '0' })
      .lot('later', { remaining: '70', consumed: '30' });
  });

  test('INV-LOT-7: debts made while several lots wait are paid by each as it takes effect', () => {
    given(
      granted('second', '10', { effectiveAt: instant('2026-03-20') }),
      granted('first', '10', { effectiveAt: instant('2026-03-10') }),
      used('15'),
      at('2026-04-01'),
    )
      .lot('first', { remaining: '0', consumed: '10' })
      .lot('second', { remaining: '5', consumed: '5' })
      .balance({ settled: '5', debt: '0' });
  });

  test('INV-LOT-4: is not spendable before its effective instant, and is at it', () => {
    const effectiveAt = instant('2026-03-10');
    given(granted('later', '10', { effectiveAt }), at(later(effectiveAt, { micros: -1 })))
      .balance({ settled: '10', available: '0' })
      .when(used('1', { enforce: true }))
      .thenRefused('out_of_credits')
      .given(at(effectiveAt))
      .when(used('1', { enforce: true }))
      .thenCharged({ slices: [['later', '1']] });
  });

  test('with an effective instant in the past is spendable at once', () => {
    given(granted('old', '10', { effectiveAt: instant('2026-01-01') }))
      .balance({ available: '10' })
      .when(used('1', { enforce: true }))
      .thenCharged({ slices: [['old', '1']] });
  });

  test('with a scope that lists nothing restricts nothing', () => {
    given(granted('any', '10', { scope: {} }))
      .balance({ available: '10' })
      .when(used('4'))
      .thenCharged({ slices: [['any', '4']] });
  });

  test('numbers grants within their wallet, one after the other', () => {
    given(granted('a', '1'), granted('b', '1'))
      .when(adjustBalance('1', { name: 'c' }))
      .then(event('CreditsGranted', { lot: partly({ lotId: 'c', sequence: 3 }) }));
  });
});

describe('a grant is refused', () => {
  test.each([
    ['0 credits', '0', {}, 'amount_out_of_range', '/amount'],
    ['a negative amount', '-1', {}, 'amount_out_of_range', '/amount'],
    ['an unknown credit type', '1', { creditType: 'nothing' }, 'invalid_value', '/credit_type'],
    ['a credit type that every object has', '1', { creditType: 'constructor' }, 'invalid_value', '/credit_type'],
    [
      'an expiry at its start',
      '1',
      { effectiveAt: instant('2026-04-01'), expiresAt: instant('2026-04-01') },
      'invalid_interval',
      '/expires_at',
    ],
    [
      'an expiry before its start',
      '1',
      { effectiveAt: instant('2026-04-02'), expiresAt: instant('2026-04-01') },
      'invalid_interval',
      '/expires_at',
    ],
    ['an expiry at the present', '1', { expiresAt: START }, 'invalid_interval', '/expires_at'],
    [
      'an expiry in the past',
      '1',
      { effectiveAt: instant('2026-01-01'), expiresAt: instant('2026-02-01') },
      'invalid_interval',
      '/expires_at',
    ],
  ] as const)('BAD-059: with %s', (_, credits, terms, code, pointer) => {
    given()
      .when(granted('lot', credits, terms))
      .thenRefused(code, { pointer })
      .balance({ settled: '0' });
  });

  test('into a wallet that is not there', () => {
    given()
      .when(granted('lot', '1', { wallet: 'other' }))
      .thenRefused('not_found');
  });

  test('INV-AMT-3: that takes the balance out of the range of amounts', () => {
    const most = (LARGEST / 1_000_000_000n).toString();
    given(granted('most', most))
      .when(granted('more', '0.000000001'))
      .thenRefused('amount_out_of_range', {
        pointer: '/amount',
        detail: expect.stringContaining('balance would leave') as string,
      })
      .when(adjustBalance('0.000000001'))
      .thenRefused('amount_out_of_range')
      .balance({ settled: most });
  });

  test('FLD-69: of two first debits of an organization that spend all of it, one fits', () => {
    const refusing = preset({ wallets: [wallet({ policy: policy({ onShortfall: 'refuse' }) })] });
    inOrganization({ preset: refusing })
      .given(granted('lot', '10'), used('10'))
      .when(used('10'))
      .thenRefused('out_of_credits')
      .balance({ settled: '0' });
  });
});

test('INV-LED-1: balances and numbers of transactions follow on, whatever happens in between', () => {
  const scenario = given(
    granted('a', '10', { expiresAt: instant('2026-03-05') }),
    used('3'),
    granted('b', '7'),
    adjustBalance('-2'),
    afterwards({ days: 10 }),
  ).balance({ settled: '7' });
  const wallet = walletNamed(scenario.ledger.organization, 'credits');
  expect(wallet?.sequence).toBe(5);
  expect(wallet?.lifetimeAdded).toBe(credits(17_000_000_000n));
  expect(wallet?.lifetimeSpent).toBe(credits(3_000_000_000n));
});
