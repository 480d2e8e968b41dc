import type { WalletPolicy } from '../events';
import {
  authorizeHold,
  captureHold,
  closeOrganization,
  holdAuthorized,
  releaseHold,
  TestLedger,
  afterwards,
  amount,
  at,
  event,
  given,
  granted,
  instant,
  later,
  refundCharge,
  Scenario,
  used,
  voidGrant,
  partly,
  under,
} from '../testing';

describe('a refund to a lot that ended meanwhile', () => {
  const expiresAt = instant('2026-03-10');
  const spent = (changes: Partial<WalletPolicy>): Scenario =>
    under(changes).given(
      granted('lot', '10', { expiresAt }),
      granted('open', '10', { priority: 99 }),
      used('12', { id: 'u' }),
    );

  test('INV-LOT-9: extends it by the grace of the policy, once, and it is spendable until then', () => {
    const until = later(instant('2026-03-20'), { days: 30 });
    spent({ refundExpired: 'extend', refundGraceDays: 30 })
      .given(at('2026-03-20'))
      .when(refundCharge('u', '5'))
      .then(
        event('ChargeRefunded', {
          forfeited: 0n,
          extended: [{ lotId: 'lot', expiresAt: until, previousExpiresAt: expiresAt }],
        }),
      )
      .lot('lot', { remaining: '3', returned: '3' })
      .balance({ available: '13' })
      .given(at('2026-03-25'))
      .when(refundCharge('u', '1'))
      .then(event('ChargeRefunded', { extended: [] }))
      .given(at(later(until, { micros: -1 })))
      .when(used('1'))
      .thenCharged({ slices: [['lot', '1']] })
      .given(at(until))
      .lot('lot', { remaining: '0', expired: '3' });
  });

  test('INV-LOT-3: finds its new place in the draw order', () => {
    given(
      granted('lot', '10', { expiresAt }),
      granted('middle', '10', { expiresAt: instant('2026-04-01') }),
      used('10', { id: 'u' }),
      at('2026-03-15'),
      refundCharge('u'),
    )
      .when(used('12'))
      .thenCharged({
        slices: [
          ['middle', '10'],
          ['lot', '2'],
        ],
      });
  });

  test('INV-LOT-9: forfeits the part that belongs to it, where the policy says so, and the answer tells', () => {
    spent({ refundExpired: 'forfeit' })
      .given(at('2026-03-20'))
      .when(refundCharge('u', '5'))
      .then(
        event('ChargeRefunded', {
          forfeited: amount('3'),
          booking: partly({ credited: amount('2') }),
        }),
      )
      .answered({ credits: '5', forfeited: '3' })
      .lot('lot', { remaining: '0', returned: '3', forfeited: '3' })
      .lot('open', { remaining: '10' })
      .given(refundCharge('u'))
      .lot('lot', { returned: '10', forfeited: '10' })
      .balance({ settled: '10', available: '10' });
  });

  test('INV-TIM-5: has ended at its expiry, and not one microsecond before', () => {
    spent({ refundExpired: 'forfeit' })
      .given(at(later(expiresAt, { micros: -1 })), refundCharge('u', '3'))
      .lot('lot', { remaining: '1', forfeited: '0' })
      .given(at(expiresAt), refundCharge('u', '1'))
      .lot('lot', { remaining: '0', expired: '1', forfeited: '1' });
  });

  test('INV-HLD-6: lets the lot live on, but not what was held of it when it expired', () => {
    const held = () =>
      given(granted('lot', '10', { expiresAt }), used('4', { id: 'u' }), authorizeHold('h', '6')).given(
        at('2026-03-12'),
        refundCharge('u', '1'),
        authorizeHold('later', '1'),
      );
    held()
      .lot('lot', { remaining: '7', held: '7', expired: '0' })
      .when(releaseHold('h'))
      .then(
        event('HeldCreditsEnded', { booking: partly({ kind: 'expiry', debited: amount('6') }) }),
        event('HoldReleased', { slices: [] }),
      )
      .lot('lot', { remaining: '1', held: '1', expired: '6' })
      .given(releaseHold('later'))
      .lot('lot', { remaining: '1', held: '0', expired: '6' })
      .balance({ settled: '1', available: '1' });
    held().given(captureHold('h', '2')).lot('lot', { consumed: '6', expired: '4', remaining: '1' });
    held().given(closeOrganization()).lot('lot', { expired: '6', remaining: '1' }).balance({ dormant: '1' });
  });

  test('INV-TIM-4: what is held over two expiries is booked once', () => {
    under({ refundExpired: 'extend', refundGraceDays: 1 })
      .given(granted('lot', '10', { expiresAt }), used('4', { id: 'u' }), authorizeHold('h', '6'))
      .given(at('2026-03-11'), refundCharge('u', '1'), at('2026-03-13'))
      .lot('lot', { remaining: '6', held: '6', expired: '1' })
      .given(refundCharge('u', '1'))
      .when(releaseHold('h'))
      .then(
        event('HeldCreditsEnded', { booking: partly({ kind: 'expiry', debited: amount('6') }) }),
        event('HoldReleased', {}),
      )
      .lot('lot', { remaining: '1', expired: '7' });
  });

  test('INV-LED-1: of a hold with parts of both kinds, one that had expired and one that was voided, books the one after the other', () => {
    given(
      granted('lot', '10', { priority: 1, expiresAt }),
      granted('gone', '5', { priority: 2 }),
      used('4', { id: 'u' }),
    )
      .given(authorizeHold('h', '9'), at('2026-03-12'), refundCharge('u', '1'), voidGrant('gone'))
      .balance({ settled: '10', held: '9' })
      .when(releaseHold('h'))
      .then(
        event('HeldCreditsEnded', {
          booking: partly({ kind: 'expiry', debited: amount('6'), balanceAfter: amount('4') }),
        }),
        event('HeldCreditsEnded', {
          booking: partly({ kind: 'void', debited: amount('3'), balanceAfter: amount('1') }),
        }),
        event('HoldReleased', { slices: [] }),
      )
      .lot('lot', { remaining: '1', expired: '6' })
      .lot('gone', { remaining: '0', voided: '5' })
      .balance({ settled: '1', held: '0', available: '1' });
  });

  test('forfeits what belongs to a voided lot, under either policy', () => {
    for (const refundExpired of ['extend', 'forfeit'] as const) {
      under({ refundExpired })
        .given(granted('lot', '10'), used('4', { id: 'u' }), voidGrant('lot'))
        .given(refundCharge('u'))
        .lot('lot', { remaining: '0', voided: '6', returned: '4', forfeited: '4' })
        .balance({ settled: '0' });
    }
  });

  test('of debt that an ended lot had paid follows the same rule', () => {
    under({ refundExpired: 'forfeit' })
      .given(used('4', { id: 'u' }), granted('lot', '4', { expiresAt }), afterwards({ days: 20 }))
      .given(refundCharge('u'))
      .lot('lot', { remaining: '0', returned: '4', forfeited: '4' })
      .balance({ settled: '0', debt: '0' });
  });
});

test('the example of the README: a hold over an expiry, captured in part, refunded in part', () => {
  for (const refundExpired of ['extend', 'forfeit'] as const) {
    under({ refundExpired })
      .given(granted('promo', '3', { priority: 10, expiresAt: instant('2026-03-10') }), granted('bought', '10'))
      .when(authorizeHold('h', '5'))
      .then(
        holdAuthorized('h', [
          ['promo', '3'],
          ['bought', '2'],
        ]),
      )
      .given(at('2026-03-10'))
      .lot('promo', { remaining: '3', expired: '0' })
      .given(at('2026-03-12'), captureHold('h', '4'))
      .balance({ settled: '9', held: '0' })
      .given(at('2026-03-13'), (ledger) => refundCharge(lastTransaction(ledger), '2')(ledger))
      .lot('bought', { remaining: '10', returned: '1' })
      .lot('promo', {
        remaining: refundExpired === 'extend' ? '1' : '0',
        forfeited: refundExpired === 'extend' ? '0' : '1',
      });
  }
});

const lastTransaction = ({ log }: TestLedger): string => {
  const fact = log.at(-1);
  return fact?.kind === 'event' && fact.event.type === 'HoldCaptured' ? fact.event.data.booking.transactionId : '';
};
