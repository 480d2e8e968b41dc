import { WITHIN_A_SECOND } from '@drawdown/delivery';
import { effectsOf, walkConsumption } from '@drawdown/domain/events';
import { DAY_MICROS, type Instant, shift } from '@drawdown/kernel';
import { type LedgerProjector, ownerOf } from '../ledger-record';
import { columns } from '../rows';
import { startOf } from '../time-range';
import { addTo, type SpanSums, sumRows, sumsOf, type WalletSums } from '../wallet-sums';

const DAYS = columns({ organization_id: 'text', wallet: 'text', until: 'timestamptz', change: 'numeric' });

/**
 * `balance_days`: what moved a wallet's balance, per UTC day; Σ up to a midnight is what was booked by then.
 *
 * By booking time, as balances go; but an expiry counts from when the lot ended, whenever that was booked (INV-TIM-3). A
 * day ends with its last midnight, that one included: what ends at midnight is not in the balance of that midnight.
 */
export const balanceDays: LedgerProjector<WalletSums> = {
  name: 'balance_days',
  version: 1,
  freshness: WITHIN_A_SECOND,
  tableNames: ['balance_days'],
  tables: (suffix) => [
    `CREATE TABLE balance_days${suffix} (
       organization_id text NOT NULL, wallet text NOT NULL, until timestamptz NOT NULL, change numeric NOT NULL,
       PRIMARY KEY (organization_id, wallet, until)) WITH (fillfactor = 70)`,
  ],
  begin: () => new Map(),
  apply: (deltas, record) => {
    const { event, bookedAt } = record;
    switch (event.type) {
      case 'UsageCharged': {
        const day = endOfDay(bookedAt);
        walkConsumption<SpanSums>(event.data, {
          wallet: (organizationId, wallet) => sumsOf(deltas, organizationId, wallet),
          consumed: (spans, _, debited) => {
            addTo(spans, day, -debited);
          },
        });
        return;
      }
      case 'UsageQuarantined':
      case 'UsageRefused':
      case 'UsageConflicted':
        return;
      default:
        for (const { kind, wallet, eventTime, credited, debited } of effectsOf(event).bookings) {
          const day = endOfDay(kind === 'expiry' ? eventTime : bookedAt);
          addTo(sumsOf(deltas, ownerOf(record), wallet), day, credited - debited);
        }
    }
  },
  save: async (tx, suffix, deltas) => {
    const rows = sumRows(deltas);
    if (rows.length === 0) return;
    await tx.query(
      `INSERT INTO balance_days${suffix} AS d (${DAYS.list}) SELECT * FROM ${DAYS.source}
       ON CONFLICT (organization_id, wallet, until) DO UPDATE SET change = d.change + excluded.change`,
      DAYS.parameters(rows),
    );
  },
};

/** The first UTC midnight that is not before the instant. */
export const endOfDay = (instant: Instant): Instant => startOf(shift(instant, DAY_MICROS - 1n), 'day');
