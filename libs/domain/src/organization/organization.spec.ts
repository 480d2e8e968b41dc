import {
  command,
  event,
  given,
  inOrganization,
  instant,
  ORGANIZATION,
  preset,
  removeMember,
  setRole,
  START,
  TestLedger,
  wallet,
} from '../testing';
import { SHIPPED_PRESETS } from '../presets/presets';
import { createdOrganization, evolve } from '../wallet/evolve';
import { organizationView, policyView } from '../wallet/views';
import { setMemberRole } from './members';
import { decide } from './rules';
import type { Organization } from '../wallet/state';

const UNBORN = { status: 'active' } as Organization;
const create = (plan: string | null) =>
  decide(
    UNBORN,
    { type: 'CreateOrganization', name: 'Acme', preset: preset(), plan, testClock: 'clk_1' },
    { now: START, commandId: 'c' },
  );

describe('an organization', () => {
  test('begins with the wallets, plan and tiers of its preset', () => {
    const decision = create('other');
    const begun = decision.accepted ? decision.events[0] : undefined;
    if (begun?.type !== 'OrganizationCreated') throw new Error('not created');
    const organization = createdOrganization(ORGANIZATION, begun, START);
    expect(organizationView(organization, START)).toEqual({
      id: ORGANIZATION,
      name: 'Acme',
      preset: 'test',
      preset_version: 1,
      plan: 'other',
      status: 'active',
      rate_card: null,
      test_clock: 'clk_1',
      created_at: START,
      wallets: [
        {
          id: 'credits',
          unit: 'credit',
          balance: { settled: '0', held: '0', available: '0', dormant: '0', debt: '0', restricted: [] },
          status: 'healthy',
          low_balance_threshold: null,
          remaining_percent: '0',
          bar: 'red',
          lifetime_added: '0',
          lifetime_purchased: '0',
          lifetime_spent: '0',
          next_refresh_at: null,
          policy_version: 1,
        },
      ],
    });
  });

  test('gets the first plan of its preset where none is named, and none that the preset does not have', () => {
    expect(create(null)).toMatchObject({ events: [{ data: { plan: 'standard' } }] });
    expect(create('gold')).toMatchObject({ accepted: false, refusal: { code: 'invalid_value', pointer: '/plan' } });
  });

  test('every shipped preset makes one, with a wallet for usage', () => {
    for (const shipped of SHIPPED_PRESETS) {
      const { organization } = new TestLedger({ preset: shipped });
      expect(organization.wallets.length).toBeGreaterThan(0);
      for (const each of organization.wallets) {
        expect(policyView(each)).toMatchObject({ version: 1, on_shortfall: each.policy.onShortfall });
        expect(each.policy.creditTypes['adjustment']).toBeDefined();
      }
    }
  });

  test('is told its rate card, once', () => {
    given()
      .when(command({ type: 'AssignRateCard', rateCard: 'card-1' }))
      .then(event('RateCardAssigned', { rateCard: 'card-1', previous: null }))
      .answered({ key: 'card-1' })
      .when(command({ type: 'AssignRateCard', rateCard: 'card-1' }))
      .then()
      .when(command({ type: 'AssignRateCard', rateCard: 'card-2' }))
      .then(event('RateCardAssigned', { rateCard: 'card-2', previous: 'card-1' }));
  });

  test('has wallets of several units, each with its own lots', () => {
    const wallets = [wallet(), wallet({ key: 'usd', unit: 'USD', serviceTypes: ['compute'] })];
    inOrganization({ preset: preset({ wallets }) })
      .balance({ settled: '0' }, 'usd')
      .balance({ settled: '0' });
  });

  test('throws at a log that cannot be: an unknown lot, wallet or hold, or one made twice', () => {
    const { organization } = given().ledger;
    const unknown = { wallet: 'credits', lotId: 'lot', debtPaid: 0n, effectiveAt: START } as never;
    expect(() => {
      evolve(organization, { type: 'LotActivated', data: unknown }, START);
    }).toThrow('no lot lot');
    const rest = { holdId: 'h', slices: [], overdraft: 0n, effectiveAt: START };
    const of = (name: string): never => ({ ...rest, wallet: name }) as never;
    expect(() => {
      evolve(organization, { type: 'HoldReleased', data: of('credits') }, START);
    }).toThrow('no hold h');
    expect(() => {
      evolve(organization, { type: 'HoldReleased', data: of('other') }, START);
    }).toThrow('no wallet other');
    const authorized = {
      ...rest,
      wallet: 'credits',
      expiresAt: instant('2026-04-01'),
      serviceType: null,
      reference: null,
    };
    const hold = { type: 'HoldAuthorized', data: authorized } as never;
    evolve(organization, hold, START);
    expect(() => {
      evolve(organization, hold, START);
    }).toThrow('a hold h already');
  });
});

