import { writePolicy } from '@drawdown/domain/events';
import { formatDecimal } from '@drawdown/kernel';
import type { Sql } from '@drawdown/ports';
import { type Cell, type Columns, columns } from '../rows';
import { rowsOf, saveLots, saveWallets, updateAll } from './changes';
import type { BalanceDeltas } from './deltas';

const ORGANIZATIONS = columns({
  ...{ organization_id: 'text', shard: 'integer', name: 'text', preset: 'text', preset_version: 'integer' },
  ...{ plan: 'text', status: 'text', test_clock: 'text', model_tiers: 'json' },
  ...{ created_at: 'timestamptz' },
});
const ORGANIZATION_CHANGES = columns({ organization_id: 'text', rate_card: 'text', status: 'text' });
const MEMBERS = columns({ organization_id: 'text', user_id: 'text', role: 'text' });
const REMOVED_MEMBERS = columns({ organization_id: 'text', user_id: 'text' });
const WALLETS = columns({
  ...{ organization_id: 'text', wallet: 'text', place: 'integer', unit: 'text', settled: 'numeric', held: 'numeric' },
  ...{ debt: 'numeric', lifetime_added: 'numeric', lifetime_purchased: 'numeric', lifetime_spent: 'numeric' },
  ...{ sequence: 'bigint', policy_version: 'integer', policy: 'json', service_types: 'json' },
});
const POLICY_CHANGES = columns({ organization_id: 'text', wallet: 'text', version: 'integer', policy: 'json' });
const LOTS = columns({
  ...{ organization_id: 'text', lot_id: 'text', wallet: 'text', sequence: 'bigint', credit_type: 'text' },
  ...{ priority: 'integer', effective_at: 'timestamptz', activated: 'boolean', expires_at: 'timestamptz' },
  ...{ scope: 'json', cap_amount: 'numeric', cap_per: 'text', cost_basis: 'json', funding: 'text', amount: 'numeric' },
  ...{ returned: 'numeric', remaining: 'numeric', held: 'numeric', consumed: 'numeric', expired: 'numeric' },
  ...{ voided: 'numeric', forfeited: 'numeric' },
});
const HOLDS = columns({
  ...{ organization_id: 'text', hold_id: 'text', wallet: 'text', revision: 'bigint', total: 'numeric' },
  ...{ captured: 'numeric', held: 'numeric', overdraft: 'numeric', state: 'text', expires_at: 'timestamptz' },
  ...{ service_type: 'text', reference: 'text' },
});
const HOLD_CHANGES = columns({
  ...{ organization_id: 'text', hold_id: 'text', total: 'numeric', captured: 'numeric', held: 'numeric' },
  ...{ overdraft: 'numeric', state: 'text', expires_at: 'timestamptz' },
});

/** What is new first, then the changes; a statement is only run where it has rows. */
export const saveBalances = async (tx: Sql, suffix: string, deltas: BalanceDeltas): Promise<void> => {
  const insert = async (
    table: string,
    { list, source, parameters }: Columns,
    rows: Cell[][],
    also = '',
  ): Promise<void> => {
    if (rows.length === 0) return;
    await tx.query(`INSERT INTO ${table}${suffix} (${list}) SELECT * FROM ${source} ${also}`, parameters(rows));
  };
  const update = (table: string, set: string, cols: Columns, rows: Cell[][], key: string) =>
    updateAll(tx, `${table}${suffix}`, set, cols, rows, key);
  await insert('organizations', ORGANIZATIONS, newOrganizations(deltas));
  await insert('wallets', WALLETS, newWallets(deltas));
  await insert('lots', LOTS, newLots(deltas));
  await insert('holds', HOLDS, newHolds(deltas));
  const ORGANIZATION = `rate_card = coalesce(d.rate_card, t.rate_card),
    status = CASE WHEN t.status = 'closed' THEN t.status ELSE COALESCE(d.status, t.status) END`;
  await update('organizations', ORGANIZATION, ORGANIZATION_CHANGES, organizationChanges(deltas), 'true');
  const members = rowsOf(
    deltas,
    ({ members }) => [...members].filter(([, role]) => role !== null),
    (id, [user, role]) => [id, user, role],
  );
  await insert(
    'members',
    MEMBERS,
    members,
    'ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role',
  );
  await removeMembers(tx, suffix, deltas);
  await saveWallets(tx, suffix, deltas);
  const POLICY = 'policy_version = d.version, policy = d.policy';
  await update('wallets', POLICY, POLICY_CHANGES, policyChanges(deltas), 't.wallet = d.wallet');
  await saveLots(tx, suffix, deltas);
  const HOLD = `total = t.total + d.total, captured = t.captured + d.captured, held = t.held + d.held,
    overdraft = t.overdraft + d.overdraft, state = coalesce(d.state, t.state),
    expires_at = coalesce(d.expires_at, t.expires_at)`;
  await update('holds', HOLD, HOLD_CHANGES, holdChanges(deltas), 't.hold_id = d.hold_id');
};

