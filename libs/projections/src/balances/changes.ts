import { capWindowOf, type ConsumptionCap } from '@drawdown/domain/events';
import { formatDecimal } from '@drawdown/kernel';
import type { Sql } from '@drawdown/ports';
import { type Cell, type Columns, columns } from '../rows';
import { type BalanceDeltas, consumedOf, type LotDelta, type OrganizationDeltas, type WalletDelta } from './deltas';

/** What charges do to a wallet or a lot: nearly all there is to save, so it has statements of its own, a third cheaper. */
const SPENDING = columns({ organization_id: 'text', wallet: 'text', spent: 'numeric', sequence: 'bigint' });
const CONSUMPTION = columns({ organization_id: 'text', lot_id: 'text', consumed: 'numeric' });
const WALLET_CHANGES = columns({
  ...{
    organization_id: 'text',
    wallet: 'text',
    settled: 'numeric',
    held: 'numeric',
    debt: 'numeric',
    added: 'numeric',
  },
  ...{ purchased: 'numeric', spent: 'numeric', sequence: 'bigint' },
});
const LOT_CHANGES = columns({
  ...{ organization_id: 'text', lot_id: 'text', returned: 'numeric', remaining: 'numeric', held: 'numeric' },
  ...{ consumed: 'numeric', expired: 'numeric', voided: 'numeric', forfeited: 'numeric', activated: 'boolean' },
  ...{ expires_at: 'timestamptz', rest_voided: 'boolean', revived: 'boolean' },
});
const BEGUN = columns({ organization_id: 'text', lot_id: 'text', place: 'integer' });
const REPLACED = columns({ organization_id: 'text', lot_id: 'text' });
const CAPS = columns({ organization_id: 'text', lot_id: 'text', cap_window: 'text', used: 'numeric' });

/** A row for each entry of each organization's map or list. */
export const rowsOf = <T>(
  deltas: BalanceDeltas,
  entries: (organization: OrganizationDeltas) => Iterable<T>,
  row: (id: string, entry: T) => Cell[],
): Cell[][] => {
  const rows: Cell[][] = [];
  for (const [id, organization] of deltas.organizations) {
    for (const entry of entries(organization)) rows.push(row(id, entry));
  }
  return rows;
};

/** Changes rows that must be there; one that is not means a damaged log or a bug, so it throws. */
export const updateAll = async (
  tx: Sql,
  table: string,
  set: string,
  { list, source, parameters }: Columns,
  rows: Cell[][],
  key: string,
): Promise<void> => {
  if (rows.length === 0) return;
  const [changed] = await tx.query<{ rows: string }>(
    `WITH changed AS (
       UPDATE ${table} t SET ${set} FROM ${source} AS d (${list})
       WHERE t.organization_id = d.organization_id AND ${key} RETURNING 1)
     SELECT count(*) AS rows FROM changed`,
    parameters(rows),
  );
  checkAll(table, Number(changed?.rows), rows.length);
};

const checkAll = (table: string, found: number, wanted: number): void => {
  if (found !== wanted) throw new Error(`${table} has ${String(found)} of ${String(wanted)} rows that events change`);
};

const isSpending = ({ settled, held, debt, added, purchased }: WalletDelta): boolean =>
  held === 0n && debt === 0n && added === 0n && purchased === 0n && settled === 0n;

export const saveWallets = async (tx: Sql, suffix: string, deltas: BalanceDeltas): Promise<void> => {
  const spending: Cell[][] = [];
  const changes: Cell[][] = [];
  for (const [id, { wallets }] of deltas.organizations) {
    for (const [key, wallet] of wallets) {
      const { settled, held, debt, added, purchased, spent, sequence } = wallet;
      if (isSpending(wallet)) spending.push([id, key, formatDecimal(spent), sequence]);
      else
        changes.push([id, key, ...[settled - spent, held, debt, added, purchased, spent].map(formatDecimal), sequence]);
    }
  }
  const SPENT = `settled = t.settled - d.spent, lifetime_spent = t.lifetime_spent + d.spent,
    sequence = greatest(t.sequence, d.sequence)`;
  await updateAll(tx, `wallets${suffix}`, SPENT, SPENDING, spending, 't.wallet = d.wallet');
  const CHANGED = `settled = t.settled + d.settled, held = t.held + d.held, debt = t.debt + d.debt,
    lifetime_added = t.lifetime_added + d.added, lifetime_purchased = t.lifetime_purchased + d.purchased,
    lifetime_spent = t.lifetime_spent + d.spent, sequence = greatest(t.sequence, d.sequence)`;
  await updateAll(tx, `wallets${suffix}`, CHANGED, WALLET_CHANGES, changes, 't.wallet = d.wallet');
};

const isConsumption = ({ remaining, returned, held, expired, voided, forfeited, ...lot }: LotDelta) =>
  lot.expiresAt === null &&
  !lot.restVoided &&
  !lot.activated &&
  returned === 0n &&
  held === 0n &&
  expired === 0n &&
  voided === 0n &&
  forfeited === 0n &&
  remaining === 0n;

