import {
  holdDocument,
  type HoldFigures,
  lotDocument,
  readPolicy,
  walletDocument,
  type WalletFigures,
} from '@drawdown/domain/events';
import { type Instant, type JsonObject, storedCredits, storedSum } from '@drawdown/kernel';
import type { Row } from '@drawdown/ports';
import { formatCursor, parseCursor } from '../cursor';
import { Bindings, limitOf, type ModelReader, pageOf } from '../model-reader';
import type { Answer, Membership, OrganizationDocument, Reading, ReadModels } from '../read-models';
import { activeOrganizations, organizationFigures } from './organization';
import { byDrawOrder, capsJoin, LOT_COLUMNS, lotFigures, type LotRow, lotStateSql } from './lot-rows';

const MODEL = 'balances';

interface WalletRow extends Row {
  readonly wallet: string;
  readonly unit: string;
  readonly settled: string;
  readonly held: string;
  readonly debt: string;
  readonly lifetime_added: string;
  readonly lifetime_purchased: string;
  readonly lifetime_spent: string;
  readonly policy_version: number;
  readonly policy: Parameters<typeof readPolicy>[0];
  readonly closed: boolean;
}
/** A wallet, with each of its lots that are shown or without any. */
type WalletLotRow = WalletRow & (LotRow | { readonly lot_id: null });

type BalanceQueries = Pick<
  ReadModels,
  | 'organizationFigures'
  | 'activeOrganizations'
  | 'organization'
  | 'wallets'
  | 'wallet'
  | 'lots'
  | 'holds'
  | 'hold'
  | 'memberships'
> & {
  /** What {@link ReadModels.wallet} shows, before it is made a document. */
  readonly walletFigures: (reading: Reading, wallet: string) => Promise<Answer<WalletFigures> | undefined>;
};

export const balanceQueries = (reader: ModelReader): BalanceQueries => {
  const figures = async (reading: Reading, wallet: string | null): Promise<Answer<readonly WalletFigures[]>> => {
    const { rows, asOf } = await reader.ask<WalletLotRow>(MODEL, reading, (suffix) =>
      walletQuestion(suffix, reading, wallet),
    );
    const byWallet = new Map<string, WalletLotRow[]>();
    for (const row of rows) byWallet.set(row.wallet, [...(byWallet.get(row.wallet) ?? []), row]);
    return { value: [...byWallet.values()].map((ofOne) => figuresOf(ofOne, reading.now)), asOf };
  };
  const walletFigures: BalanceQueries['walletFigures'] = async (reading, key) => {
    const { value, asOf } = await figures(reading, key);
    return value[0] === undefined ? undefined : { value: value[0], asOf };
  };
  return {
    walletFigures,
    organizationFigures: organizationFigures(reader),
    activeOrganizations: activeOrganizations(reader),
    organization: (reading) => organization(reader, reading),
    wallets: async (reading) => {
      const { value, asOf } = await figures(reading, null);
      if (value.length > 0) return { value: value.map((wallet) => walletDocument(wallet, reading.now)), asOf };
      return (await organization(reader, reading)) === undefined ? undefined : { value: [], asOf };
    },
    wallet: async (reading, key) => {
      const answer = await walletFigures(reading, key);
      return answer === undefined ? undefined : { ...answer, value: walletDocument(answer.value, reading.now) };
    },
    lots: (reading, wallet, query) => lots(reader, reading, wallet, query ?? {}),
    holds: (reading, query) => holds(reader, reading, query ?? {}),
    hold: async (reading, holdId) => {
      const { rows, asOf } = await reader.ask<HoldRow>(MODEL, reading, (suffix) => ({
        sql: `SELECT * FROM holds${suffix} WHERE organization_id = $3 AND hold_id = $4`,
        parameters: [reading.organizationId, holdId],
      }));
      return rows[0] === undefined ? undefined : { value: holdDocument(holdFigures(rows[0])), asOf };
    },
    memberships: async ({ userId, now, after }) => {
      const { rows, asOf } = await reader.askAll<Row & Membership>(MODEL, after, now, (suffix) => ({
        sql: `SELECT organization_id, role FROM members${suffix} WHERE user_id = $3`,
        parameters: [userId],
        order: 'organization_id',
      }));
      return { value: rows.map(({ organization_id, role }) => ({ organization_id, role })), asOf };
    },
  };
};

const walletQuestion = (suffix: string, { organizationId, now }: Reading, wallet: string | null) => {
  const bindings = new Bindings();
  const organizationIs = bindings.add(organizationId);
  const one = wallet === null ? '' : `AND w.wallet = ${bindings.add(wallet)}`;
  return {
    sql: `SELECT w.wallet, w.place, w.unit, w.settled, w.held, w.debt, w.lifetime_added, w.lifetime_purchased,
            w.lifetime_spent, w.policy_version, w.policy, o.status = 'closed' AS closed, ${LOT_COLUMNS}
          FROM wallets${suffix} w JOIN organizations${suffix} o ON o.organization_id = w.organization_id
          LEFT JOIN lots${suffix} l ON l.organization_id = w.organization_id AND l.wallet = w.wallet AND l.shown
          ${capsJoin(suffix, bindings, now)}
          WHERE w.organization_id = ${organizationIs} ${one}`,
    parameters: bindings.values,
    order: 'place',
  };
};

