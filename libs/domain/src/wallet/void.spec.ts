import {
  at,
  authorizeHold,
  captureHold,
  event,
  given,
  granted,
  instant,
  releaseHold,
  used,
  voidGrant,
  partly,
} from '../testing';

describe('voiding a grant', () => {
  test('takes what is neither spent nor held, with its reason', () => {
    given(granted('lot', '10'), used('3'), authorizeHold('h', '2'))
      .when(voidGrant('lot', 'sent by mistake'))
      .then(
        event('GrantVoided', {
          lotId: 'lot',
          amount: 5_000_000_000n,
          reason: 'sent by mistake',
          booking: partly({ kind: 'void', debited: 5_000_000_000n, balanceAfter: 2_000_000_000n }),
        }),
      )
      .answered({ voided: '5', lot: { remaining: '2', held: '2' }, transaction: { kind: 'void' } })
      .lot('lot', { remaining: '2', held: '2', voided: '5', consumed: '3' })
      .balance({ settled: '2', held: '2', available: '0' });
  });

  test('INV-LOT-10: a second time takes nothing and changes nothing', () => {
    given(granted('lot', '10'), voidGrant('lot'))
      .when(voidGrant('lot'))
      .then()
      .answered({ voided: '0', lot: { state: 'voided' }, transaction: null })
      .lot('lot', { voided: '10', remaining: '0' });
  });

  test('INV-LOT-10: leaves what is held to its hold, for capture', () => {
    given(granted('lot', '10'), authorizeHold('h', '4'), voidGrant('lot'), captureHold('h', '4'))
      .lot('lot', { remaining: '0', voided: '6', consumed: '4' })
      .balance({ settled: '0', held: '0' });
  });

  test('what a hold gives back afterwards can be voided too', () => {
    given(granted('lot', '10'), authorizeHold('h', '4'), voidGrant('lot'), releaseHold('h'))
      .lot('lot', { remaining: '4', voided: '6' })
      .given(voidGrant('lot'))
      .lot('lot', { remaining: '0', voided: '10' });
  });

  test('of a spent lot takes nothing', () => {
    given(granted('lot', '10'), used('10')).when(voidGrant('lot')).then().answered({ voided: '0' });
  });

  test('of a lot that begins later cancels it', () => {
    given(granted('lot', '10', { effectiveAt: instant('2026-04-01') }), voidGrant('lot'), at('2026-05-01'))
      .balance({ settled: '0' })
      .when(used('1', { enforce: true }))
      .thenRefused('out_of_credits');
  });

  test.each(['', ' ', '\t\n'])('BAD-121: needs a reason that says something, not %j', (reason) => {
    given(granted('lot', '10')).when(voidGrant('lot', reason)).thenRefused('reason_required', { pointer: '/reason' });
  });

  test('of a lot that is not there is refused', () => {
    given().when(voidGrant('other')).thenRefused('not_found');
  });
});
