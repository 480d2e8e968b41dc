import {
  afterwards,
  at,
  authorizeHold,
  captureHold,
  given,
  granted,
  instant,
  refundCharge,
  releaseHold,
  used,
} from '../testing';

const capped = (amount: string, per: 'day' | 'calendar-month', total = '100') =>
  granted('capped', total, { cap: { amount, per }, priority: 1 });

describe('a consumption cap', () => {
  test.each([
    ['day', '2026-03-02T23:59:59.999999Z', '2026-03-03T00:00:00Z', '2026-03-03T23:59:59.999999Z', '2026-03-04'],
    [
      'calendar-month',
      '2026-03-31T23:59:59.999999Z',
      '2026-04-01T00:00:00Z',
      '2026-04-30T23:59:59.999999Z',
      '2026-05-01',
    ],
    [
      'calendar-month',
      '2028-02-29T23:59:59.999999Z',
      '2028-03-01T00:00:00Z',
      '2028-03-31T23:59:59.999999Z',
      '2028-04-01',
    ],
  ] as const)(
    'INV-LOT-5, FLT-73: per %s begins anew at midnight UTC, to the microsecond (%s)',
    (per, last, first, lastAgain, next) => {
      given(capped('10', per), granted('open', '100', { priority: 2 }), at(last))
        .when(used('12'))
        .thenCharged({
          slices: [
            ['capped', '10'],
            ['open', '2'],
          ],
        })
        .when(used('1'))
        .thenCharged({ slices: [['open', '1']] })
        .given(at(first))
        .when(used('4'))
        .thenCharged({ slices: [['capped', '4']] })
        .given(at(lastAgain))
        .when(used('10'))
        .thenCharged({
          slices: [
            ['capped', '6'],
            ['open', '4'],
          ],
        })
        .given(at(next))
        .when(used('10'))
        .thenCharged({ slices: [['capped', '10']] });
    },
  );

  test('INV-LOT-5, INV-TIM-11, FLD-43: counts by the booking time, whatever the event time says', () => {
    given(capped('10', 'day'), granted('open', '100', { priority: 2 }), at('2026-03-02T00:00:01Z'))
      .given(used('10', { time: instant('2026-03-01T23:59:59Z') }))
      .when(used('1'))
      .thenCharged({ slices: [['open', '1']] });
  });

  test('INV-LOT-5: a refund within the window gives its room back', () => {
    given(capped('10', 'day'), granted('open', '100', { priority: 2 }), used('10', { id: 'first' }))
      .given(afterwards({ hours: 3 }), refundCharge('first', '4'))
      .when(used('6'))
      .thenCharged({
        slices: [
          ['capped', '4'],
          ['open', '2'],
        ],
      });
  });

  test('INV-LOT-5: a refund of what an earlier window drew gives no room to a later one', () => {
    given(capped('10', 'day'), granted('open', '100', { priority: 2 }), used('10', { id: 'yesterday' }))
      .given(at('2026-03-02'), used('10'), refundCharge('yesterday'))
      .lot('capped', { remaining: '90', returned: '10' })
      .when(used('1'))
      .thenCharged({ slices: [['open', '1']] });
  });

  test('INV-LOT-5: a refund of an earlier window before the first use of this one leaves this one whole', () => {
    given(capped('10', 'day'), granted('open', '100', { priority: 2 }), used('10', { id: 'yesterday' }))
      .given(at('2026-03-02'), refundCharge('yesterday'))
      .when(used('12'))
      .thenCharged({
        slices: [
          ['capped', '10'],
          ['open', '2'],
        ],
      });
  });

  test('INV-LOT-5: what is held counts, so that usage and capture together stay within it', () => {
    given(capped('10', 'day'), granted('open', '100', { priority: 2 }), authorizeHold('h', '6'))
      .lot('capped', { held: '6' })
      .when(used('6'))
      .thenCharged({
        slices: [
          ['capped', '4'],
          ['open', '2'],
        ],
      })
      .given(captureHold('h', '6'))
      .lot('capped', { consumed: '10' });
  });

  test('INV-LOT-5: a capture above its hold draws no more of the lot than the cap leaves', () => {
    given(capped('10', 'day'), granted('open', '100', { priority: 2 }), authorizeHold('h', '6'), captureHold('h', '12'))
      .lot('capped', { consumed: '10' })
      .lot('open', { consumed: '2' });
  });

  test('INV-LOT-5: a hold of yesterday takes room of today until it is released', () => {
    given(capped('10', 'day'), granted('open', '100', { priority: 2 }), used('4'), authorizeHold('h', '6'))
      .given(at('2026-03-02'))
      .when(used('6'))
      .thenCharged({
        slices: [
          ['capped', '4'],
          ['open', '2'],
        ],
      })
      .given(releaseHold('h'))
      .when(used('7'))
      .thenCharged({
        slices: [
          ['capped', '6'],
          ['open', '1'],
        ],
      });
  });

  test('INV-LOT-2: what it keeps from being drawn is restricted, not available', () => {
    given(capped('10', 'day', '100'), used('4'), authorizeHold('h', '1'))
      .balance({ settled: '96', held: '1', available: '5' })
      .given(at('2026-03-02'))
      .balance({ settled: '96', held: '1', available: '9' });
  });

  test('INV-LOT-7: counts debt that the lot pays; the rest of the day only what is left of the cap', () => {
    given(used('7'), capped('10', 'day'), granted('open', '100', { priority: 2 }))
      .when(used('5'))
      .thenCharged({
        slices: [
          ['capped', '3'],
          ['open', '2'],
        ],
      });
  });

  test('INV-LOT-5: what a refund gives back of debt that the lot paid is room of the window in which it paid', () => {
    given(used('7', { id: 'a' }), at('2026-03-02'), capped('10', 'day', '100'), granted('open', '100', { priority: 2 }))
      .given(refundCharge('a'))
      .when(used('12'))
      .thenCharged({
        slices: [
          ['capped', '10'],
          ['open', '2'],
        ],
      });
  });

  test('INV-LOT-5: of debt paid on another day, a refund gives no room of today, however much of today it was charged', () => {
    given(used('5', { id: 'a' }), at('2026-03-02'), capped('5', 'day', '20'))
      .given(at('2026-03-03'), used('8', { id: 'b' }), refundCharge('a'), refundCharge('b', '3'))
      .given(granted('open', '100', { priority: 2 }))
      .when(used('3'))
      .thenCharged({ slices: [['open', '3']] });
  });
});