const removeMembers = async (tx: Sql, suffix: string, deltas: BalanceDeltas): Promise<void> => {
  const removed = rowsOf(
    deltas,
    ({ members }) => [...members].filter(([, role]) => role === null),
    (id, [user]) => [id, user],
  );
  if (removed.length === 0) return;
  await tx.query(
    `DELETE FROM members${suffix} t USING ${REMOVED_MEMBERS.source} AS d (${REMOVED_MEMBERS.list})
     WHERE t.organization_id = d.organization_id AND t.user_id = d.user_id`,
    REMOVED_MEMBERS.parameters(removed),
  );
};

const one = <T>(item: T | null): T[] => (item === null ? [] : [item]);

const newOrganizations = (deltas: BalanceDeltas): Cell[][] =>
  rowsOf(
    deltas,
    ({ created }) => one(created),
    (id, { name, preset, presetVersion, plan, testClock, modelTiers, createdAt }) => [
      id,
      deltas.shard,
      name,
      preset,
      presetVersion,
      plan,
      'active',
      testClock,
      JSON.stringify(modelTiers),
      createdAt,
    ],
  );

const organizationChanges = (deltas: BalanceDeltas): Cell[][] =>
  rowsOf(
    deltas,
    (organization) => (organization.status !== null || organization.rateCard !== null ? [organization] : []),
    (id, { rateCard, status }) => [id, rateCard, status],
  );

const newWallets = (deltas: BalanceDeltas): Cell[][] =>
  rowsOf(
    deltas,
    ({ created }) => created?.wallets.entries() ?? [],
    (id, [place, { key, unit, policy, serviceTypes }]) => [
      id,
      key,
      place,
      unit,
      '0',
      '0',
      '0',
      '0',
      '0',
      '0',
      0,
      1,
      JSON.stringify(writePolicy(policy)),
      JSON.stringify(serviceTypes),
    ],
  );

const policyChanges = (deltas: BalanceDeltas): Cell[][] =>
  rowsOf(
    deltas,
    ({ wallets }) => [...wallets].flatMap(([key, { policy }]) => one(policy).map((changed) => ({ key, ...changed }))),
    (id, { key, version, policy }) => [id, key, version, JSON.stringify(writePolicy(policy))],
  );

const newLots = (deltas: BalanceDeltas): Cell[][] =>
  rowsOf(
    deltas,
    ({ newLots }) => newLots,
    (id, lot) => {
      const amount = formatDecimal(lot.amount);
      const cap = lot.cap === null ? [null, null] : [formatDecimal(lot.cap.amount), lot.cap.per];
      return [
        ...[id, lot.lotId, lot.wallet, lot.sequence, lot.creditType, lot.priority, lot.effectiveAt, lot.activated],
        ...[lot.expiresAt, jsonOf(lot.scope), ...cap, jsonOf(lot.costBasis), lot.funding, amount],
        ...['0', amount, '0', '0', '0', '0', '0'],
      ];
    },
  );

const jsonOf = (value: object | null): string | null => (value === null ? null : JSON.stringify(value));

const newHolds = (deltas: BalanceDeltas): Cell[][] =>
  rowsOf(
    deltas,
    ({ newHolds }) => newHolds,
    (id, { holdId, wallet, revision, expiresAt, serviceType, reference }) => [
      id,
      holdId,
      wallet,
      revision,
      '0',
      '0',
      '0',
      '0',
      'open',
      expiresAt,
      serviceType,
      reference,
    ],
  );

const holdChanges = (deltas: BalanceDeltas): Cell[][] =>
  rowsOf(
    deltas,
    ({ holds }) => holds,
    (id, [holdId, { total, captured, held, overdraft, state, expiresAt }]) => [
      id,
      holdId,
      ...[total, captured, held, overdraft].map(formatDecimal),
      state,
      expiresAt,
    ],
  );
