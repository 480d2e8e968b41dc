import type { Quantity } from '@drawdown/kernel';
import {
  afterwards,
  amount,
  at,
  authorizeHold,
  card,
  closeOrganization,
  flatRate,
  given,
  granted,
  inOrganization,
  instant,
  later,
  measured,
  policy,
  preset,
  refundCharge,
  Scenario,
  shown,
  used,
  wallet,
} from '../testing';
import type { CompiledCard } from '../rating/compiled-card';
import type { AccessRequest } from '../events';
import { organizationView } from '../wallet/views';
import { accessView, checkAccess } from './check';

const asked = (changes: Partial<AccessRequest> = {}): AccessRequest => ({
  serviceType: 'llm_call',
  model: null,
  workspaceId: null,
  userId: null,
  estimate: null,
  ...changes,
});
const estimate = (credits: string): Partial<AccessRequest> => ({ estimate: { credits: amount(credits) } });
const quantities = (units: string): Partial<AccessRequest> => ({
  estimate: { quantities: [['units', measured(units)]] as [string, Quantity][], unit: null },
});
const check = (
  scenario: Scenario,
  request: Partial<AccessRequest> = {},
  prices: CompiledCard | null = card(),
  now = scenario.ledger.now,
) => checkAccess(scenario.ledger.organization, prices ?? undefined, asked(request), now);
const code = (...args: Parameters<typeof check>): string => check(...args).code;

