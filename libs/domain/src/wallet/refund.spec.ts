import { credits } from '@drawdown/kernel';
import fc from 'fast-check';
import {
  amount,
  at,
  authorizeHold,
  captureHold,
  event,
  given,
  granted,
  instant,
  refundCharge,
  slices,
  START,
  TestLedger,
  used,
  partly,
  under,
} from '../testing';
import { partsToReturn } from './refund';

const threeLots = [
  granted('first', '2', { priority: 1 }),
  granted('second', '3', { priority: 2 }),
  granted('third', '10', { priority: 3 }),
];

describe('a refund', () => {
  test('FLD-29: gives back what was drawn last first; the rest later; each lot is as before', () => {
    given(...threeLots, used('7', { id: 'u' }))
      .when(refundCharge('u', '3.5'))
      .then(
        event('ChargeRefunded', {
          charged: amount('7'),
          amount: amount('3.5'),
          forfeited: 0n,
          drawnAt: START,
          booking: partly({
            kind: 'refund',
            credited: amount('3.5'),
            debited: 0n,
            slices: slices(['third', '2'], ['second', '1.5']),
          }),
        }),
      )
      .answered({ credits: '3.5', forfeited: '0', transactions: [{ kind: 'refund', credits_credited: '3.5' }] })
      .given(refundCharge('u'))
      .lot('first', { remaining: '2', consumed: '2', returned: '2' })
      .lot('second', { remaining: '3', consumed: '3', returned: '3' })
      .lot('third', { remaining: '10', consumed: '2', returned: '2' })
      .balance({ settled: '15', available: '15' });
  });

  test('BAD-045: is never more than the charge, nor than what is left of it, and not twice', () => {
    given(...threeLots, used('7', { id: 'u' }))
      .when(refundCharge('u', '7.000000001'))
      .thenRefused('exceeds_charge', { pointer: '/amount', more: { refundable: '7' } })
      .given(refundCharge('u', '6'))
      .when(refundCharge('u', '1.000000001'))
      .thenRefused('exceeds_charge', { more: { refundable: '1' } })
      .given(refundCharge('u', '1'))
      .when(refundCharge('u'))
      .thenRefused('already_refunded')
      .when(refundCharge('u', '1'))
      .thenRefused('already_refunded')
      .balance({ settled: '15' });
  });

  test.each([
    ['0', 'amount_out_of_range'],
    ['-1', 'amount_out_of_range'],
  ] as const)('BAD-045: of %s is refused', (part, code) => {
    given(granted('lot', '5'), used('1', { id: 'u' }))
      .when(refundCharge('u', part))
      .thenRefused(code);
  });

  test('BAD-045: of a refund, a grant or an expiry is refused, and of something unknown too', () => {
    const scenario = given(granted('lot', '5', { expiresAt: instant('2026-03-03') }), used('1', { id: 'u' }));
    scenario.given(refundCharge('u'), at('2026-03-04'));
    const ids = scenario.ledger.log.flatMap((fact) =>
      fact.kind === 'event' && 'booking' in fact.event.data ? [fact.event.data.booking.transactionId] : [],
    );
    expect(ids).toHaveLength(3);
    for (const id of ids) scenario.when(refundCharge(id)).thenRefused('not_refundable');
    scenario.when(refundCharge('txn_unknown')).thenRefused('not_found');
  });

  test('INV-LOT-9, INV-AMT-6: in any parts gives back exactly the charge, per slice, last drawn first', () => {
    const parts = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 10 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), parts, (price, asked) => {
        const scenario = given(...threeLots, used(String(price), { id: 'u' }));
        let given_back = 0;
        for (const part of asked) {
          const step = refundCharge('u', String(part))(scenario.ledger);
          const fits = given_back + part <= price;
          expect(step).toMatchObject({ outcome: { accepted: fits } });
          if (fits) given_back += part;
          const [debt, third, second] = [
            Math.max(0, price - 15),
            Math.min(10, Math.max(0, price - 5)),
            Math.min(3, Math.max(0, price - 2)),
          ];
          const back = (before: number, most: number): string =>
            String(Math.max(0, Math.min(most, given_back - before)));
          scenario
            .balance({ debt: String(debt - Math.min(debt, given_back)) })
            .lot('third', { returned: back(debt, third) })
            .lot('second', { returned: back(debt + third, second) })
            .lot('first', { returned: back(debt + third + second, Math.min(2, price)) });
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of a capture gives back what the hold drew', () => {
    const scenario = given(...threeLots, authorizeHold('h', '4'), captureHold('h', '6'));
    const fact = scenario.ledger.log.at(-1);
    const id =
      fact?.kind === 'event' && fact.event.type === 'HoldCaptured' ? fact.event.data.booking.transactionId : '';
    scenario.given(refundCharge(id, '1'), refundCharge(id)).balance({ settled: '15', held: '0' });
    scenario.when(refundCharge(id)).thenRefused('already_refunded');
  });

  test('of what was written off gives nothing: nobody paid it', () => {
    under({ onShortfall: 'write_off' })
      .given(granted('lot', '5'), used('8', { id: 'u' }))
      .when(refundCharge('u', '5.1'))
      .thenRefused('exceeds_charge', { more: { refundable: '5' } })
      .given(refundCharge('u'))
      .balance({ settled: '5' });
  });

  test('INV-AMT-3: that takes the balance out of the range of amounts is refused', () => {
    given(granted('small', '10'), used('10', { id: 'u' }), granted('most', '900000000000000000'))
      .when(refundCharge('u'))
      .thenRefused('amount_out_of_range');
  });
});

describe('a refund of debt', () => {
  test('takes the debt back first, as long as it is owed', () => {
    given(granted('lot', '5'), used('8', { id: 'u' }))
      .balance({ settled: '-3', debt: '3' })
      .when(refundCharge('u', '4'))
      .then(
        event('ChargeRefunded', {
          debtReduced: amount('3'),
          debtRepaid: [],
          booking: partly({ debt: amount('-3') }),
        }),
      )
      .balance({ settled: '1', debt: '0' })
      .lot('lot', { remaining: '1', returned: '1' });
  });

  test('that was paid since goes to the lots that paid it, the latest first', () => {
    given(used('10', { id: 'u' }), granted('early', '4'), granted('late', '9'))
      .lot('early', { remaining: '0', consumed: '4' })
      .lot('late', { remaining: '3', consumed: '6' })
      .when(refundCharge('u', '7'))
      .then(
        event('ChargeRefunded', {
          debtReduced: 0n,
          debtRepaid: slices(['late', '6'], ['early', '1']).map((slice) => ({ ...slice, paidAt: START })),
        }),
      )
      .lot('late', { remaining: '9' })
      .lot('early', { remaining: '1' })
      .given(refundCharge('u'))
      .lot('early', { remaining: '4' })
      .balance({ settled: '13', debt: '0' });
  });

  test('that was paid in part takes what is still owed first', () => {
    given(used('10', { id: 'u' }), granted('lot', '4'))
      .balance({ settled: '-6', debt: '6' })
      .given(refundCharge('u', '8'))
      .balance({ settled: '2', debt: '0' })
      .lot('lot', { remaining: '2', returned: '2' });
  });

  test('paid by a lot that began later goes back to that lot', () => {
    given(used('10', { id: 'u' }), granted('later', '30', { effectiveAt: instant('2026-03-05') }), at('2026-03-06'))
      .lot('later', { remaining: '20' })
      .given(refundCharge('u'))
      .lot('later', { remaining: '30', returned: '10' })
      .balance({ settled: '30' });
  });

  test('of several charges never gives a lot back more than it paid', () => {
    given(used('5', { id: 'a' }), granted('lot', '10'), used('5', { id: 'c' }), used('5', { id: 'b' }))
      .balance({ settled: '-5', debt: '5' })
      .given(refundCharge('a'), refundCharge('b'))
      .balance({ settled: '5', debt: '0' })
      .lot('lot', { remaining: '5', returned: '5' })
      .given(refundCharge('c'))
      .lot('lot', { remaining: '10', returned: '10' });
  });
});

test('the parts to return follow from the charge and what was given back before, and nothing else', () => {
  const charge = { slices: slices(['a', '2'], ['b', '3']), debt: amount('1') };
  const parts = (before: string, back: string) => partsToReturn(charge, amount(before), amount(back));
  expect(parts('0', '6')).toEqual({ debt: amount('1'), slices: slices(['b', '3'], ['a', '2']) });
  expect(parts('0', '0.5')).toEqual({ debt: amount('0.5'), slices: [] });
  expect(parts('0.5', '1')).toEqual({ debt: amount('0.5'), slices: slices(['b', '0.5']) });
  expect(parts('3.5', '2.5')).toEqual({ debt: credits(0n), slices: slices(['b', '0.5'], ['a', '2']) });
});

test('BAD-045: of two refunds of the whole at once, one goes through', () => {
  const ledger = new TestLedger();
  for (const step of [granted('lot', '5'), used('5', { id: 'u' })]) step(ledger);
  const both = [refundCharge('u')(ledger), refundCharge('u')(ledger)];
  expect(both).toMatchObject([{ outcome: { accepted: true } }, { outcome: { refusal: { code: 'already_refunded' } } }]);
});
