import { type OrganizationFigures, type OrganizationStatus, readPolicy, type Role } from '@drawdown/domain/events';
import { NEVER, NO_CREDITS, storedCredits, storedInstant, storedSum } from '@drawdown/kernel';
import type { Row } from '@drawdown/ports';
import type { ModelReader } from '../model-reader';
import type { ReadModels } from '../read-models';

/** Numbers and times inside JSON, as exact as in a column of their own. */
const text = (columns: string): string =>
  columns
    .split(' ')
    .map((column) => `${column}::text`)
    .join(', ');
const instants = (columns: string): string =>
  columns
    .split(' ')
    .map((column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ${column}`)
    .join(', ');
const list = (rows: string): string => `(SELECT coalesce(json_agg(listed), '[]') FROM (${rows}) AS listed)`;

/** All of it in one row of one statement: what it shows was so at one checkpoint. */
const questionOf = (suffix: string): string => `
  SELECT o.name, o.preset, o.preset_version, o.plan, o.status, o.test_clock, o.model_tiers, o.rate_card,
    ${instants('created_at')},
    ${list(`SELECT user_id, role FROM members${suffix} WHERE organization_id = o.organization_id`)} AS members,
    ${list(`
      SELECT wallet, unit, service_types, policy_version, policy,
        ${text('settled held debt lifetime_added lifetime_purchased lifetime_spent sequence')}
      FROM wallets${suffix} WHERE organization_id = o.organization_id ORDER BY place`)} AS wallets,
    ${list(`
      SELECT l.lot_id, wallet, credit_type, priority, activated, scope, cap_per, cost_basis, funding, cap_window, rest_voided,
        ${text('sequence cap_amount used amount returned remaining held consumed expired voided forfeited')},
        ${instants('effective_at expires_at')}
      FROM lots${suffix} l LEFT JOIN LATERAL (
        SELECT cap_window, used FROM lot_caps${suffix} c
        WHERE c.organization_id = l.organization_id AND c.lot_id = l.lot_id ORDER BY cap_window DESC LIMIT 1
      ) AS cap ON l.cap_per IS NOT NULL
      WHERE l.organization_id = o.organization_id AND l.shown ORDER BY l.sequence`)} AS lots,
    ${list(`
      SELECT hold_id, wallet, state, service_type, reference, ${text('total captured overdraft')}, ${instants('expires_at')}
      FROM holds${suffix} WHERE organization_id = o.organization_id AND state = 'open' ORDER BY revision`)} AS holds
  FROM organizations${suffix} o WHERE organization_id = $3`;

type Texts<Names extends string> = Readonly<Record<Names, string>>;

interface OrganizationRow extends Row, Texts<'name' | 'preset' | 'plan' | 'created_at'> {
  readonly preset_version: number;
  readonly status: OrganizationStatus;
  readonly test_clock: string | null;
  readonly model_tiers: OrganizationFigures['modelTiers'];
  readonly rate_card: string | null;
  readonly members: readonly { readonly user_id: string; readonly role: Role }[];
  readonly wallets: readonly WalletJson[];
  readonly lots: readonly LotJson[];
  readonly holds: readonly HoldJson[];
}

interface WalletJson extends Texts<
  | ('wallet' | 'unit' | 'settled' | 'held' | 'debt' | 'sequence')
  | ('lifetime_added' | 'lifetime_purchased' | 'lifetime_spent')
> {
  readonly service_types: readonly string[];
  readonly policy_version: number;
  readonly policy: Parameters<typeof readPolicy>[0];
}

type Lot = OrganizationFigures['lots'][number];
interface LotJson extends Texts<
  | ('lot_id' | 'wallet' | 'sequence' | 'credit_type' | 'effective_at' | 'amount' | 'returned' | 'remaining' | 'held')
  | ('consumed' | 'expired' | 'voided' | 'forfeited')
> {
  readonly priority: number;
  readonly activated: boolean;
  readonly expires_at: string | null;
  readonly scope: Lot['scope'];
  readonly cap_per: 'day' | 'calendar-month' | null;
  readonly cap_amount: string | null;
  readonly cap_window: string | null;
  readonly used: string | null;
  readonly rest_voided: boolean;
  readonly cost_basis: Lot['costBasis'];
  readonly funding: Lot['funding'];
}

interface HoldJson extends Texts<'hold_id' | 'wallet' | 'total' | 'captured' | 'overdraft' | 'expires_at'> {
  readonly state: 'open';
  readonly service_type: string | null;
  readonly reference: string | null;
}

/** Everything that is shown of an organization at once, for processes that do not own it. */
export const organizationFigures =
  (reader: ModelReader): ReadModels['organizationFigures'] =>
  async (reading) => {
    const asked = { ...reading, now: NEVER }; // no part of the answer depends on the time
    const { rows, asOf } = await reader.ask<OrganizationRow>('balances', asked, (suffix) => ({
      sql: questionOf(suffix),
      parameters: [reading.organizationId],
    }));
    return rows[0] === undefined
      ? undefined
      : { value: figuresOf(reading.organizationId, rows[0]), position: asOf.position };
  };

export const activeOrganizations =
  (reader: ModelReader): ReadModels['activeOrganizations'] =>
  async (ids) => {
    // One row: with each comes how far every shard was read.
    const { rows } = await reader.askAll<Row & { readonly ids: readonly string[] }>(
      'balances',
      null,
      NEVER,
      (suffix) => ({
        sql: `SELECT coalesce(array_agg(organization_id), '{}') AS ids FROM organizations${suffix}
            WHERE organization_id = ANY ($3::text[]) AND status = 'active'`,
        parameters: [ids],
      }),
    );
    return new Set(rows[0]?.ids);
  };

const figuresOf = (id: string, row: OrganizationRow): OrganizationFigures => ({
  id,
  name: row.name,
  preset: row.preset,
  presetVersion: row.preset_version,
  plan: row.plan,
  testClock: row.test_clock,
  modelTiers: row.model_tiers,
  createdAt: storedInstant(row.created_at),
  status: row.status,
  rateCard: row.rate_card,
  members: row.members.map(({ user_id: userId, role }) => [userId, role]),
  wallets: row.wallets.map(walletOf),
  lots: row.lots.map(lotOf),
  holds: row.holds.map(holdOf),
});

const walletOf = (wallet: WalletJson): OrganizationFigures['wallets'][number] => ({
  key: wallet.wallet,
  unit: wallet.unit,
  serviceTypes: wallet.service_types,
  policy: readPolicy(wallet.policy),
  policyVersion: wallet.policy_version,
  settled: storedCredits(wallet.settled),
  held: storedCredits(wallet.held),
  debt: storedCredits(wallet.debt),
  sequence: Number(wallet.sequence),
  lifetimeAdded: storedSum(wallet.lifetime_added),
  lifetimePurchased: storedSum(wallet.lifetime_purchased),
  lifetimeSpent: storedSum(wallet.lifetime_spent),
});

const lotOf = (lot: LotJson): Lot => ({
  id: lot.lot_id,
  wallet: lot.wallet,
  sequence: Number(lot.sequence),
  creditType: lot.credit_type,
  priority: lot.priority,
  effectiveAt: storedInstant(lot.effective_at),
  activated: lot.activated,
  expiresAt: lot.expires_at === null ? null : storedInstant(lot.expires_at),
  scope: lot.scope,
  cap:
    lot.cap_amount === null || lot.cap_per === null
      ? null
      : { amount: storedCredits(lot.cap_amount), per: lot.cap_per },
  capWindow: lot.cap_window ?? '',
  capUsed: lot.used === null ? NO_CREDITS : storedCredits(lot.used),
  costBasis: lot.cost_basis,
  funding: lot.funding,
  amount: storedCredits(lot.amount),
  returned: storedSum(lot.returned),
  remaining: storedCredits(lot.remaining),
  held: storedCredits(lot.held),
  consumed: storedSum(lot.consumed),
  expired: storedCredits(lot.expired),
  voided: storedCredits(lot.voided),
  forfeited: storedSum(lot.forfeited),
  restVoided: lot.rest_voided,
});

const holdOf = (hold: HoldJson): OrganizationFigures['holds'][number] => ({
  id: hold.hold_id,
  wallet: hold.wallet,
  total: storedSum(hold.total),
  captured: storedSum(hold.captured),
  overdraft: storedCredits(hold.overdraft),
  state: hold.state,
  expiresAt: storedInstant(hold.expires_at),
  serviceType: hold.service_type,
  reference: hold.reference,
});
