import { balancesOf, figuresAt, type WalletFigures } from '@drawdown/domain/events';
import { DAY_MICROS, formatDecimal, type Instant, latest, shift, storedSum } from '@drawdown/kernel';
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

interface ReturnRow extends Row {
  readonly lot_id: string;
  readonly returned_at: Instant;
}
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
  const { settled } = balancesOf(figures, now);
  const history = await askHistory(reader, reading, key, firstMidnight(period, now));
  const ended = await askEnded(reader, reading, figures);
  const burn = await askBurnRate(reader, reading, wallet, window);
  const perDay = storedSum(burn.value.credits_per_day);
  return {
    value: {
      data: [
        ...history.value.map((point) => shownAt(point, ended.value)),
        { time: now, balance: formatDecimal(settled) },
      ],
      projection: projectionOf({ wallet: wallet.value, now, perDay }).points,
    },
    // Three read models, none of which is the clock of the others: what all of them cover.
    asOf: asOfAll([wallet, history, ended, burn], now),
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
  const before = typeof also === 'string' ? storedSum(also) : 0n;
  return { value: closings(rows, { first, before, now: reading.now }), asOf };
};

const closings = (
  rows: readonly DayRow[],
  { first, before, now }: { readonly first: Instant | null; readonly before: bigint; readonly now: Instant },
): Closing[] => {
  const changes = new Map(rows.map(({ until, change }) => [until, storedSum(change)]));
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

/** What a lot has left although it has ended, and since when that is not in the balance. */
interface Ended {
  readonly since: Instant;
  readonly free: bigint;
}

/** What was left of lots that have ended although nobody has booked it, or ever will where the organization is closed (INV-TIM-3). */
const askEnded = async (
  reader: ModelReader,
  reading: Reading,
  { live }: WalletFigures,
): Promise<Answer<readonly Ended[]>> => {
  const { organizationId, now } = reading;
  const lots = live.flatMap(({ id, expiresAt, remaining, held }) =>
    expiresAt !== null && expiresAt <= now && remaining > held ? [{ id, expiresAt, free: remaining - held }] : [],
  );
  if (lots.length === 0) return { value: [], asOf: { position: new Map(), time: now } };
  const { rows, asOf } = await reader.ask<ReturnRow>(balanceDays.name, reading, (suffix) => {
    const bindings = new Bindings();
    return {
      sql: `SELECT lot_id, returned_at FROM lot_returns${suffix}
            WHERE organization_id = ${bindings.add(organizationId)} AND lot_id = ANY (${bindings.add(lots.map(({ id }) => id))}::text[])`,
      parameters: bindings.values,
    };
  });
  // Until a hold gave it back it was held, and in the balance (INV-HLD-6).
  const returned = new Map(rows.map(({ lot_id, returned_at }) => [lot_id, returned_at]));
  const value = lots.map(({ id, expiresAt, free }) => ({
    since: latest(expiresAt, returned.get(id) ?? expiresAt),
    free,
  }));
  return { value, asOf };
};

const shownAt = ({ time, balance }: Closing, ended: readonly Ended[]): BalancePoint => {
  const left = ended.reduce((sum, { since, free }) => (since <= time ? sum + free : sum), 0n);
  return { time, balance: formatDecimal(balance - left) };
};
