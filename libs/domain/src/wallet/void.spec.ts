import {
  amount,
  at,
  authorizeHold,
  captureHold,
  event,
  extendHold,
  given,
  granted,
  instant,
  refundCharge,
  releaseHold,
  slices,
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
        event('HeldRestVoided', { lotId: 'lot', held: 2_000_000_000n, reason: 'sent by mistake' }),
      )
      .answered({ voided: '5', lot: { remaining: '2', held: '2', state: 'voided' }, transaction: { kind: 'void' } })
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

  test('INV-LOT-4: what a hold gives back afterwards is voided, not spendable', () => {
    given(granted('lot', '10'), authorizeHold('h', '4'), voidGrant('lot', 'sent by mistake'))
      .when(releaseHold('h'))
      .then(
        event('HeldCreditsEnded', {
          holdId: 'h',
          booking: partly({ kind: 'void', slices: slices(['lot', '4']), balanceBefore: amount('4'), balanceAfter: 0n }),
        }),
        event('HoldReleased', { holdId: 'h', slices: [] }),
      )
      .lot('lot', { remaining: '0', voided: '10' })
      .balance({ settled: '0', available: '0' });
  });

  test('INV-LOT-4: of a lot that is held whole is remembered until the hold ends, by whatever ends it', () => {
    const held = () =>
      given(granted('lot', '10'), authorizeHold('h', '10', { expiresAt: instant('2026-03-05') }))
        .when(voidGrant('lot', 'sent by mistake'))
        .then(event('HeldRestVoided', { lotId: 'lot', held: 10_000_000_000n }))
        .answered({ voided: '0', lot: { remaining: '10', held: '10', state: 'voided' }, transaction: null });
    held().given(releaseHold('h')).lot('lot', { voided: '10' }).balance({ settled: '0' });
    held().given(at('2026-03-06')).lot('lot', { voided: '10' }).balance({ settled: '0' });
    held().given(captureHold('h', '4')).lot('lot', { consumed: '4', voided: '6' }).balance({ settled: '0' });
    held()
      .given(captureHold('h', '4', { final: false }))
      .lot('lot', { consumed: '4', voided: '0', held: '6' })
      .given(captureHold('h', '6'))
      .lot('lot', { consumed: '10', voided: '0' });
  });

  test('INV-LOT-10: a second time while a part is held takes nothing and changes nothing', () => {
    given(granted('lot', '10'), authorizeHold('h', '4'), voidGrant('lot', 'first'))
      .when(voidGrant('lot', 'second'))
      .then()
      .answered({ voided: '0', lot: { state: 'voided' }, transaction: null })
      .when(releaseHold('h'))
      .then(event('HeldCreditsEnded', {}), event('HoldReleased', {}));
  });

  test('INV-HLD-3, INV-LED-1: of several lots and holds, each hold books its own, however its parts lie', () => {
    given(granted('gone', '9', { priority: 1 }), granted('good', '9', { priority: 2 }))
      .given(authorizeHold('h', '4'), extendHold('h', instant('2026-03-08'), '3'), authorizeHold('other', '4'))
      .given(voidGrant('gone'))
      .when(captureHold('h', '2'))
      .then(
        event('HeldCreditsEnded', { booking: partly({ slices: slices(['gone', '5']), balanceAfter: amount('13') }) }),
        event('HoldCaptured', { booking: partly({ balanceBefore: amount('13'), slices: slices(['gone', '2']) }) }),
      )
      .lot('gone', { remaining: '2', held: '2', consumed: '2', voided: '5' })
      .when(releaseHold('other'))
      .then(
        event('HeldCreditsEnded', { booking: partly({ slices: slices(['gone', '2']) }) }),
        event('HoldReleased', { slices: slices(['good', '2']) }),
      )
      .lot('gone', { remaining: '0', voided: '7' })
      .balance({ settled: '9', available: '9' });
  });

  test('of a lot that has expired finds nothing left, and changes nothing', () => {
    given(granted('lot', '10', { expiresAt: instant('2026-03-04') }), used('4', { id: 'u' }), authorizeHold('h', '3'))
      .given(at('2026-03-05'))
      .when(voidGrant('lot'))
      .then()
      .answered({ voided: '0', lot: { state: 'expired' } })
      .given(refundCharge('u'))
      .lot('lot', { returned: '4', forfeited: '0' });
  });

  test('INV-HLD-6: what a hold gives back of a voided lot that has expired meanwhile is booked as expired', () => {
    given(granted('lot', '10', { expiresAt: instant('2026-03-10') }), authorizeHold('h', '4'), voidGrant('lot'))
      .given(at('2026-03-11'), releaseHold('h'), at('2026-03-12'))
      .lot('lot', { remaining: '0', voided: '6', expired: '4' });
  });

  test('what is voided when it comes free pays no debt; what is good does', () => {
    given(granted('gone', '4', { priority: 1 }), granted('good', '6', { priority: 2 }), authorizeHold('h', '10'))
      .given(used('9'), voidGrant('gone'), releaseHold('h'))
      .lot('gone', { voided: '4', consumed: '0' })
      .lot('good', { consumed: '6' })
      .balance({ settled: '-3', debt: '3' });
  });

  test('a refund of what was captured from it is forfeited, as after any void', () => {
    const capture = given(granted('lot', '10'), authorizeHold('h', '10'), voidGrant('lot')).given(
      captureHold('h', '10'),
    );
    const fact = capture.ledger.log.at(-1);
    const id = fact?.kind === 'event' && 'booking' in fact.event.data ? fact.event.data.booking.transactionId : '';
    capture.given(refundCharge(id)).lot('lot', { remaining: '0', returned: '10', forfeited: '10' });
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
