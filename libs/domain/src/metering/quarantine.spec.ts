import { chargeId, LARGEST, organizationNamespace } from '@drawdown/kernel';
import {
  at,
  card,
  emptyCard,
  flatRate,
  given,
  granted,
  inOrganization,
  instant,
  later,
  measured,
  ORGANIZATION,
  preset,
  shown,
  START,
  usage,
  used,
  wallet,
  withVersion,
} from '../testing';
import { CompiledCard } from '../rating/compiled-card';
import { acceptedTimes, decideUsage } from './charge';

describe('usage is quarantined', () => {
  const limits = acceptedTimes(instant('2026-06-01'));

  test.each([
    ['BAD-038: 5 minutes ahead', limits.newest, 'charge'],
    ['BAD-038: 5 minutes and a microsecond ahead', later(limits.newest, { micros: 1 }), 'event_in_future'],
    ['BAD-038: 10 years ahead', instant('2036-06-01'), 'event_in_future'],
    ['BAD-039: 35 days old', limits.oldest, 'charge'],
    ['BAD-039: 35 days and a microsecond old', later(limits.oldest, { micros: -1 }), 'event_too_old'],
    ['BAD-039: as old as the organization', START, 'event_too_old'],
    ['BAD-039: older than the organization', later(START, { micros: -1 }), 'before_organization'],
  ])('%s', (_, time, expected) => {
    const { ledger } = given(at('2026-06-01'));
    const step = used('1', { time })(ledger);
    const decision = step.kind === 'usage' ? step.decision : undefined;
    expect(decision?.kind === 'quarantine' ? decision.code : decision?.kind).toBe(expected);
  });

  test('INV-INT-3: the accepted times are 35 days back and 5 minutes ahead', () => {
    const now = instant('2026-06-01');
    expect(acceptedTimes(now)).toEqual({ oldest: instant('2026-04-27'), newest: instant('2026-06-01T00:05:00Z') });
  });

  test('INV-INT-7: usage driven again is not asked for its age, but for its organization’s, and whether its time has come', () => {
    const { ledger } = given(at('2026-12-01'));
    const times = { ...acceptedTimes(ledger.now), oldest: null };
    const decide = (time: typeof START) =>
      decideUsage(ledger.organization, usage('1', { time }), card(), 'key', ledger.now, times, 17);
    expect(decide(START)).toMatchObject({ kind: 'charge', charge: { redriven: 17 } });
    expect(decide(later(START, { micros: -1 }))).toMatchObject({ kind: 'quarantine', code: 'before_organization' });
    expect(decide(later(times.newest, { micros: 1 }))).toMatchObject({ kind: 'quarantine', code: 'event_in_future' });
    expect(decide(times.newest)).toMatchObject({ kind: 'charge' });
  });

  const parent = chargeId(organizationNamespace(ORGANIZATION), 'tests', 'self');
  test.each([
    ['BAD-032: of a type that no meter selects', { type: 'something.else' }, 'no_meter'],
    ['BAD-032: of an unknown service type', { serviceType: 'teleport' }, 'no_rate'],
    ['BAD-033: in another unit', { unit: 'GB', quantities: [['quantity', measured('1')]] as const }, 'unit_mismatch'],
    ['BAD-049: of an unknown provider', { raw: { provider: 'acme', usage: '{}' }, quantities: [] }, 'unknown_provider'],
    ['that is its own parent', { id: 'self', parentTransactionId: parent }, 'invalid_parent'],
  ])('%s', (_, changes, code) => {
    given().when(used('1', changes)).thenQuarantined(code).balance({ settled: '0' });
  });

  test('BAD-032: of a known service type with an unknown model', () => {
    inOrganization({ card: card([{ ...flatRate('llm_call'), model: 'known' }]) })
      .when(used('1', { model: 'unknown' }))
      .thenQuarantined('no_rate')
      .when(used('1', { model: 'known' }))
      .thenCharged({ price: '1' });
  });

  test('BAD-034: without a card, before its first version, and in a gap', () => {
    inOrganization({ card: undefined }).when(used('1')).thenQuarantined('no_rate_card');
    const future = new CompiledCard(withVersion(emptyCard(), [flatRate('llm_call')], instant('2026-04-01')));
    inOrganization({ card: future })
      .when(used('1'))
      .thenQuarantined('no_rate_card')
      .given(at('2026-04-02'))
      .when(used('1'))
      .thenCharged({ price: '1' });
  });

  test('FLD-64: where the card prices in another unit than the wallet holds', () => {
    inOrganization({ card: card(undefined, { unit: 'USD' }) })
      .when(used('1'))
      .thenQuarantined('currency_mismatch');
  });

  test('where no wallet pays for it', () => {
    const only = preset({ wallets: [wallet({ serviceTypes: ['compute'] })] });
    inOrganization({ preset: only }).when(used('1')).thenQuarantined('no_rate');
    inOrganization({ card: card([{ ...flatRate('llm_call'), wallet: 'gone' }]) })
      .when(used('1'))
      .thenQuarantined('no_rate');
  });

  test('INV-AMT-3: where the price, the balance or the debt would leave the range of amounts', () => {
    const most = shown(LARGEST);
    inOrganization({ card: card([flatRate('llm_call', '2')]) })
      .when(used(most))
      .thenQuarantined('amount_out_of_range');
    given(used('1')).when(used(most)).thenQuarantined('amount_out_of_range').balance({ settled: '-1' });
    given(granted('later', '10', { effectiveAt: instant('2026-05-01') }), used('1'))
      .when(used(most))
      .thenQuarantined('amount_out_of_range');
    given(granted('all', most)).when(used(most)).thenCharged({ price: most }).balance({ settled: '0' });
  });
});
