import { codesSchema, LOT_STATES, ROLES, SCOPES, TRANSACTION_KINDS } from '@drawdown/domain';
import { type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { REJECTED, UNCHARGED } from '../usage/codes';

/** Amounts, instants and positions as they are answered. */
export const Amount = Type.String({ pattern: '^-?(0|[1-9][0-9]*)([.][0-9]{1,9})?$', examples: ['12.5'] });
export const Instant = Type.String({ format: 'date-time' });
const Position = Type.String({ description: 'opaque; give it to a read as ?after=' });
/** Of a balance of an instant that has not come. */
export const ProjectedFrom = Type.String({
  format: 'date-time',
  description:
    'given where as_of lies ahead: the present; from then on only holds that end, lots that end or take effect, and the debt that these pay are in it',
});
export const Text = Type.String();
export const Count = Type.Integer({ minimum: 0 });
export const orNull = (schema: TSchema, options: { description?: string } = {}) =>
  Type.Union([schema, Type.Null()], options);
export const oneOf = (values: readonly string[]) => Type.Unsafe<string>({ type: 'string', enum: [...values] });
export const codes = (words: Readonly<Record<string, string>>) => Type.Unsafe<string>(codesSchema(words));
export const some = (name: string) => Type.Unsafe<object>({ $ref: `#/components/schemas/${name}` });

export const AsOf = Type.Object({ position: Position, time: Instant });
export const read = (properties: TProperties) => Type.Object({ ...properties, as_of: some('AsOf') });
export const written = (properties: TProperties) => Type.Object({ ...properties, position: Position });
export const page = (item: TSchema) =>
  read({ data: Type.Array(item), next_cursor: Type.Union([Type.String(), Type.Null()]) });

export const Organization = {
  id: Text,
  name: Text,
  preset: Text,
  preset_version: Count,
  plan: Text,
  status: oneOf(['active', 'suspended', 'closed']),
  rate_card: orNull(Text),
  test_clock: orNull(Text),
  created_at: Instant,
  wallets: Type.Array(some('Wallet')),
};

const Balance = Type.Object({
  settled: Amount,
  held: Amount,
  available: Amount,
  dormant: Amount,
  debt: Amount,
  restricted: Type.Array(Type.Object({ scope: orNull(some('Scope')), amount: Amount })),
});

export const Wallet = {
  id: Text,
  unit: Text,
  balance: Balance,
  status: oneOf(['healthy', 'low_balance', 'critical', 'overdrawn']),
  low_balance_threshold: orNull(Amount),
  remaining_percent: {
    ...Amount,
    description:
      'of what was granted in lots that have begun and not ended; one that is used up counts until the next of its credit type begins',
  },
  bar: oneOf(['green', 'yellow', 'red']),
  lifetime_added: Amount,
  lifetime_purchased: Amount,
  lifetime_spent: Amount,
  next_refresh_at: orNull(Instant),
  policy_version: Count,
};

const list = () => Type.Optional(Type.Array(Text));
export const Scope = Type.Object({ service_types: list(), models: list(), model_tiers: list(), workspaces: list() });

export const Lot = Type.Object({
  id: Text,
  credit_type: Text,
  amount: Amount,
  remaining: Amount,
  held: Amount,
  priority: Type.Integer(),
  effective_at: Instant,
  expires_at: orNull(Instant),
  scope: orNull(some('Scope')),
  cap: orNull(Type.Object({ amount: Amount, per: Text })),
  cost_basis: orNull(Type.Object({ amount: Text, currency: Text })),
  funding: Text,
  state: oneOf(LOT_STATES),
});

export const Hold = {
  id: Text,
  wallet: Text,
  amount: Amount,
  captured: Amount,
  state: oneOf(['open', 'captured', 'released', 'expired']),
  expires_at: Instant,
  service_type: orNull(Text),
  reference: orNull(Text),
};

export const BalancePoint = Type.Object({ time: Instant, balance: Amount });
export const Booked = Type.Object({ id: Text, kind: oneOf(TRANSACTION_KINDS), wallet: Text });

/** Of a transaction, what members do not see. */
const ofTheWallet = (schema: TSchema) =>
  Type.Union([schema, Type.Null()], { description: 'null for members, to whom balances are not shown' });

export const Transaction = {
  id: Text,
  kind: oneOf(TRANSACTION_KINDS),
  wallet: Text,
  credits_debited: Amount,
  credits_credited: Amount,
  service_type: orNull(Text),
  resource_type: orNull(Text),
  resource_id: orNull(Text),
  user_id: orNull(Text),
  workspace_id: orNull(Text),
  usage_quantity: orNull(Amount),
  usage_unit: orNull(Text),
  rate_applied: Type.Unknown(),
  balance_before: ofTheWallet(Amount),
  balance_after: ofTheWallet(Amount),
  parent_transaction_id: orNull(Text),
  event_time: Instant,
  booked_at: Instant,
  actor: Text,
  rate_card: orNull(Text),
  rate_card_version: orNull(Count),
  policy_version: Count,
  model: orNull(Text),
  latency_ms: orNull(Count),
  slices: ofTheWallet(Type.Array(Type.Object({ lot_id: Text, amount: Amount }))),
};

const Version = {
  version: Count,
  state: oneOf(['draft', 'active']),
  effective_from: orNull(Instant),
  effective_until: orNull(Instant),
};
export const WholeVersion = {
  ...Version,
  rates: Type.Array(Type.Unknown()),
  rounding: Type.Object({ scale: Count, mode: Text }),
};
export const RateCard = {
  key: Text,
  name: Text,
  unit: Text,
  organization_id: orNull(Text),
  versions: Type.Array(Type.Object(Version)),
};
export const ApiKey = { id: Text, name: Text, scopes: Type.Array(oneOf(SCOPES)), organization_id: orNull(Text) };
export const Secret = Type.Union([Text, Type.Null()], {
  description:
    'null where the same Idempotency-Key has made the key before: its secret was answered then and is kept nowhere; ' +
    'revoke the key and make another if it did not arrive',
});
export const Clock = { id: Text, now: Instant };
export const Member = { user_id: Text, role: oneOf(ROLES) };
export const Preset = {
  key: Text,
  version: Count,
  name: Text,
  plans: Type.Array(Text),
  model_tiers: Type.Unknown(),
  wallets: Type.Array(Type.Unknown()),
};
export const UsageResult = Type.Object({
  id: orNull(Text),
  outcome: oneOf(['charged', 'allowance', 'duplicate', 'conflict', 'quarantined', 'refused']),
  transaction_id: orNull(Text),
  wallet: orNull(Text),
  credits_debited: orNull(Amount),
  balance_after: orNull(Amount),
  uncovered: Type.Optional(Amount),
  code: Type.Optional(codes(UNCHARGED)),
  detail: Type.Optional(Text),
  pointer: Type.Optional(Text),
  duplicate: Type.Optional(
    Type.Boolean({ description: 'true where a quarantined or refused event came before; it is counted once' }),
  ),
});
export const Rejected = Type.Object({ index: Count, code: codes(REJECTED), detail: Text, pointer: Text });
export const maybePosition = { position: orNull(Position) };