describe('an access decision', () => {
  test('INV-TIM-6: is not held up by debt that a lot, over by now, paid when it began, although nothing says so yet', () => {
    const scenario = given(
      used('30'),
      granted('over', '40', { effectiveAt: instant('2026-03-02'), expiresAt: instant('2026-03-03') }),
      granted('next', '5', { effectiveAt: instant('2026-03-03') }),
    );
    const now = instant('2026-03-03');
    const unsettled = check(scenario, estimate('5'), card(), now);
    expect(accessView(unsettled)).toMatchObject({ code: 'ok', available: '5' });
    expect(check(scenario.given(at(now)), estimate('5'))).toEqual(unsettled);
  });

  test('without an estimate allows where anything is available', () => {
    const scenario = given(granted('crumb', '0.000000001'));
    expect(accessView(check(scenario))).toEqual({
      allowed: true,
      code: 'ok',
      wallet: 'credits',
      available: '0.000000001',
      required: '0',
      next_steps: [],
    });
    expect(code(given())).toBe('out_of_credits');
  });

  test('INV-AMT-3, INV-TEN-6: a price beyond the range of amounts is refused with a reason that can be stored', () => {
    const largest = '900000000000000000';
    const twice = card([flatRate('llm_call', '2')]);
    const refusal = check(given(granted('lot', '10')), quantities(largest), twice);
    expect(accessView(refusal)).toMatchObject({ allowed: false, code: 'amount_out_of_range', required: '0' });
    expect(code(given(granted('lot', '10')), quantities(largest))).toBe('out_of_credits');
  });

  test('with an estimate allows where all of it is available, priced as usage would be', () => {
    const scenario = given(granted('lot', '10'));
    expect(code(scenario, quantities('10'))).toBe('ok');
    expect(accessView(check(scenario, quantities('10.000000001')))).toMatchObject({
      allowed: false,
      code: 'out_of_credits',
      available: '10',
      required: '10.000000001',
      next_steps: [{ action: 'top_up' }],
    });
    expect(code(scenario, quantities('5'), card([flatRate('llm_call', '2')]))).toBe('ok');
    expect(code(scenario, quantities('5.1'), card([flatRate('llm_call', '2')]))).toBe('out_of_credits');
    expect(shown(check(scenario, estimate('7')).required)).toBe('7');
  });

  test('FLD-23: reserves nothing, however often it is asked', () => {
    const scenario = given(granted('lot', '10'));
    for (let n = 0; n < 5; n++) expect(code(scenario, estimate('10'))).toBe('ok');
    scenario.balance({ held: '0', available: '10' });
  });

  test('INV-LOT-15: counts debt, holds and the overdraft limit', () => {
    const limited = preset({ wallets: [wallet({ policy: policy({ overdraftLimit: amount('5') }) })] });
    const scenario = inOrganization({ preset: limited }).given(granted('lot', '10'), authorizeHold('h', '4'));
    expect(code(scenario, estimate('11'))).toBe('ok');
    expect(code(scenario, estimate('11.000000001'))).toBe('out_of_credits');
    scenario.given(used('13'));
    expect([code(scenario), code(scenario, estimate('0.1'))]).toEqual(['out_of_credits', 'out_of_credits']);
  });

  test('INV-TIM-3: leaves out what has expired or not begun, though nothing was booked', () => {
    const end = instant('2026-03-10');
    const scenario = given(
      granted('lot', '10', { expiresAt: end }),
      granted('later', '10', { effectiveAt: instant('2026-04-01') }),
    );
    expect(code(scenario, estimate('10'), card(), later(end, { micros: -1 }))).toBe('ok');
    expect(code(scenario, estimate('10'), card(), end)).toBe('out_of_credits');
    expect(code(scenario, estimate('10'), card(), instant('2026-04-01'))).toBe('ok');
  });

  test('says that the scope is in the way where other usage could be paid', () => {
    const scenario = given(
      granted('lite', '10', { scope: { model_tiers: ['lite'] } }),
      granted('ws', '2', { scope: { workspaces: ['w'] } }),
    );
    expect(code(scenario, { model: 'x-lite', ...estimate('10') })).toBe('ok');
    expect(code(scenario, { model: 'x-lite', workspaceId: 'w', ...estimate('12') })).toBe('ok');
    expect(code(scenario, { model: 'x' })).toBe('scope_mismatch');
    expect(code(scenario, { model: 'x-lite', ...estimate('11') })).toBe('scope_mismatch');
    expect(code(scenario, { model: 'x-lite', ...estimate('13') })).toBe('out_of_credits');
  });

  test('says that the cap is reached, and when it begins anew', () => {
    const scenario = given(granted('daily', '100', { cap: { amount: '10', per: 'day' } }), used('10'));
    expect(accessView(check(scenario))).toMatchObject({
      code: 'cap_reached',
      available: '0',
      next_steps: [{ action: 'wait_for_reset', at: '2026-03-02T00:00:00.000000Z' }, { action: 'top_up' }],
    });
    expect(code(scenario.given(at('2026-03-02')))).toBe('ok');
    const monthly = given(
      granted('m', '100', { cap: { amount: '10', per: 'calendar-month' } }),
      at('2026-03-31'),
      used('10'),
    );
    expect(check(monthly).nextSteps[0]?.at).toBe('2026-04-01T00:00:00.000000Z');
    expect(code(monthly, estimate('101'))).toBe('out_of_credits');
  });

  test('does not take debt, or an expired lot, for a scope or cap in the way', () => {
    // 10 in the lot, 8 owed: 2 available, and no other usage could be paid with more.
    const indebted = given(granted('lot', '10'), used('10', { id: 'u' }), used('8'), refundCharge('u'));
    expect(code(indebted, estimate('3'))).toBe('out_of_credits');
    const end = instant('2026-03-10');
    const expired = given(granted('lot', '10', { expiresAt: end }));
    expect(code(expired, estimate('3'), card(), later(end, { days: 1 }))).toBe('out_of_credits');
  });

  test('INV-TEN-6: is a refusal where there is no price, no card, no wallet or another unit', () => {
    const scenario = given(granted('lot', '10'));
    expect(code(scenario, { serviceType: 'teleport' })).toBe('no_rate');
    expect(code(scenario, {}, null)).toBe('no_rate_card');
    expect(code(scenario, quantities('1'), null)).toBe('no_rate_card');
    expect(code(scenario, {}, card([{ ...flatRate('llm_call'), wallet: 'gone' }]))).toBe('no_rate');
    expect(code(scenario, {}, card(undefined, { unit: 'USD' }))).toBe('no_rate');
    const unpriced = { estimate: { quantities: [['pages', measured('1')]] as [string, Quantity][], unit: null } };
    expect(code(scenario, unpriced)).toBe('no_rate');
    expect(check(scenario, unpriced).nextSteps).toEqual([{ action: 'contact_owner' }]);
  });

  test('without a card judges an estimate in credits by the preset’s wallet', () => {
    const scenario = given(granted('lot', '10'));
    expect(code(scenario, estimate('10'), null)).toBe('ok');
    expect(code(scenario, estimate('10.1'), null)).toBe('out_of_credits');
  });

  test('is `suspended` for an organization that is frozen, whatever it has, and the organization says so', () => {
    const scenario = given(granted('lot', '10'));
    const { organization, now } = scenario.ledger;
    expect(organizationView(organization, now)).toMatchObject({ status: 'active' });
    organization.frozen = true;
    const refused = { allowed: false, code: 'suspended', next_steps: [{ action: 'contact_owner' }] };
    expect(accessView(check(scenario, estimate('1')))).toMatchObject(refused);
    expect(accessView(check(scenario))).toMatchObject(refused);
    expect(organizationView(organization, now)).toMatchObject({ status: 'suspended' });
  });

  test('is `closed` for a closed organization, whatever it kept', () => {
    const scenario = given(granted('lot', '10'), closeOrganization(), afterwards({ days: 1 }));
    expect(check(scenario, estimate('1'))).toMatchObject({ allowed: false, code: 'closed' });
  });
});
