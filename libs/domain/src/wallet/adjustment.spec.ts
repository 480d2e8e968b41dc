import { LARGEST } from '@drawdown/kernel';
import { adjustBalance, authorizeHold, event, given, granted, instant, slices, used, partly } from '../testing';

describe('an adjustment', () => {
  test('upwards makes a lot of its own type, drawn after everything granted on purpose', () => {
    given()
      .when(adjustBalance('5', { name: 'goodwill', reason: 'goodwill' }))
      .then(
        event('CreditsGranted', {
          lot: partly({
            creditType: 'adjustment',
            priority: 100,
            funding: 'adjustment',
            expiresAt: null,
          }),
          reason: 'goodwill',
          booking: partly({ kind: 'adjustment', credited: 5_000_000_000n }),
        }),
      )
      .answered({ lot: { remaining: '5' }, transaction: { kind: 'adjustment', credits_credited: '5' } })
      .given(granted('bought', '5'))
      .when(used('6'))
      .thenCharged({
        slices: [
          ['bought', '5'],
          ['goodwill', '1'],
        ],
      });
  });

  test('INV-LOT-7: upwards pays debt first', () => {
    given(used('3'), adjustBalance('5', { name: 'lot' }))
      .lot('lot', { consumed: '3', remaining: '2' })
      .balance({ debt: '0' });
  });

  test('downwards draws the lots in their order, whatever their scope, and leaves what is held', () => {
    given(
      granted('scoped', '2', { scope: { models: ['m'] }, priority: 1 }),
      granted('later', '9', { effectiveAt: instant('2026-04-01'), priority: 2 }),
      granted('open', '5', { priority: 3 }),
      granted('not needed', '1', { priority: 4 }),
      authorizeHold('h', '1'),
    )
      .when(adjustBalance('-5', { reason: 'typing error' }))
      .then(
        event('BalanceReduced', {
          reason: 'typing error',
          booking: partly({
            kind: 'adjustment',
            debited: 5_000_000_000n,
            debt: 0n,
            slices: slices(['scoped', '2'], ['open', '3']),
          }),
        }),
      )
      .answered({ lot: null, transaction: { credits_debited: '5', balance_after: '12' } })
      .lot('open', { remaining: '2', held: '1' })
      .lot('later', { remaining: '9' });
  });

  test('downwards beyond the lots becomes debt', () => {
    given(granted('lot', '2'), adjustBalance('-5')).balance({ settled: '-3', debt: '3' }).lot('lot', { consumed: '2' });
  });

  test('of 0 changes nothing and is refused', () => {
    given().when(adjustBalance('0')).thenRefused('amount_out_of_range', { pointer: '/amount' });
  });

  test('INV-AMT-3: that takes the balance, or the debt, out of the range of amounts is refused', () => {
    const most = (LARGEST / 1_000_000_000n).toString();
    given(adjustBalance(`-${most}`))
      .when(adjustBalance('-0.000000001'))
      .thenRefused('amount_out_of_range')
      .balance({ settled: `-${most}` });
    // The balance may be in range where the debt is not: a lot that begins later pays nothing yet.
    given(granted('later', '10', { effectiveAt: instant('2026-04-01') }), adjustBalance(`-${most}`))
      .when(adjustBalance('-1'))
      .thenRefused('amount_out_of_range');
  });

  test.each(['', '  '])('BAD-121: needs a reason that says something, not %j', (reason) => {
    given().when(adjustBalance('1', { reason })).thenRefused('reason_required', { pointer: '/reason' });
    given().when(adjustBalance('-1', { reason })).thenRefused('reason_required', { pointer: '/reason' });
  });
});
