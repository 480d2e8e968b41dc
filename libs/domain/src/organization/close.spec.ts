import { acceptedTimes, decideUsage } from '../metering/charge';
import {
  adjustBalance,
  afterwards,
  amount,
  at,
  authorizeHold,
  captureHold,
  card,
  changePolicy,
  closeOrganization,
  event,
  granted,
  inOrganization,
  instant,
  policy,
  preset,
  refundCharge,
  releaseHold,
  Scenario,
  setRole,
  slices,
  usage,
  used,
  voidGrant,
  wallet,
  partly,
} from '../testing';
import { lotDocument } from '../events';
import { nextDue, settleNext } from './rules';

const closing = (onClose: 'forfeit' | 'keep'): Scenario =>
  inOrganization({
    preset: preset({
      wallets: [
        wallet({ policy: policy({ onClose }) }),
        wallet({ key: 'usd', unit: 'USD', serviceTypes: ['compute'], policy: policy({ onClose }) }),
      ],
    }),
  }).given(
    granted('a', '10', { expiresAt: instant('2026-04-01') }),
    granted('b', '5', { effectiveAt: instant('2026-05-01') }),
    granted('usd', '7', { wallet: 'usd' }),
    used('3', { id: 'u' }),
    authorizeHold('h', '2'),
    authorizeHold('again', '1'),
  );

describe('closing an organization', () => {
  test('INV-LOT-14: under forfeit gives holds free and books each wallet’s rest once as forfeiture', () => {
    closing('forfeit')
      .when(closeOrganization('asked for'))
      .then(
        event('HoldReleased', { holdId: 'h' }),
        event('HoldReleased', { holdId: 'again' }),
        event('OrganizationClosed', {
          reason: 'asked for',
          forfeitures: [
            partly({
              booking: partly({
                kind: 'forfeiture',
                wallet: 'credits',
                slices: slices(['a', '7'], ['b', '5']),
                balanceAfter: 0n,
              }),
            }),
            partly({ booking: partly({ wallet: 'usd', balanceAfter: 0n }) }),
          ],
        }),
      )
      .answered({ status: 'closed' })
      .lot('a', { remaining: '0', held: '0', forfeited: '7' })
      .lot('b', { remaining: '0', forfeited: '5' })
      .balance({ settled: '0', held: '0', available: '0' })
      .balance({ settled: '0' }, 'usd');
  });

  test('INV-LOT-14: under keep leaves the lots, dormant', () => {
    const scenario = closing('keep').given(closeOrganization());
    scenario
      .lot('a', { remaining: '7', held: '0', forfeited: '0' })
      .balance({ settled: '12', held: '0', dormant: '12', available: '0' });
    const [lot] = scenario.ledger.organization.lots.values();
    if (lot === undefined) throw new Error('no lot');
    expect(lotDocument(lot, scenario.ledger.now, true)).toMatchObject({ state: 'dormant' });
  });

  test('INV-LOT-4, INV-LED-1: what was voided while it was held is voided first, not forfeited', () => {
    closing('forfeit')
      .given(voidGrant('a', 'sent by mistake'))
      .when(closeOrganization())
      .then(
        event('HeldCreditsEnded', { holdId: 'h', booking: partly({ balanceAfter: amount('6') }) }),
        event('HoldReleased', { holdId: 'h' }),
        event('HeldCreditsEnded', { holdId: 'again', booking: partly({ balanceAfter: amount('5') }) }),
        event('HoldReleased', { holdId: 'again' }),
        event('OrganizationClosed', {
          forfeitures: [
            partly({ booking: partly({ slices: slices(['b', '5']), balanceBefore: amount('5'), balanceAfter: 0n }) }),
            partly({ booking: partly({ wallet: 'usd', balanceAfter: 0n }) }),
          ],
        }),
      )
      .lot('a', { voided: '7', forfeited: '0' });
  });

  test('keeps a debt as it is', () => {
    inOrganization().given(used('4'), closeOrganization()).balance({ settled: '-4', debt: '4' });
  });

  test('INV-LOT-14: is the last thing: every command is refused, and time books nothing more', () => {
    for (const onClose of ['forfeit', 'keep'] as const) {
      const scenario = closing(onClose).given(closeOrganization());
      const { length } = scenario.ledger.log;
      for (const step of [
        granted('late', '1'),
        voidGrant('a'),
        adjustBalance('1'),
        changePolicy({ onClose: 'keep' }),
        authorizeHold('late', '1'),
        captureHold('h', '1'),
        releaseHold('h'),
        refundCharge('u'),
        setRole('u1', 'owner'),
        closeOrganization(),
      ]) {
        scenario.when(step).thenRefused('organization_closed');
      }
      scenario.given(at('2026-04-01'), afterwards({ days: 700 }));
      expect(nextDue(scenario.ledger.organization)).toBeNull();
      expect(settleNext(scenario.ledger.organization, scenario.ledger.now)).toEqual([]);
      expect(scenario.ledger.log).toHaveLength(length);
    }
  });

  test('INV-TIM-3: what it kept is gone from the balance once it has expired, though that is never booked', () => {
    closing('keep')
      .given(closeOrganization(), at('2026-04-01'))
      .balance({ settled: '5', dormant: '5', available: '0' });
  });

  test('needs a reason', () => {
    closing('keep').when(closeOrganization(' ')).thenRefused('reason_required', { pointer: '/reason' });
  });

  test('leaves usage without anything to draw, should it come all the same', () => {
    const { organization, now } = closing('forfeit').given(closeOrganization()).ledger;
    const decision = decideUsage(organization, usage('1', { enforce: true }), card(), 'key', now, acceptedTimes(now));
    expect(decision).toMatchObject({ kind: 'refuse' });
  });
});
