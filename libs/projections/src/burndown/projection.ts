import { balancesOf, drawableByAny, type WalletFigures } from '@drawdown/domain/events';
import { DAY_MICROS, formatDecimal, fromMicros, type Instant, microsBetween, shift, toMicros } from '@drawdown/kernel';
import type { BalancePoint } from '../documents';
import { endOfDay } from './projector';

/** Midnights that are shown ahead; what comes later has points only where the line bends. */
export const DAYS_AHEAD = 90;

export interface ProjectionFacts {
  readonly wallet: WalletFigures;
  readonly now: Instant;
  /** Gross consumption per day, in 10⁻⁹ credits. */
  readonly perDay: bigint;
}

/** A lot as far as it is drawn ahead: `forAny` of `free` can be drawn by whatever is charged. */
interface Ahead {
  readonly from: Instant | null;
  readonly expiresAt: Instant | null;
  forAny: bigint;
  free: bigint;
}

/**
 * The settled balance from `now` until nothing is available, if `perDay` goes on being consumed: lots are drawn in the
 * wallet's order, end when they expire, and can be drawn from when they are effective. Credits that only some charges can
 * draw, and those that are held, stay in the balance.
 *
 * By `t`, ⌊perDay × (t − now) ÷ 24 h⌋ is drawn; the last point is now + ⌊what can be drawn × 24 h ÷ perDay⌋, which is
 * `projected_depletion_at` of the burn rate where nothing expires or becomes effective before. Points are `now`, that one,
 * each instant at which a lot ends or begins, and the midnights of {@link DAYS_AHEAD} days. Where `now` already has nothing
 * available it is the only one. None where nothing is consumed, or can be.
 */
export const projectionOf = ({ wallet, now, perDay }: ProjectionFacts): BalancePoint[] => {
  if (perDay <= 0n || wallet.dormant) return [];
  const { settled, available } = balancesOf(wallet, now);
  const lots = lotsAhead(wallet, now);
  // What open holds may overdraw, and debt beside lots that only some charges pay from: not for drawing.
  const taken = poolOf(lots, now) - available;
  const points: BalancePoint[] = [];
  let [balance, drawn, time]: [bigint, bigint, Instant] = [settled, 0n, now];
  const show = (at: Instant): void => void points.push({ time: at, balance: formatDecimal(balance) });
  show(now);
  for (const next of [...bends(lots, now), null]) {
    const pool = poolOf(lots, time) - taken;
    if (pool <= 0n) return points;
    const end = fromMicros(toMicros(now) + ((drawn + pool) * DAY_MICROS) / perDay);
    if (next === null || (end !== undefined && end < next)) {
      if (end === undefined) return points; // beyond year 9999
      balance -= pool;
      if (end <= time) points.pop(); // within a microsecond: one point for an instant
      show(end > time ? end : time);
      return points;
    }
    const by = (perDay * microsBetween(now, next)) / DAY_MICROS;
    draw(lots, time, by - drawn);
    balance -= by - drawn + expireAt(lots, next);
    [drawn, time] = [by, next];
    show(next);
  }
  return points;
};

const lotsAhead = (wallet: WalletFigures, now: Instant): Ahead[] =>
  wallet.live
    .filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
    .map((lot) => {
      const isScheduled = lot.effectiveAt > now;
      return {
        from: isScheduled ? lot.effectiveAt : null,
        expiresAt: lot.expiresAt,
        forAny: drawableByAny(lot, isScheduled ? lot.effectiveAt : now),
        free: lot.remaining - lot.held,
      };
    });

/** Instants after `now` at which the line may bend, and the midnights that are shown; each once, in order. */
const bends = (lots: readonly Ahead[], now: Instant): Instant[] => {
  const midnights = Array.from({ length: DAYS_AHEAD }, (_, n) => shift(endOfDay(now), BigInt(n) * DAY_MICROS));
  const changes = lots.flatMap(({ from, expiresAt }) => [from ?? [], expiresAt ?? []].flat());
  return [...new Set([...midnights, ...changes])].filter((at) => at > now).sort();
};

const isDrawn = ({ from, forAny }: Ahead, at: Instant): boolean => forAny > 0n && (from === null || from <= at);

const poolOf = (lots: readonly Ahead[], at: Instant): bigint =>
  lots.reduce((sum, lot) => (isDrawn(lot, at) ? sum + lot.forAny : sum), 0n);

/** Draws in the lots' order. */
const draw = (lots: readonly Ahead[], at: Instant, amount: bigint): void => {
  let rest = amount;
  for (const lot of lots) {
    if (rest === 0n) return;
    if (!isDrawn(lot, at)) continue;
    const part = lot.forAny < rest ? lot.forAny : rest;
    lot.forAny -= part;
    lot.free -= part;
    rest -= part;
  }
};

/** Ends the lots that expire then; gives what they had left, less what is held. */
const expireAt = (lots: readonly Ahead[], at: Instant): bigint => {
  let expired = 0n;
  for (const lot of lots) {
    if (lot.expiresAt !== at) continue;
    expired += lot.free;
    [lot.free, lot.forAny] = [0n, 0n];
  }
  return expired;
};
