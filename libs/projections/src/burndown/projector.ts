import { WITHIN_A_SECOND } from '@drawdown/delivery';
import { effectsOf, type LedgerEvent, walkConsumption } from '@drawdown/domain/events';
import { DAY_MICROS, formatDecimal, type Instant, latest, shift } from '@drawdown/kernel';
import { TEXT } from '@drawdown/ports';
import { type LedgerProjector, ownerOf } from '../ledger-record';
import { columns } from '../rows';
import { startOf } from '../time-range';
import { addTo, type SpanSums, sumColumns, sumsOf, type WalletSums } from '../wallet-sums';

const DAYS = columns({ organization_id: 'text', wallet: 'text', until: 'timestamptz', change: 'numeric' });

type HoldEnd = Extract<LedgerEvent, { type: 'HoldExpired' | 'HeldCreditsEnded' }>;

/** Booked later, perhaps, than the hold has ended; as balances go, what it gives back has come back then. */
const endsHold = (event: LedgerEvent): event is HoldEnd =>
  event.type === 'HoldExpired' || event.type === 'HeldCreditsEnded';

type Expiry = Extract<LedgerEvent, { type: 'LotExpired' }>['data'];

const RETURNS = columns({ organization_id: 'text', lot_id: 'text', returned_at: 'timestamptz' });
const EXPIRIES = columns({
  ...{ organization_id: 'text', wallet: 'text', lot_id: 'text', ended_at: 'timestamptz', amount: 'numeric' },
});

export interface DayDeltas {
  readonly sums: WalletSums;
  /** By organization and lot, when a hold last gave credits of the lot back, or spent them. */
  readonly returns: Map<string, { readonly organizationId: string; readonly lotId: string; readonly at: Instant }>;
  /** Expiries of lots of which a hold may have given something back before. */
  readonly expiries: {
    readonly organizationId: string;
    readonly wallet: string;
    readonly lotId: string;
    readonly endedAt: Instant;
    readonly amount: bigint;
  }[];
}

/**
 * `balance_days`: what moved a wallet's balance, per UTC day; Σ up to a midnight is what was booked by then.
 *
 * By booking time, as balances go; but an expiry counts from when the lot ended, whenever that was booked (INV-TIM-3), and
 * what a hold gives back of a lot that has ended by then from when it does: until then it is held, and in the balance
 * (INV-HLD-6). What had ended while it was held counts from the end of its hold, too. An expiry is booked before anything else
 * happens to its lot, so that the last return before tells which of the two it is: `lot_returns` has it. A day ends with its
 * last midnight, that one included: what ends at midnight is not in the balance of that midnight.
 */
export const balanceDays: LedgerProjector<DayDeltas> = {
  name: 'balance_days',
  version: 3,
  freshness: WITHIN_A_SECOND,
  tableNames: ['balance_days', 'lot_returns'],
  tables: (suffix) => [
    `CREATE TABLE balance_days${suffix} (
       organization_id ${TEXT} NOT NULL, wallet ${TEXT} NOT NULL, until timestamptz NOT NULL, change numeric NOT NULL,
       PRIMARY KEY (organization_id, wallet, until)) WITH (fillfactor = 70)`,
    `CREATE TABLE lot_returns${suffix} (
       organization_id ${TEXT} NOT NULL, lot_id ${TEXT} NOT NULL, returned_at timestamptz NOT NULL,
       PRIMARY KEY (organization_id, lot_id)) WITH (fillfactor = 70)`,
  ],
  begin: () => ({ sums: new Map(), returns: new Map(), expiries: [] }),
  apply: (deltas, record) => {
    const { event, bookedAt } = record;
    switch (event.type) {
      case 'UsageCharged': {
        const day = endOfDay(bookedAt);
        walkConsumption<SpanSums>(event.data, {
          wallet: (organizationId, wallet) => sumsOf(deltas.sums, organizationId, wallet),
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
      case 'LotExpired':
        addExpiry(deltas, ownerOf(record), event.data);
        return;
      default: {
        const organizationId = ownerOf(record);
        const { bookings, moves } = effectsOf(event);
        const at = endsHold(event) ? event.data.effectiveAt : bookedAt;
        for (const { wallet, credited, debited } of bookings) {
          addTo(sumsOf(deltas.sums, organizationId, wallet), endOfDay(at), credited - debited);
        }
        for (const { lotId, move } of moves) {
          if (move === 'release') deltas.returns.set(`${organizationId}\n${lotId}`, { organizationId, lotId, at });
        }
      }
    }
  },
  save: async (tx, suffix, { sums, returns, expiries }) => {
    const add = `ON CONFLICT (organization_id, wallet, until) DO UPDATE SET change = d.change + excluded.change`;
    if (sums.size > 0) {
      await tx.query(
        `INSERT INTO balance_days${suffix} AS d (${DAYS.list}) SELECT * FROM ${DAYS.source} ${add}`,
        sumColumns(sums),
      );
    }
    // Before the returns of this batch: those that came before an expiry in it are known to it already.
    if (expiries.length > 0) {
      await tx.query(
        `INSERT INTO balance_days${suffix} AS d (${DAYS.list})
         SELECT e.organization_id, e.wallet, date_trunc('day', greatest(e.ended_at, r.returned_at)
             + interval '1 day' - interval '1 microsecond', 'UTC') AS until, -sum(e.amount)
         FROM ${EXPIRIES.source} AS e (${EXPIRIES.list})
           LEFT JOIN lot_returns${suffix} r ON r.organization_id = e.organization_id AND r.lot_id = e.lot_id
         GROUP BY 1, 2, 3 ${add}`,
        EXPIRIES.parameters(
          expiries.map((e) => [e.organizationId, e.wallet, e.lotId, e.endedAt, formatDecimal(e.amount)]),
        ),
      );
    }
    if (returns.size > 0) {
      await tx.query(
        `INSERT INTO lot_returns${suffix} (${RETURNS.list}) SELECT * FROM ${RETURNS.source}
         ON CONFLICT (organization_id, lot_id) DO UPDATE SET returned_at = excluded.returned_at`,
        RETURNS.parameters([...returns.values()].map(({ organizationId, lotId, at }) => [organizationId, lotId, at])),
      );
    }
  },
};

const addExpiry = (
  { sums, returns, expiries }: DayDeltas,
  organizationId: string,
  { lotId, booking: { wallet, eventTime, debited } }: Expiry,
): void => {
  const returned = returns.get(`${organizationId}\n${lotId}`);
  if (returned === undefined) expiries.push({ organizationId, wallet, lotId, endedAt: eventTime, amount: debited });
  else addTo(sumsOf(sums, organizationId, wallet), endOfDay(latest(eventTime, returned.at)), -debited);
};

/** The first UTC midnight that is not before the instant. */
export const endOfDay = (instant: Instant): Instant => startOf(shift(instant, DAY_MICROS - 1n), 'day');
