import { WITHIN_A_SECOND } from '@drawdown/delivery';
import type { WalletFigures } from '@drawdown/domain/events';
import {
  credits,
  type Credits,
  DAY_MICROS,
  divide,
  format,
  HOUR_MICROS,
  type Instant,
  microsBetween,
  shift,
  storedSum,
} from '@drawdown/kernel';
import { type Row, TEXT } from '@drawdown/ports';
import { asOfAll } from './as-of-all';
import { projectionOf } from './burndown/projection';
import { forConsumption } from './consumption';
import type { LedgerProjector } from './ledger-record';
import type { ModelReader } from './model-reader';
import type { Answer, BurnRate, Reading } from './read-models';
import { columns } from './rows';
import { hoursOf, startOf } from './time-range';
import { addTo, type SpanSums, sumColumns, sumsOf, type WalletSums } from './wallet-sums';

const HOURS = columns({ organization_id: 'text', wallet: 'text', hour: 'timestamptz', credits: 'numeric' });

/** `burn_rate`: gross consumption per wallet and UTC hour of event time. */
export const burnRate: LedgerProjector<WalletSums> = {
  name: 'burn_rate',
  version: 2,
  freshness: WITHIN_A_SECOND,
  tableNames: ['burn_hours'],
  tables: (suffix) => [
    `CREATE TABLE burn_hours${suffix} (
       organization_id ${TEXT} NOT NULL, wallet ${TEXT} NOT NULL, hour timestamptz NOT NULL, credits numeric NOT NULL,
       PRIMARY KEY (organization_id, wallet, hour)) WITH (fillfactor = 70)`,
  ],
  begin: () => new Map(),
  apply: (deltas, record) => {
    const hourOf = hoursOf();
    forConsumption<SpanSums>(record, {
      wallet: (organizationId, wallet) => sumsOf(deltas, organizationId, wallet),
      consumed: (spans, eventTime, spent) => {
        addTo(spans, hourOf(eventTime), spent);
      },
    });
  },
  save: async (tx, suffix, deltas) => {
    if (deltas.size === 0) return;
    await tx.query(
      `INSERT INTO burn_hours${suffix} AS h (${HOURS.list}) SELECT * FROM ${HOURS.source}
       ON CONFLICT (organization_id, wallet, hour) DO UPDATE SET credits = h.credits + excluded.credits`,
      sumColumns(deltas),
    );
  },
};

const WINDOW_DAYS = { '7d': 7, '30d': 30 } as const;

/** The burn rate of a wallet that there is. `wallet` as the balances have it. */
export const askBurnRate = async (
  reader: ModelReader,
  reading: Reading,
  wallet: Answer<WalletFigures>,
  window: keyof typeof WINDOW_DAYS = '7d',
): Promise<Answer<BurnRate>> => {
  const windowDays = WINDOW_DAYS[window];
  const from = shift(endOfHour(reading.now), BigInt(-windowDays) * DAY_MICROS);
  const { rows, also, asOf } = await reader.ask<Row & { hour: Instant; credits: string }>(
    burnRate.name,
    reading,
    (suffix) => ({
      sql: `SELECT hour, credits FROM burn_hours${suffix}
            WHERE organization_id = $3 AND wallet = $4 AND hour >= $5::timestamptz AND hour <= $6::timestamptz`,
      also: `(SELECT min(hour) FROM burn_hours${suffix} WHERE organization_id = $3 AND wallet = $4)`,
      parameters: [reading.organizationId, wallet.value.key, from, startOf(reading.now, 'hour')],
    }),
  );
  const hours = rows.map(({ hour, credits: spent }) => ({ hour, credits: storedSum(spent) }));
  const firstHour = typeof also === 'string' ? (also as Instant) : null;
  const { now } = reading;
  return {
    value: burnRateOf({ now, windowDays, firstHour, hours, wallet: wallet.value }),
    asOf: asOfAll([wallet, { value: rows, asOf }], now),
  };
};

/** At a full hour `now` itself: of the hour that begins there the window has what is booked already, and nothing else. */
const endOfHour = (now: Instant): Instant => {
  const start = startOf(now, 'hour');
  return start === now ? now : shift(start, HOUR_MICROS);
};

export interface BurnFacts {
  readonly now: Instant;
  readonly windowDays: number;
  /** The hour of the wallet's first consumption; null where there was none. */
  readonly firstHour: Instant | null;
  /** Consumption of each hour of the window in which there was any. */
  readonly hours: readonly { readonly hour: Instant; readonly credits: Credits }[];
  readonly wallet: WalletFigures;
}

/**
 * All in whole 10⁻⁹ credits and microseconds; hours are UTC hours of event time.
 *
 * - The window is `windowDays` × 24 hours; the last of them is the hour that `now` lies in or, at a full hour, the one that
 *   ends there, with what is booked already in the hour that begins then.
 * - `basis_days` d = ⌈(end of that hour − begin of the hour of the first consumption) ÷ 24 h⌉, at least 1, at most
 *   `windowDays`; days are counted back from the end of that hour, c₁ … c_d is what each consumed.
 * - `credits_per_day` r = Σc ÷ d, half_even.
 * - σ = ⌊√(d·Σc² − (Σc)²) ÷ d⌋, √ a whole number, cut: the standard deviation of the days.
 * - `projected_depletion_at` is where the projection of the burndown at r ({@link projectionOf}) has nothing available:
 *   lots that end before they are used up take their rest along, lots that begin in time are drawn. `low` is that of
 *   r + σ, `high` that of r − σ; low ≤ projected_depletion_at ≤ high where they are given. `now` where nothing is available
 *   and r > 0; null where the rate is not above 0, nothing can be drawn any more, or the year would be past 9999.
 * - `confidence`: low below 3 days, medium below 7, then high.
 */
export const burnRateOf = ({ now, windowDays, firstHour, hours, wallet }: BurnFacts): BurnRate => {
  const end = endOfHour(now);
  const age = firstHour === null ? 0n : microsBetween(firstHour, end);
  const days = Math.min(windowDays, Math.max(1, Number(divide(age, DAY_MICROS, 'up'))));
  const consumed = Array.from({ length: days }, () => 0n);
  for (const { hour, credits: spent } of hours) {
    // An hour that begins at the end is of the last day, too: −1 ÷ a day is 0.
    const day = Number((microsBetween(hour, end) - 1n) / DAY_MICROS);
    const before = consumed[day];
    if (before !== undefined) consumed[day] = before + spent;
  }
  const count = BigInt(days);
  const total = consumed.reduce((sum, spent) => sum + spent, 0n);
  const squares = consumed.reduce((sum, spent) => sum + spent * spent, 0n);
  const rate = divide(total, count, 'half_even');
  const spread = squareRoot(count * squares - total * total) / count;
  const depletion = (perDay: bigint): Instant | null => projectionOf({ wallet, now, perDay }).depletedAt;
  return {
    credits_per_day: format(credits(rate)),
    projected_depletion_at: depletion(rate),
    low: rate === 0n ? null : depletion(rate + spread),
    high: depletion(rate - spread),
    confidence: days < 3 ? 'low' : days < 7 ? 'medium' : 'high',
    basis_days: days,
  };
};

/** The largest whole number whose square is not above `value` (Newton's method, from above). */
export const squareRoot = (value: bigint): bigint => {
  if (value < 2n) return value;
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (root + value / root) / 2n;
    if (next >= root) return root;
    root = next;
  }
};
