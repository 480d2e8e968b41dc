import {
  adjustBalance,
  at,
  authorizeHold,
  captureHold,
  closeOrganization,
  given,
  granted,
  instant,
  refundCharge,
  releaseHold,
  used,
  voidGrant,
  under,
} from '../testing';

describe('credits that come free while the wallet owes pay the debt first (INV-LOT-7)', () => {
  const expiresAt = instant('2026-03-05');
  /** 10 credits, all held, and 8 used meanwhile, which nothing covers. */
  const owing = () =>
    given(granted('lot', '10', { expiresAt }), authorizeHold('h', '10'), used('8', { id: 'u' })).balance({
      settled: '2',
      held: '10',
      debt: '8',
    });

  test('when a hold is released: only what is left over can expire', () => {
    owing()
      .given(releaseHold('h'))
      .lot('lot', { remaining: '2', consumed: '8' })
      .balance({ settled: '2', available: '2', debt: '0' })
      .given(at(expiresAt))
      .lot('lot', { expired: '2' })
      .balance({ settled: '0', debt: '0' });
  });

  test('when a hold is released: only what is left over can be voided', () => {
    owing().given(releaseHold('h'), voidGrant('lot')).lot('lot', { voided: '2' }).balance({ settled: '0', debt: '0' });
  });

  test('when a hold expires, though its lot does so before anything is booked', () => {
    given(
      granted('lot', '10', { expiresAt }),
      authorizeHold('h', '10', { expiresAt: instant('2026-03-04') }),
      used('8'),
    )
      .given(at('2026-03-20'))
      .lot('lot', { consumed: '8', expired: '2' })
      .balance({ settled: '0', debt: '0' });
  });

  test('when a capture is final, from what it leaves', () => {
    owing()
      .given(captureHold('h', '1', { final: true }))
      .lot('lot', { consumed: '9' })
      .balance({ settled: '1', available: '1', debt: '0' });
  });

  test('and not when it is not final: the rest stays held', () => {
    owing()
      .given(captureHold('h', '1', { final: false }))
      .balance({ settled: '1', held: '9', debt: '8' });
  });

  test('when a charge is given back that left the lot empty before the debt came', () => {
    given(granted('lot', '10', { expiresAt }), used('10', { id: 'first' }), used('8'), refundCharge('first'))
      .lot('lot', { remaining: '2' })
      .balance({ settled: '2', available: '2', debt: '0' });
  });

  test('after an adjustment below what is free', () => {
    given(granted('lot', '10'), authorizeHold('h', '10'), adjustBalance('-5'), releaseHold('h')).balance({
      settled: '5',
      available: '5',
      debt: '0',
    });
  });

  test.each([
    ['forfeit', { remaining: '0', consumed: '8', forfeited: '2' }, '0'],
    ['keep', { remaining: '2', consumed: '8', forfeited: '0' }, '2'],
  ] as const)(
    'when the organization is closed: what it comes to under %s is what is left over',
    (onClose, lot, settled) => {
      under({ onClose })
        .given(granted('lot', '10'), authorizeHold('h', '7'), authorizeHold('i', '3'), used('8'), closeOrganization())
        .lot('lot', lot)
        .balance({ settled, debt: '0' });
    },
  );

  test('lot by lot, as they were set aside, and no more than is owed', () => {
    given(granted('a', '3'), granted('b', '10'), authorizeHold('h', '13'), used('5'), releaseHold('h'))
      .lot('a', { remaining: '0' })
      .lot('b', { remaining: '8' })
      .balance({ settled: '8', available: '8', debt: '0' });
  });
});

test('a refund of the debt that such a payment paid gives back to the lot that paid', () => {
  given(granted('lot', '10'), authorizeHold('h', '10'), used('8', { id: 'u' }), releaseHold('h'), refundCharge('u'))
    .lot('lot', { remaining: '10' })
    .balance({ settled: '10', debt: '0' });
});

test('a lot with a scope or a cap pays as well, as it would when it is granted', () => {
  const expiresAt = instant('2026-03-05');
  const llm = { scope: { service_types: ['llm_call'] } };
  const daily = { cap: { amount: '10', per: 'day' as const } };
  for (const terms of [llm, daily]) {
    given(granted('lot', '10', { ...terms, expiresAt }), authorizeHold('h', '10', { serviceType: 'llm_call' }))
      .given(used('8', { serviceType: 'llm_call' }), releaseHold('h'))
      .balance({ settled: '2', debt: '0' })
      .given(at(expiresAt))
      .lot('lot', { consumed: '8', expired: '2' })
      .balance({ settled: '0', debt: '0' });
  }
});

test('INV-HLD-6: what was held past its expiry is booked as expired and pays nothing', () => {
  const expiresAt = instant('2026-03-05');
  given(granted('lot', '10', { expiresAt }), authorizeHold('h', '10', { expiresAt: instant('2026-03-08') }), used('8'))
    .given(at('2026-03-06'), releaseHold('h'), at('2026-03-07'))
    .lot('lot', { consumed: '0', expired: '10' })
    .balance({ settled: '-8', debt: '8' });
});
