import { derivedId, derivedTransactionId } from '@drawdown/kernel';
import {
  afterwards,
  at,
  authorizeHold,
  captureHold,
  card,
  event,
  extendHold,
  given,
  granted,
  instant,
  later,
  ORGANIZATION,
  releaseHold,
  START,
  usage,
  used,
  voidGrant,
  partly,
} from '../testing';
import { acceptedTimes, decideUsage } from '../metering/charge';
import { settleNext } from '../organization/rules';
import { walletView } from './views';
import { walletNamed } from './state';

const expiresAt = instant('2026-03-10T12:00:00Z');
const [before, after] = [later(expiresAt, { micros: -1 }), later(expiresAt, { micros: 1 })];

describe('a lot that expires', () => {
  test.each([
    ['at the last microsecond of a day', instant('2026-03-10T23:59:59.999999Z')],
    ['at midnight', instant('2026-03-11')],
    ['at noon', expiresAt],
  ])('FLD-41, INV-TIM-5: %s is spendable one microsecond before, and not at it', (_, end) => {
    given(granted('lot', '10', { expiresAt: end }), at(later(end, { micros: -1 })))
      .when(used('1', { enforce: true }))
      .thenCharged({ slices: [['lot', '1']] })
      .given(at(end))
      .when(used('1', { enforce: true }))
      .thenRefused('out_of_credits');
  });

  test('INV-TIM-2, FLD-35: is neither drawn nor held nor shown after its expiry, though nothing was booked', () => {
    const { ledger } = given(granted('lot', '10', { expiresAt }), granted('other', '1', { priority: 99 }));
    const { organization } = ledger;
    for (const [now, spendable] of [
      [before, '10'],
      [expiresAt, '1'],
      [later(expiresAt, { days: 31 }), '1'],
    ] as const) {
      const decision = decideUsage(organization, usage('2', { time: now }), card(), 'key', now, acceptedTimes(now));
      const drawn =
        decision.kind === 'charge' ? decision.charge.slices.map((slice) => ledger.names.get(slice.lotId)) : [];
      expect(drawn).toEqual(now === before ? ['lot'] : ['other']);
      const wallet = walletNamed(organization, 'credits');
      if (wallet === undefined) throw new Error('no wallet');
      const balance = spendable === '1' ? '1' : '11';
      expect(walletView(wallet, organization, now)).toMatchObject({
        balance: { settled: balance, available: balance },
      });
    }
    ledger.now = after; // the clock moved, and nothing was settled
    const hold = authorizeHold('h', '2');
    expect(hold(ledger)).toMatchObject({ outcome: { accepted: false, refusal: { code: 'out_of_credits' } } });
  });

  test('INV-TIM-4: has its rest booked once, at its expiry, however late that is done', () => {
    const scenario = given(granted('lot', '10', { expiresAt }), used('4'), at(later(expiresAt, { days: 40 })));
    scenario
      .booked(
        event('LotExpired', {
          lotId: 'lot',
          amount: 6_000_000_000n,
          booking: partly({
            kind: 'expiry',
            debited: 6_000_000_000n,
            balanceAfter: 0n,
            eventTime: expiresAt,
          }),
        }),
      )
      .lot('lot', { remaining: '0', expired: '6', consumed: '4' });
    const { length } = scenario.ledger.log;
    scenario.given(afterwards({ days: 400 }));
    expect(scenario.ledger.log).toHaveLength(length);
  });

  test('INV-TIM-4: that was spent, or voided, books nothing', () => {
    const scenario = given(
      granted('spent', '10', { expiresAt, priority: 1 }),
      used('10'),
      granted('voided', '10', { expiresAt }),
      voidGrant('voided'),
    );
    const { length } = scenario.ledger.log;
    scenario.given(at(after)).lot('spent', { expired: '0' }).lot('voided', { expired: '0', voided: '10' });
    expect(scenario.ledger.log).toHaveLength(length);
  });

  test('INV-TIM-4, INV-HLD-6: books what holds give back when they do, each part once, under a number of its own', () => {
    const holdEnds = later(expiresAt, { days: 1 });
    const scenario = given(
      granted('lot', '10', { expiresAt }),
      authorizeHold('kept', '2'),
      authorizeHold('released', '3', { expiresAt: later(expiresAt, { days: 9 }) }),
      authorizeHold('ends', '1', { expiresAt: holdEnds }),
      at(expiresAt),
    ).lot('lot', { remaining: '6', held: '6', expired: '4' });
    scenario.given(releaseHold('released')).lot('lot', { remaining: '3', expired: '7' });
    scenario.given(at(holdEnds)).lot('lot', { remaining: '2', expired: '8' }).hold('ends', { state: 'expired' });
    scenario.given(captureHold('kept', '2')).lot('lot', { remaining: '0', expired: '8', consumed: '2' });
    const expiries = scenario.ledger.log.flatMap((fact) =>
      fact.kind === 'event' && fact.event.type === 'LotExpired' ? [fact.event.data.booking.transactionId] : [],
    );
    expect(new Set(expiries).size).toBe(3);
    const lotId = derivedId('lot', ORGANIZATION, 'lot');
    expect(expiries[0]).toBe(derivedTransactionId(ORGANIZATION, lotId, 'expiry', expiresAt, '0'));
  });

  test('INV-HLD-6: can still be captured from a hold made before, and from one that was extended', () => {
    given(granted('lot', '10', { expiresAt }), authorizeHold('h', '6'), at(after))
      .given(extendHold('h', later(expiresAt, { days: 20 })))
      .given(at(later(expiresAt, { days: 19 })), captureHold('h', '4', { final: false }))
      .lot('lot', { remaining: '2', held: '2', consumed: '4', expired: '4' })
      .given(captureHold('h', '1'))
      .lot('lot', { remaining: '0', consumed: '5', expired: '5' })
      .balance({ settled: '0', held: '0' });
  });

  test('INV-TIM-2: cannot be held again by extending a hold', () => {
    given(granted('lot', '10', { expiresAt }), authorizeHold('h', '6'), at(expiresAt))
      .when(extendHold('h', later(expiresAt, { days: 1 }), '1'))
      .thenRefused('out_of_credits');
  });

  test('FLD-39: lives by its own terms, and one without an expiry for ever', () => {
    given(granted('own', '10'), granted('soon', '5', { expiresAt, priority: 1 }), afterwards({ days: 800 }))
      .balance({ settled: '10', available: '10' })
      .lot('own', { remaining: '10' });
  });

  test('INV-TIM-6: several are booked in the order of their instants, activations before expiries of the same one', () => {
    const scenario = given(
      granted('c', '1', { expiresAt: instant('2026-03-07') }),
      granted('a', '1', { expiresAt: instant('2026-03-05'), priority: 99 }),
      granted('b', '1', { effectiveAt: instant('2026-03-05'), expiresAt: instant('2026-03-06') }),
      at('2026-04-01'),
    );
    scenario.booked(
      event('LotActivated', { lotId: 'b' }),
      event('LotExpired', { lotId: 'a' }),
      event('LotExpired', { lotId: 'b' }),
      event('LotExpired', { lotId: 'c' }),
    );
  });

  test('nothing is settled before it is due', () => {
    const { ledger } = given(granted('lot', '10', { expiresAt }));
    expect(settleNext(ledger.organization, before)).toEqual([]);
    expect(settleNext(ledger.organization, START)).toEqual([]);
    expect(settleNext(ledger.organization, expiresAt)).toHaveLength(1);
  });
});
