import { balancesOf, figuresAt, type WalletFigures } from '@drawdown/domain/events';
import { DAY_MICROS, formatDecimal, type Instant, shift, storedCredits } from '@drawdown/kernel';
import type { Row } from '@drawdown/ports';
import { asOfAll } from '../as-of-all';
import { askBurnRate } from '../burn-rate';
import { Bindings, type ModelReader } from '../model-reader';
import {
  type Answer,
  AnswerTooLarge,
  type BalancePoint,
  type Burndown,
  type BurndownQuery,
  type Reading,
} from '../read-models';
import { boundsOf, startOf } from '../time-range';
import { projectionOf } from './projection';
import { balanceDays } from './projector';

/** Midnights of one answer; eight years. */
const DAYS_MAX = 3_000;

interface DayRow extends Row {
  readonly until: Instant;
  readonly change: string;
}

/** The burndown of a wallet that there is. `wallet` as the balances have it. */
export const askBurndown = async (
  reader: ModelReader,
  reading: Reading,
  { period = '30d', window, wallet: key }: BurndownQuery,
  wallet: Answer<WalletFigures>,
): Promise<Answer<Burndown>> => {
  const { now } = reading;
  const figures = figuresAt(wallet.value, now);
  const { settled, available } = balancesOf(figures, now);
  const history = await askHistory(reader, reading, key, firstMidnight(period, now));
  const burn = await askBurnRate(reader, reading, {
    ...{ wallet: key, available },
    ...(window === undefined ? {} : { window }),
  });
  const perDay = storedCredits(burn.value.credits_per_day);
  return {
    value: {
      data: [
        ...history.value.map((point) => shownAt(point, figures, now)),
        { time: now, balance: formatDecimal(settled) },
      ],
      projection: projectionOf({ wallet: figures, now, perDay }),
    },
    // Three read models, none of which is the clock of the others: what all of them cover.
    asOf: asOfAll([wallet, history, burn], now),
  };
};

/** The midnight of the day on which the period begins; null for all there is. */
const firstMidnight = (period: BurndownQuery['period'], now: Instant): Instant | null => {
  const { from } = boundsOf(period === undefined ? {} : { period }, now);
  return from === null ? null : startOf(from, 'day');
};

interface Closing {
  readonly time: Instant;
  readonly balance: bigint;
}

/** What was booked by each midnight before `now`, from `first` on; of all, from the midnight before the first booking. */
const askHistory = async (
  reader: ModelReader,
  reading: Reading,
  wallet: string,
  first: Instant | null,
): Promise<Answer<readonly Closing[]>> => {
  const { rows, also, asOf } = await reader.ask<DayRow>(balanceDays.name, reading, (suffix) => {
    const bindings = new Bindings();
    const own = `organization_id = ${bindings.add(reading.organizationId)} AND wallet = ${bindings.add(wallet)}`;
    const days = `balance_days${suffix} WHERE ${own}`;
    return {
      sql: `SELECT until, change FROM ${days} AND ${bindings.given(first, (from) => `until > ${from}::timestamptz`)}`,
      ...(first === null
        ? {}
        : { also: `(SELECT sum(change) FROM ${days} AND until <= ${bindings.add(first)}::timestamptz)` }),
      parameters: bindings.values,
      order: 'until',
    };
  });
  const before = typeof also === 'string' ? storedCredits(also) : 0n;
  return { value: closings(rows, { first, before, now: reading.now }), asOf };
};

const closings = (
  rows: readonly DayRow[],
  { first, before, now }: { readonly first: Instant | null; readonly before: bigint; readonly now: Instant },
): Closing[] => {
  const changes = new Map(rows.map(({ until, change }) => [until, storedCredits(change)]));
  const [earliest] = rows;
  const start = first ?? (earliest === undefined ? now : shift(earliest.until, -DAY_MICROS));
  const points: Closing[] = [];
  let balance = before;
  for (let time = start; time < now; time = shift(time, DAY_MICROS)) {
    if (time !== start) balance += changes.get(time) ?? 0n;
    if (points.length === DAYS_MAX) throw new AnswerTooLarge(`the period has more than ${String(DAYS_MAX)} days`);
    points.push({ time, balance });
  }
  return points;
};

/** Without what was left of lots that had ended by then although nobody has booked it yet (INV-TIM-3). */
const shownAt = ({ time, balance }: Closing, { live }: WalletFigures, now: Instant): BalancePoint => {
  let ended = 0n;
  for (const { expiresAt, remaining, held } of live) {
    if (expiresAt !== null && expiresAt <= time && expiresAt <= now) ended += remaining - held;
  }
  return { time, balance: formatDecimal(balance - ended) };
};
