import fc from 'fast-check';
import { decide } from '../organization/rules';
import {
  afterwards,
  amount,
  at,
  authorizeHold,
  captureHold,
  event,
  extendHold,
  given,
  granted,
  holdAuthorized,
  inOrganization,
  instant,
  later,
  policy,
  preset,
  releaseHold,
  START,
  TestLedger,
  used,
  wallet,
} from '../testing';

const withLimit = (overdraftLimit: string) =>
  inOrganization({
    preset: preset({ wallets: [wallet({ policy: policy({ overdraftLimit: amount(overdraftLimit) }) })] }),
  });

describe('a hold', () => {
  test('holds promotional credits before purchased ones', () => {
    given(granted('bought', '10'), granted('promo', '3', { priority: 10 }))
      .when(authorizeHold('h1', '5'))
      .then(
        holdAuthorized('h1', [
          ['promo', '3'],
          ['bought', '2'],
        ]),
      )
      .answered({ amount: '5', captured: '0', state: 'open', wallet: 'credits' })
      .balance({ settled: '13', held: '5', available: '8' });
  });

  test('INV-HLD-2, FLD-20: of 100 authorizations of 1 against 10 exactly 10 are granted', () => {
    const ledger = new TestLedger();
    granted('lot', '10')(ledger);
    const outcomes = Array.from({ length: 100 }, (_, n) => authorizeHold(`h${String(n)}`, '1')(ledger));
    const accepted = outcomes.filter((step) => step.kind === 'command' && step.outcome.accepted);
    expect(accepted).toHaveLength(10);
    expect(accepted).toEqual(outcomes.slice(0, 10));
  });

  test('INV-HLD-2: in any order of any sizes no more is held than was available, and what fits is not refused', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 0, max: 6 }),
        (sizes, credits, limit) => {
          const { ledger } = withLimit(String(limit));
          if (credits > 0) granted('lot', String(credits))(ledger);
          let left = credits + limit;
          sizes.forEach((size, n) => {
            const step = authorizeHold(`h${String(n)}`, String(size))(ledger);
            expect(step).toMatchObject({ outcome: { accepted: size <= left } });
            if (size <= left) left -= size;
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  test('FLD-24: of twelve estimates against credits for two, two start', () => {
    const ledger = new TestLedger();
    granted('lot', '10')(ledger);
    const started = Array.from({ length: 12 }, (_, n) => authorizeHold(`h${String(n)}`, '4.5')(ledger));
    expect(started.filter((step) => step.kind === 'command' && step.outcome.accepted)).toHaveLength(2);
  });

  test('BAD-044: for more than is available is refused with both figures', () => {
    given(granted('lot', '10'), authorizeHold('h', '4'))
      .when(authorizeHold('more', '6.5'))
      .thenRefused('out_of_credits', { more: { required: '6.5', available: '6' } })
      .balance({ held: '4', available: '6' });
  });

  test('INV-AUD-6: refused for want of credits, it is on record with what it was decided on', () => {
    const figures = { wallet: 'credits', code: 'out_of_credits', serviceType: null, policyVersion: 1 };
    given(granted('lot', '10'), authorizeHold('h', '4'))
      .when(authorizeHold('more', '6.5'))
      .thenRefusedOnRecord(
        'out_of_credits',
        event('HoldRefused', { ...figures, holdId: null, required: amount('6.5'), available: amount('6') }),
      )
      .when(extendHold('h', later(START, { days: 1 }), '7'))
      .thenRefusedOnRecord(
        'out_of_credits',
        event('HoldRefused', { ...figures, holdId: 'h', required: amount('7'), available: amount('6') }),
      )
      .when(authorizeHold('nothing', '0'))
      .thenRefusedOnRecord('amount_out_of_range');
  });

  test('INV-AMT-3: what is held, and what is owed with it, stay amounts, so that what is available can be recorded', () => {
    const most = '900000000000000000';
    withLimit(most)
      .given(granted('lot', '10'), authorizeHold('h', most))
      .when(used('11'))
      .thenQuarantined('amount_out_of_range')
      .when(extendHold('h', later(START, { days: 1 }), '1'))
      .thenRefused('amount_out_of_range')
      .given(granted('more', '20'))
      .when(authorizeHold('too much', '1'))
      .thenRefused('amount_out_of_range')
      .given(releaseHold('h'))
      .when(authorizeHold('h2', '30'))
      .then(
        holdAuthorized('h2', [
          ['lot', '10'],
          ['more', '20'],
        ]),
      ) // prettier-ignore
      .balance({ held: '30' });
    withLimit(most)
      .given(authorizeHold('h', '500000000000000000'))
      .when(used('400000000000000001'))
      .thenQuarantined('amount_out_of_range')
      .given(used('400000000000000000'))
      .when(authorizeHold('more', '0.000000001'))
      .thenRefusedOnRecord('out_of_credits', event('HoldRefused', { available: amount(`-${most}`) }));
  });

  test('INV-LOT-15: may go below zero up to the overdraft limit, and no further', () => {
    withLimit('5')
      .given(granted('lot', '10'))
      .when(authorizeHold('h', '15'))
      .then(holdAuthorized('h', [['lot', '10']], '5'))
      .balance({ settled: '10', held: '15', available: '-5' })
      .when(authorizeHold('more', '0.000000001'))
      .thenRefused('out_of_credits')
      .given(releaseHold('h'))
      .balance({ held: '0', available: '10' });
  });

  test('INV-HLD-2: leaves what another may overdraw', () => {
    withLimit('5')
      .given(authorizeHold('h', '5'), granted('lot', '7'))
      .balance({ settled: '7', held: '5', available: '2' })
      .when(authorizeHold('too-much', '7.000000001'))
      .thenRefused('out_of_credits')
      .when(authorizeHold('all', '7'))
      .then(holdAuthorized('all', [['lot', '7']]));
  });

  test.each([
    ['0 credits', '0', undefined, 'amount_out_of_range'],
    ['less than nothing', '-1', undefined, 'amount_out_of_range'],
    ['an end at the present', '1', START, 'invalid_interval'],
    ['an end past the longest', '1', later(START, { days: 30, micros: 1 }), 'invalid_interval'],
  ] as const)('for %s is refused', (_, credits, expiresAt, code) => {
    given(granted('lot', '10'))
      .when(authorizeHold('h', credits, expiresAt === undefined ? {} : { expiresAt }))
      .thenRefused(code);
  });

  test('on a wallet that is not there is refused', () => {
    given()
      .when(authorizeHold('h', '1', { wallet: 'other' }))
      .thenRefused('not_found');
  });

  test('ends after the longest time that the policy allows, where its caller names no end', () => {
    given(granted('lot', '10'))
      .when(authorizeHold('h', '1'))
      .then(event('HoldAuthorized', { expiresAt: later(START, { days: 30 }) }));
  });

  test('INV-HLD-5, FLD-21: is open to its last microsecond, and ends by time at its expiry', () => {
    const expiresAt = instant('2026-03-02');
    given(granted('lot', '10'), authorizeHold('h', '4', { expiresAt }), at(later(expiresAt, { micros: -1 })))
      .hold('h', { state: 'open' })
      .given(at(expiresAt))
      .booked(event('HoldExpired', { holdId: 'h', overdraft: 0n, effectiveAt: expiresAt }))
      .hold('h', { state: 'expired' })
      .balance({ held: '0', available: '10' });
  });

  test('FLD-21: of every kind is gone after its expiry: with overdraft, extended, partly captured', () => {
    const expiresAt = instant('2026-03-02');
    withLimit('5')
      .given(granted('lot', '10'), authorizeHold('plain', '2', { expiresAt }))
      .given(authorizeHold('extended', '2', { expiresAt }), extendHold('extended', later(expiresAt, { days: 1 }), '2'))
      .given(authorizeHold('partly', '3', { expiresAt }), captureHold('partly', '1', { final: false }))
      .given(authorizeHold('overdrawing', '6', { expiresAt }))
      .given(afterwards({ days: 3 }))
      .balance({ settled: '9', held: '0', available: '9' });
  });

  test('gives its rest free when it is released', () => {
    given(granted('lot', '10'), authorizeHold('h', '4'), captureHold('h', '1', { final: false }))
      .when(releaseHold('h'))
      .then(event('HoldReleased', { holdId: 'h', effectiveAt: START }))
      .hold('h', { state: 'released', captured: '1', total: '4' })
      .balance({ settled: '9', held: '0', available: '9' });
  });

  test('FLD-23: can be extended twice, in time and amount, and captured over everything', () => {
    const [first, second] = [instant('2026-03-05'), instant('2026-03-09')];
    given(granted('lot', '10'), authorizeHold('h', '1', { expiresAt: instant('2026-03-02') }))
      .when(extendHold('h', first, '2'))
      .then(event('HoldExtended', { expiresAt: first, previousExpiresAt: instant('2026-03-02') }))
      .given(extendHold('h', second, '3'))
      .hold('h', { total: '6', state: 'open' })
      .given(at(later(second, { micros: -1 })), captureHold('h', '6'))
      .lot('lot', { remaining: '4', held: '0' })
      .hold('h', { state: 'captured', captured: '6' });
  });

  test('is refused an extension past the longest time, into the past, by nothing, or by more than is there', () => {
    const expiresAt = instant('2026-03-05');
    const scenario = given(granted('lot', '10'), authorizeHold('h', '1', { expiresAt }));
    scenario.when(extendHold('h', START)).thenRefused('invalid_interval');
    scenario.when(extendHold('h', later(START, { days: 31 }))).thenRefused('invalid_interval');
    scenario.when(extendHold('h', expiresAt, '0')).thenRefused('amount_out_of_range');
    scenario.when(extendHold('h', expiresAt, '9.1')).thenRefused('out_of_credits', { more: { available: '9' } });
    scenario.hold('h', { total: '1' });
  });

  test.each([
    ['captured', captureHold('h', '1')],
    ['released', releaseHold('h')],
    ['expired', at('2026-03-03')],
  ] as const)('INV-HLD-1: that is %s takes no capture, extension or release any more', (state, end) => {
    const scenario = given(granted('lot', '10'), authorizeHold('h', '4', { expiresAt: instant('2026-03-02') }), end);
    const before = scenario.ledger.log.length;
    for (const step of [captureHold('h', '1'), releaseHold('h'), extendHold('h', instant('2026-03-20'))]) {
      scenario.when(step).thenRefused('hold_closed', { more: { state } });
    }
    expect(scenario.ledger.log).toHaveLength(before);
  });

  test('that is not there is neither captured, released nor extended', () => {
    const scenario = given();
    for (const step of [captureHold('h', '1'), releaseHold('h'), extendHold('h', instant('2026-03-20'))]) {
      scenario.when(step).thenRefused('not_found');
    }
  });

  test('INV-LOT-4: keeps its credits from usage, which becomes debt instead', () => {
    given(granted('lot', '10'), authorizeHold('h', '8'))
      .when(used('5'))
      .thenCharged({ slices: [['lot', '2']], debt: '3' })
      .lot('lot', { remaining: '8', held: '8' })
      .given(captureHold('h', '8'))
      .balance({ settled: '-3', held: '0' });
  });
});

test('an organization has so many open holds at most', () => {
  const { organization } = new TestLedger();
  const openHolds = new Map(Array.from({ length: 20_000 }, (_, n) => [`h${String(n)}`, {} as never]));
  const command = { type: 'AuthorizeHold', wallet: 'credits', amount: amount('1'), expiresAt: null } as const;
  const decided = (holds: typeof openHolds) =>
    decide(
      { ...organization, openHolds: holds },
      { ...command, serviceType: null, reference: null },
      { now: START, commandId: 'c' },
    );
  expect(decided(openHolds)).toMatchObject({ accepted: false, refusal: { code: 'too_many_items' } });
  openHolds.delete('h1');
  expect(decided(openHolds)).toMatchObject({ accepted: false, refusal: { code: 'out_of_credits' } });
});

test('a hold over more lots than one may take from now is given more time, and no more credits', () => {
  const ledger = new TestLedger();
  granted('lot', '10')(ledger);
  authorizeHold('h1', '1')(ledger);
  const [hold] = ledger.organization.openHolds.values();
  if (hold === undefined) throw new Error('nothing is held');
  const [slice] = hold.slices;
  const slices = Array.from({ length: 2_001 }, (_, n) => ({
    ...slice,
    lotId: `lot-${String(n)}`,
  })) as typeof hold.slices;
  const wide = { ...ledger.organization, holds: new Map([[hold.id, { ...hold, slices }]]) };
  const extend = (more: string | null) => {
    const terms = { expiresAt: later(START, { days: 2 }), amount: more === null ? null : amount(more) };
    return decide(wide, { type: 'ExtendHold', holdId: hold.id, ...terms }, { now: START, commandId: 'c' });
  };
  expect(extend('1')).toMatchObject({ accepted: false, refusal: { code: 'too_many_items' } });
  expect(extend(null)).toMatchObject({ accepted: true });
});
