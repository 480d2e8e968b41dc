import type { CommandOf, CommandType, OrganizationCommand } from '@drawdown/domain';
import { amount, instant, measured, policy, preset, START } from '@drawdown/domain/testing';
import { SENDER, used } from '../testing';
import { type Asked, type CommandRecord, readCommandRecord, writeCommandRecord } from './command-record';

const MOST = amount('899999999.999999999');
const NO_USAGE = {
  ...{ serviceType: null, workspaceId: null, userId: null, resourceType: null, resourceId: null },
  ...{ model: null, taskId: null },
};

/** Each command with everything given, and with everything that may be null. */
const COMMANDS: { readonly [T in CommandType]: readonly Omit<CommandOf<T>, 'type'>[] } = {
  CreateOrganization: [
    { name: 'Ac"me 漢字', preset: preset(), plan: 'pro', testClock: 'clock_1' },
    { name: '$bigint', preset: preset(), plan: null, testClock: null },
  ],
  GrantCredits: [
    {
      ...{ wallet: 'credits', creditType: 'purchased', amount: MOST, priority: -3, effectiveAt: START },
      ...{ expiresAt: instant('2027-01-01'), scope: { serviceTypes: ['llm_call'] } as never },
      ...{ cap: { amount: amount('0.000000001'), per: 'day' }, costBasis: { amount: '0.01', currency: 'EUR' } },
      reason: 'bought',
    },
    {
      ...{ wallet: 'credits', creditType: 'free', amount: amount('0'), priority: null, effectiveAt: null },
      ...{ expiresAt: null, scope: null, cap: null, costBasis: null, reason: '' },
    },
  ],
  VoidGrant: [{ lotId: 'lot_1', reason: 'wrong' }],
  AdjustBalance: [{ wallet: 'credits', amount: amount('-12.5'), reason: 'correction' }],
  ChangeWalletPolicy: [
    { wallet: 'credits', changes: { ...policy(), overdraftLimit: MOST }, expectedVersion: 3 },
    { wallet: 'credits', changes: {}, expectedVersion: null },
    { wallet: 'credits', changes: { lowBalanceThreshold: null }, expectedVersion: null },
  ],
  AuthorizeHold: [
    { wallet: 'credits', amount: MOST, expiresAt: START, serviceType: 'llm_call', reference: 'r' },
    { wallet: 'credits', amount: amount('1'), expiresAt: null, serviceType: null, reference: null },
  ],
  ExtendHold: [
    { holdId: 'hold_1', expiresAt: START, amount: MOST },
    { holdId: 'hold_1', expiresAt: START, amount: null },
  ],
  CaptureHold: [
    { holdId: 'hold_1', amount: amount('0'), final: true, usage: NO_USAGE },
    { holdId: 'hold_1', amount: MOST, final: false, usage: { ...NO_USAGE, model: 'm', taskId: 't' } },
  ],
  ReleaseHold: [{ holdId: 'hold_1' }],
  RefundCharge: [
    { charge: null, transactionId: 'txn_1', amount: null, reason: 'r' },
    {
      charge: {
        ...{ transactionId: 'txn_1', wallet: 'credits', charged: MOST, debt: amount('1'), bookedAt: START },
        ...{ slices: [{ lotId: 'lot_1', amount: MOST }], refundable: true },
      },
      ...{ transactionId: 'txn_1', amount: MOST, reason: 'r' },
    },
  ],
  AssignRateCard: [{ rateCard: 'card' }],
  SetMemberRole: [
    { userId: 'u', role: 'owner', by: 'admin' },
    { userId: 'u', role: 'member', by: null },
  ],
  RemoveMember: [
    { userId: 'u', by: 'owner' },
    { userId: 'u', by: null },
  ],
  CloseOrganization: [{ reason: 'over' }],
  RecordAccessRefusal: [
    {
      refusal: {
        ...{ code: 'out_of_credits', wallet: 'credits', available: amount('0.5'), required: MOST },
        asked: {
          ...{ serviceType: 'llm_call', model: 'm', workspaceId: 'w', userId: 'u' },
          estimate: { quantities: [['tokens', measured('0.000000001')]], unit: null },
        },
        nextSteps: [{ action: 'wait_for_reset', at: START }, { action: 'top_up' }],
        ...{ rateCard: 'card', rateCardVersion: 3 },
        asOf: { position: '0.7', time: START },
      },
    },
    {
      refusal: {
        ...{ code: 'no_rate', wallet: null, available: amount('0'), required: amount('0'), nextSteps: [] },
        ...{ rateCard: null, rateCardVersion: null },
        asked: { serviceType: 's', model: null, workspaceId: null, userId: null, estimate: null },
        asOf: { position: '0.7', time: START },
      },
    },
  ],
};

const all = Object.entries(COMMANDS).flatMap(([type, variants]) =>
  (variants as readonly object[]).map((fields) => ({ type, ...fields }) as OrganizationCommand),
);

const reply = { partition: 3, instance: 'api-1', call: 'call-1', place: 0, deadline: START };
const carried = (asked: Asked): CommandRecord => ({ asked, sender: SENDER, afterCatalogue: 12, reply });
const sent = (asked: Asked): CommandRecord | null => readCommandRecord(writeCommandRecord(carried(asked)));

const idempotency = { key: ' "k"\\', hash: 'h' };

test.each(all.map((command) => [command.type, command] as const))(
  '%s comes over exactly as it was sent',
  (_, command) => {
    for (const key of [idempotency, null]) {
      const asked: Asked = { kind: 'run', organizationId: 'acme', commandId: 'c', command, idempotency: key };
      expect(sent(asked)).toEqual(carried(asked));
    }
  },
);

test.each<[string, Asked]>([
  ['usage to be driven again', { kind: 'redrive', usages: [used('1', '0.000000001'), used('2', '900000000')] }],
  ['a clock', { kind: 'settle', clock: 'clock_1' }],
  ['a question about prices', { kind: 'last_priced', card: 'card', version: 7 }],
])('%s comes over exactly as it was sent', (_, asked) => expect(sent(asked)).toEqual(carried(asked)));

test('a command goes to the partition of its organization by key, too', () => {
  const asked: Asked = {
    kind: 'run',
    organizationId: 'acme',
    commandId: 'c',
    command: { type: 'ReleaseHold', holdId: 'h' },
    idempotency: null,
  };
  expect(writeCommandRecord(carried(asked)).key).toBe('acme');
});

describe('what is no command is recognised as such', () => {
  const good = writeCommandRecord(carried({ kind: 'settle', clock: '' }));
  const withValue = (text: string | null) => ({ ...good, value: text === null ? null : Buffer.from(text) });
  const addressed = (to: string) => ({ ...good, headers: { ...good.headers, 'drawdown-reply-to': to } });
  const unknown = {
    kind: 'run',
    organizationId: 'acme',
    commandId: 'c',
    command: { type: 'toString' },
    idempotency: null,
  };
  test.each([
    ['nothing', withValue(null)],
    ['no JSON', withValue('{')],
    ['other JSON', withValue('[]')],
    ['a command of a newer version', withValue(JSON.stringify(unknown))],
    ['a kind of a newer version', withValue('{"kind":"later"}')],
    ['nobody to answer', { ...good, headers: {} }],
    ['a place that is none', addressed(`-1 0 ${START} call api`)],
    ['a deadline that is none', addressed('0 0 soon call api')],
    ['no place at all', addressed('0')],
    ['nobody in particular', addressed(`0 0 ${START} call `)],
  ])('%s', (_, record) => expect(readCommandRecord(record)).toBeNull());
});
