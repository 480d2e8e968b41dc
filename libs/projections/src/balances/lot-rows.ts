import type { DrawOrderKey, LotFigures, Scope } from '@drawdown/domain/events';
import { type Instant, NEVER, NO_CREDITS, storedCredits, storedSum } from '@drawdown/kernel';
import type { Row } from '@drawdown/ports';
import type { Bindings } from '../model-reader';

export interface LotRow extends Row {
  readonly lot_id: string;
  readonly lot_sequence: string;
  readonly credit_type: string;
  readonly priority: number;
  readonly effective_at: Instant;
  readonly activated: boolean;
  readonly expires_at: Instant | null;
  readonly scope: Scope | null;
  readonly cap_amount: string | null;
  readonly cap_per: 'day' | 'calendar-month' | null;
  readonly cap_used: string | null;
  readonly cost_basis: LotFigures['costBasis'];
  readonly funding: LotFigures['funding'];
  readonly amount: string;
  readonly remaining: string;
  readonly lot_held: string;
  readonly voided: string;
  readonly expired: string;
  readonly forfeited: string;
  readonly rest_voided: boolean;
}

/** A lot's columns, of `lots l` and `lot_caps c`. */
export const LOT_COLUMNS = `l.lot_id, l.sequence AS lot_sequence, l.credit_type, l.priority, l.effective_at,
  l.activated, l.expires_at, l.scope, l.cap_amount, l.cap_per, c.used AS cap_used, l.cost_basis, l.funding, l.amount, l.remaining,
  l.held AS lot_held, l.voided, l.expired, l.forfeited, l.rest_voided`;

/** The table of what caps have used, joined to `lots l` in the window that `now` lies in. */
export const capsJoin = (suffix: string, bindings: Bindings, now: Instant): string =>
  `LEFT JOIN lot_caps${suffix} c ON c.organization_id = l.organization_id AND c.lot_id = l.lot_id
     AND c.cap_window = CASE l.cap_per WHEN 'day' THEN ${bindings.add(now.slice(0, 10))}
                                       WHEN 'calendar-month' THEN ${bindings.add(now.slice(0, 7))} END`;

export const lotFigures = (row: LotRow, now: Instant): LotFigures => ({
  id: row.lot_id,
  creditType: row.credit_type,
  amount: storedCredits(row.amount),
  remaining: storedCredits(row.remaining),
  held: storedCredits(row.lot_held),
  voided: storedCredits(row.voided),
  expired: storedCredits(row.expired),
  forfeited: storedSum(row.forfeited),
  restVoided: row.rest_voided,
  priority: row.priority,
  effectiveAt: row.effective_at,
  activated: row.activated,
  expiresAt: row.expires_at,
  scope: row.scope,
  cap:
    row.cap_amount === null || row.cap_per === null
      ? null
      : { amount: storedCredits(row.cap_amount), per: row.cap_per },
  capWindow: now.slice(0, row.cap_per === 'day' ? 10 : 7),
  capUsed: row.cap_used === null ? NO_CREDITS : storedCredits(row.cap_used),
  costBasis: row.cost_basis,
  funding: row.funding,
});

/** A lot's state at `$now` as {@link lotStateOf} has it; `dormant` is an expression. */
export const lotStateSql = (now: string, dormant: string): string =>
  `CASE WHEN l.voided > 0 AND l.remaining = 0 THEN 'voided'
        WHEN l.expires_at <= ${now} THEN CASE WHEN l.remaining > 0 OR l.expired > 0 THEN 'expired' ELSE 'spent' END
        WHEN l.remaining = 0 THEN CASE WHEN l.forfeited > 0 THEN 'voided' ELSE 'spent' END
        WHEN l.rest_voided THEN 'voided'
        WHEN ${dormant} THEN 'dormant'
        WHEN l.effective_at > ${now} THEN 'scheduled'
        ELSE 'active' END`;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The order in which the wallet draws its lots (spec.md §1.3). */
export const byDrawOrder =
  (order: readonly DrawOrderKey[]) =>
  (a: LotRow, b: LotRow): number => {
    for (const key of order) {
      const difference = key === 'priority' ? a.priority - b.priority : compare(a[key] ?? NEVER, b[key] ?? NEVER);
      if (difference !== 0) return difference;
    }
    return Number(a.lot_sequence) - Number(b.lot_sequence);
  };