export const saveLots = async (tx: Sql, suffix: string, deltas: BalanceDeltas): Promise<void> => {
  const consumption: Cell[][] = [];
  const changes: Cell[][] = [];
  for (const [id, { lots }] of deltas.organizations) {
    for (const [lotId, lot] of lots) {
      const consumed = consumedOf(lot);
      if (isConsumption(lot)) {
        consumption.push([id, lotId, formatDecimal(consumed)]);
        continue;
      }
      const { returned, remaining, held, expired, voided, forfeited, activated, expiresAt, restVoided, revived } = lot;
      const terms = [returned, remaining - consumed, held, consumed, expired, voided, forfeited];
      changes.push([id, lotId, ...terms.map(formatDecimal), activated, expiresAt, restVoided, revived]);
    }
  }
  const CONSUMED = 'remaining = t.remaining - d.consumed, consumed = t.consumed + d.consumed';
  const CHANGED = `returned = t.returned + d.returned, remaining = t.remaining + d.remaining, held = t.held + d.held,
    consumed = t.consumed + d.consumed, expired = t.expired + d.expired, voided = t.voided + d.voided,
    forfeited = t.forfeited + d.forfeited, activated = t.activated OR d.activated, expires_at = coalesce(d.expires_at, t.expires_at),
    rest_voided = t.rest_voided OR d.rest_voided, replaced = t.replaced AND NOT d.revived`;
  const capped = [
    ...(await updateLots(tx, suffix, CONSUMED, CONSUMPTION, consumption)),
    ...(await updateLots(tx, suffix, CHANGED, LOT_CHANGES, changes)),
  ];
  await saveReplaced(tx, suffix, deltas);
  await saveCaps(tx, suffix, deltas, capped);
};

/**
 * Lots that were used up when another of their credit type began: those that have nothing now, and had as little then,
 * because nothing changed of them since. They are looked for from the lots that began: joined, the planner would read all
 * lots there are. Of those of one wallet and type the last that began says it of all others, the one before it of that one:
 * looked for from each, thousands of grants would read the wallet's lots thousands of times.
 */
const saveReplaced = async (tx: Sql, suffix: string, deltas: BalanceDeltas): Promise<void> => {
  const begun = rowsOf(
    deltas,
    ({ begun: lots }) => lots.entries(),
    (id, [place, lotId]) => [id, lotId, place],
  );
  if (begun.length === 0) return;
  const found = await tx.query<{ organization_id: string; lot_id: string; place: string }>(
    `SELECT m.organization_id, t.lot_id, max(m.place)::text AS place FROM (
       SELECT d.*, l.wallet, l.credit_type,
         row_number() OVER (PARTITION BY d.organization_id, l.wallet, l.credit_type ORDER BY d.place DESC) AS nth
       FROM ${BEGUN.source} AS d (${BEGUN.list}) CROSS JOIN LATERAL (
         SELECT wallet, credit_type FROM lots${suffix} WHERE organization_id = d.organization_id AND lot_id = d.lot_id
         OFFSET 0) AS l) AS m
     CROSS JOIN LATERAL (
       SELECT lot_id FROM lots${suffix}
       WHERE organization_id = m.organization_id AND wallet = m.wallet AND shown
         AND credit_type = m.credit_type AND remaining = 0 AND lot_id <> m.lot_id OFFSET 0) AS t
     WHERE m.nth <= 2
     GROUP BY m.organization_id, t.lot_id`,
    BEGUN.parameters(begun),
  );
  const replaced = found.filter(({ organization_id: id, lot_id: lotId, place }) => {
    const changed = deltas.organizations.get(id)?.lots.get(lotId);
    return changed === undefined || changed.changedAfter <= Number(place);
  });
  const rows = replaced.map(({ organization_id, lot_id }) => [organization_id, lot_id]);
  await updateAll(tx, `lots${suffix}`, 'replaced = true', REPLACED, rows, 't.lot_id = d.lot_id');
};

interface CappedLot {
  readonly organization_id: string;
  readonly lot_id: string;
  readonly cap_per: ConsumptionCap['per'];
}

/** Only the database knows which lots have a cap: it names those it touched. */
const updateLots = async (
  tx: Sql,
  suffix: string,
  set: string,
  { list, source, parameters }: Columns,
  rows: Cell[][],
): Promise<readonly CappedLot[]> => {
  if (rows.length === 0) return [];
  const found = await tx.query<{ lot_id: string | null; rows: string } & Record<string, unknown>>(
    `WITH changed AS (
       UPDATE lots${suffix} t SET ${set} FROM ${source} AS d (${list})
       WHERE t.organization_id = d.organization_id AND t.lot_id = d.lot_id
       RETURNING t.organization_id, t.lot_id, t.cap_per)
     SELECT changed.*, rows FROM (SELECT count(*) AS rows FROM changed) AS all_changed
     LEFT JOIN changed ON cap_per IS NOT NULL`,
    parameters(rows),
  );
  checkAll(`lots${suffix}`, Number(found[0]?.rows), rows.length);
  return found.filter(({ lot_id }) => lot_id !== null) as unknown as readonly CappedLot[];
};

/** Counts what caps have used, by the window in which it was drawn. */
const saveCaps = async (
  tx: Sql,
  suffix: string,
  deltas: BalanceDeltas,
  capped: readonly CappedLot[],
): Promise<void> => {
  const used = new Map<string, [string, string, string, bigint]>();
  for (const { organization_id: id, lot_id: lotId, cap_per: per } of capped) {
    for (const { day, consumed, returned } of deltas.organizations.get(id)?.lots.get(lotId)?.draws ?? []) {
      const window = capWindowOf({ per }, day);
      const key = `${id}\n${lotId}\n${window}`;
      used.set(key, [id, lotId, window, (used.get(key)?.[3] ?? 0n) + consumed - returned]);
    }
  }
  if (used.size === 0) return;
  await tx.query(
    `INSERT INTO lot_caps${suffix} AS c (${CAPS.list}) SELECT * FROM ${CAPS.source}
     ON CONFLICT (organization_id, lot_id, cap_window) DO UPDATE SET used = c.used + excluded.used`,
    CAPS.parameters([...used.values()].map(([id, lot, window, amount]) => [id, lot, window, formatDecimal(amount)])),
  );
};