describe('members', () => {
  test('get a role, which is recorded with the one before', () => {
    given()
      .when(setRole('ada', 'owner'))
      .then(event('MemberRoleSet', { userId: 'ada', role: 'owner', previous: null }))
      .given(setRole('bob', 'owner', 'owner'))
      .when(setRole('ada', 'admin', 'owner'))
      .then(event('MemberRoleSet', { userId: 'ada', role: 'admin', previous: 'owner' }))
      .answered({ user_id: 'ada', role: 'admin' });
  });

  test('keep it without a new fact where it is the same', () => {
    given(setRole('ada', 'admin')).when(setRole('ada', 'admin')).then();
  });

  test('are 20,000 at most: one more is refused, and roles still change', () => {
    const members = new Map(Array.from({ length: 20_000 }, (_, i) => [`u${String(i)}`, 'member' as const]));
    const set = (userId: string) =>
      setMemberRole.decide(
        { members } as unknown as Organization,
        { type: 'SetMemberRole', userId, role: 'admin', by: null },
        { now: START, commandId: 'c' },
      );
    expect(set('more')).toMatchObject({ accepted: false, refusal: { code: 'too_many_items' } });
    expect(set('u7')).toMatchObject({ accepted: true });
  });

  test('the last owner stays owner', () => {
    given(setRole('ada', 'owner'), setRole('bob', 'admin'))
      .when(setRole('ada', 'member'))
      .thenRefused('last_owner')
      .given(setRole('bob', 'owner'), setRole('ada', 'member'))
      .when(setRole('bob', 'admin'))
      .thenRefused('last_owner');
  });

  test('BAD-096: admins neither make nor change owners; members set no roles at all', () => {
    given(setRole('ada', 'owner'), setRole('eve', 'owner'))
      .when(setRole('bob', 'owner', 'admin'))
      .thenRefused('role_required')
      .when(setRole('ada', 'member', 'admin'))
      .thenRefused('role_required')
      .when(setRole('bob', 'member', 'member'))
      .thenRefused('role_required')
      .when(setRole('bob', 'admin', 'admin'))
      .then(event('MemberRoleSet', { role: 'admin' }));
  });

  test('leave: one that is no member any more is removed again without a new fact', () => {
    given(setRole('ada', 'owner'), setRole('bob', 'member'))
      .when(removeMember('bob'))
      .then(event('MemberRemoved', { userId: 'bob', role: 'member' }))
      .answered({ user_id: 'bob', removed: true })
      .when(removeMember('bob'))
      .then()
      .answered({ user_id: 'bob', removed: true })
      .when(removeMember('nobody'))
      .then()
      .when(setRole('bob', 'admin'))
      .then(event('MemberRoleSet', { userId: 'bob', role: 'admin', previous: null }));
  });

  test('the last owner is not removed, by keys neither; with another one, it is', () => {
    given(setRole('ada', 'owner'), setRole('bob', 'admin'))
      .when(removeMember('ada'))
      .thenRefused('last_owner')
      .when(removeMember('ada', 'owner'))
      .thenRefused('last_owner')
      .given(setRole('eve', 'owner'))
      .when(removeMember('ada', 'owner'))
      .then(event('MemberRemoved', { userId: 'ada', role: 'owner' }));
  });

  test('BAD-096: admins remove no owner; members remove nobody', () => {
    given(setRole('ada', 'owner'), setRole('eve', 'owner'), setRole('bob', 'member'))
      .when(removeMember('ada', 'admin'))
      .thenRefused('role_required')
      .when(removeMember('bob', 'member'))
      .thenRefused('role_required')
      .when(removeMember('bob', 'admin'))
      .then(event('MemberRemoved', { userId: 'bob', role: 'member' }));
  });
});