const figuresOf = (rows: readonly WalletLotRow[], now: Instant): WalletFigures => {
  const [wallet] = rows;
  if (wallet === undefined) throw new Error('a wallet without a row');
  const policy = readPolicy(wallet.policy);
  const lots = rows
    .filter((row): row is WalletRow & LotRow => row.lot_id !== null)
    .sort(byDrawOrder(policy.drawOrder))
    .map((lot) => lotFigures(lot, now));
  return {
    key: wallet.wallet,
    unit: wallet.unit,
    settled: storedCredits(wallet.settled),
    held: storedCredits(wallet.held),
    debt: storedCredits(wallet.debt),
    lowBalanceThreshold: policy.lowBalanceThreshold,
    lifetimeAdded: storedSum(wallet.lifetime_added),
    lifetimePurchased: storedSum(wallet.lifetime_purchased),
    lifetimeSpent: storedSum(wallet.lifetime_spent),
    policyVersion: wallet.policy_version,
    live: lots.filter(({ remaining }) => remaining > 0n),
    usedUp: lots.filter(({ remaining }) => remaining === 0n),
    dormant: wallet.closed,
  };
};

type OrganizationRow = Row & OrganizationDocument;

const organization = async (
  reader: ModelReader,
  reading: Reading,
): Promise<Answer<OrganizationDocument> | undefined> => {
  const { rows, asOf } = await reader.ask<OrganizationRow>(MODEL, reading, (suffix) => ({
    sql: `SELECT o.*, array(SELECT wallet FROM wallets${suffix} w WHERE w.organization_id = o.organization_id
                            ORDER BY place) AS wallets
          FROM organizations${suffix} o WHERE organization_id = $3`,
    parameters: [reading.organizationId],
  }));
  const [row] = rows;
  if (row === undefined) return undefined;
  const { name, preset, plan, status, test_clock, rate_card, wallets } = row;
  return { value: { id: reading.organizationId, name, preset, plan, status, test_clock, rate_card, wallets }, asOf };
};

const lots = async (
  reader: ModelReader,
  reading: Reading,
  wallet: string,
  query: NonNullable<Parameters<ReadModels['lots']>[2]>,
): ReturnType<ReadModels['lots']> => {
  const list = ['lots', reading.organizationId, wallet, query.state ?? null];
  const [after = 0] = parseCursor(query.cursor, list, ['number']);
  const limit = limitOf(query);
  const { rows, also, asOf } = await reader.ask<LotRow & { closed: boolean }>(MODEL, reading, (suffix) => {
    const bindings = new Bindings();
    const organizationIs = bindings.add(reading.organizationId);
    const walletIs = bindings.add(wallet);
    const state = lotStateSql(`${bindings.add(reading.now)}::timestamptz`, `o.status = 'closed'`);
    const inState = bindings.given(query.state, (wanted) => `${state} = ${wanted}`);
    return {
      also: `EXISTS (SELECT FROM wallets${suffix} WHERE organization_id = ${organizationIs} AND wallet = ${walletIs})`,
      sql: `SELECT ${LOT_COLUMNS}, o.status = 'closed' AS closed, ${state} AS state
            FROM lots${suffix} l JOIN organizations${suffix} o ON o.organization_id = l.organization_id
            ${capsJoin(suffix, bindings, reading.now)}
            WHERE l.organization_id = ${organizationIs} AND l.wallet = ${walletIs}
              AND l.sequence > ${bindings.add(after)}::bigint AND ${inState}
            ORDER BY l.sequence LIMIT ${bindings.add(limit + 1)}::integer`,
      parameters: bindings.values,
      order: 'lot_sequence',
    };
  });
  if (also !== true) return undefined;
  const show = (row: LotRow & { closed: boolean }): JsonObject =>
    lotDocument(lotFigures(row, reading.now), reading.now, row.closed);
  const page = pageOf(rows, limit, show, (last) => formatCursor(list, [Number(last.lot_sequence)]));
  return { value: page, asOf };
};

interface HoldRow extends Row {
  readonly hold_id: string;
  readonly wallet: string;
  readonly revision: string;
  readonly total: string;
  readonly captured: string;
  readonly state: HoldFigures['state'];
  readonly expires_at: Instant;
  readonly service_type: string | null;
  readonly reference: string | null;
}

const holdFigures = (row: HoldRow): HoldFigures => ({
  id: row.hold_id,
  wallet: row.wallet,
  total: storedSum(row.total),
  captured: storedSum(row.captured),
  state: row.state,
  expiresAt: row.expires_at,
  serviceType: row.service_type,
  reference: row.reference,
});

const holds = async (
  reader: ModelReader,
  reading: Reading,
  query: NonNullable<Parameters<ReadModels['holds']>[1]>,
): ReturnType<ReadModels['holds']> => {
  const list = ['holds', reading.organizationId, query.wallet ?? null, query.state ?? null];
  const [before] = parseCursor(query.cursor, list, ['number']);
  const limit = limitOf(query);
  const { rows, asOf } = await reader.ask<HoldRow>(MODEL, reading, (suffix) => {
    const bindings = new Bindings();
    const conditions = [
      `organization_id = ${bindings.add(reading.organizationId)}`,
      bindings.given(before, (revision) => `revision < ${revision}::bigint`),
      bindings.given(query.wallet, (wallet) => `wallet = ${wallet}`),
      // Written out: a plan for any state could not go by the index of the open ones.
      query.state === 'open' ? `state = 'open'` : bindings.given(query.state, (state) => `state = ${state}`),
    ];
    return {
      sql: `SELECT * FROM holds${suffix} WHERE ${conditions.join(' AND ')}
            ORDER BY revision DESC LIMIT ${bindings.add(limit + 1)}::integer`,
      parameters: bindings.values,
      order: 'revision DESC',
    };
  });
  const show = (row: HoldRow): JsonObject => holdDocument(holdFigures(row));
  return { value: pageOf(rows, limit, show, (last) => formatCursor(list, [Number(last.revision)])), asOf };
};
