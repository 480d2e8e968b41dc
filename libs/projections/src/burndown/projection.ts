import { balancesOf, drawableByAny, figuresAt, type WalletFigures } from '@drawdown/domain/events';
import { DAY_MICROS, formatDecimal, fromMicros, type Instant, microsBetween, shift, toMicros } from '@drawdown/kernel';
import type { BalancePoint } from '../documents';
import { endOfDay } from './projector';

/** Midnights that are shown ahead; what comes later has points only where the line bends. */
export const DAYS_AHEAD = 90;

export interface ProjectionFacts {
  /** As it was booked. */
  readonly wallet: WalletFigures;
  readonly now: Instant;
  /** Gross consumption per day, in 10⁻⁹ credits. */
  readonly perDay: bigint;
}

export interface Projection {
  readonly points: BalancePoint[];
  /** The time of the last point, where nothing is available from then on; null where that is not reached. */
  readonly depletedAt: Instant | null;
}

/** A lot as far as it is drawn ahead: `forAny` of `free` can be drawn by whatever is charged. */
interface Ahead {
  readonly place: number;
  readonly from: Instant | null;
  readonly expiresAt: Instant | null;
  hasBegun: boolean;
  forAny: bigint;
  free: bigint;
}

/**
 * The settled balance from `now` until nothing is available, if `perDay` goes on being consumed: lots are drawn in the
 * wallet's order, end when they expire, and can be drawn from when they are effective. Credits that only some charges can
 * draw, and those that are held, stay in the balance. Burn rate and burndown both have their dates from here.
 *
 * By `t`, ⌊perDay × (t − now) ÷ 24 h⌋ is drawn. The first t at which nothing is left to draw is now + ⌊what was drawn
 * and is left × 24 h ÷ perDay⌋ or, where a lot's end took the rest, that end; what only begins after it does not help.
 * Points are `now`, that one, each instant at which a lot ends or begins, and the midnights of {@link DAYS_AHEAD} days.
 * Where `now` already has nothing available it is the only one. None where nothing is consumed, or can be.
 */
export const projectionOf = ({ wallet: booked, now, perDay }: ProjectionFacts): Projection => {
  if (perDay <= 0n || booked.dormant) return { points: [], depletedAt: null };
  const wallet = figuresAt(booked, now);
  const { settled, available } = balancesOf(wallet, now);
  const lots = new LotsAhead(wallet, now);
  // What open holds may overdraw, and debt beside lots that only some charges pay from: not for drawing.
  const taken = lots.pool - available;
  const points: BalancePoint[] = [];
  let [balance, drawn, time]: [bigint, bigint, Instant] = [settled, 0n, now];
  const show = (at: Instant): void => void points.push({ time: at, balance: formatDecimal(balance) });
  show(now);
  for (const next of [...lots.bends(now), null]) {
    const pool = lots.pool - taken;
    if (pool <= 0n) return { points, depletedAt: time };
    const end = fromMicros(toMicros(now) + ((drawn + pool) * DAY_MICROS) / perDay);
    if (next === null || (end !== undefined && end < next)) {
      if (end === undefined) return { points, depletedAt: null }; // beyond year 9999
      balance -= pool;
      if (end <= time) points.pop(); // within a microsecond: one point for an instant
      const depletedAt = end > time ? end : time;
      show(depletedAt);
      return { points, depletedAt };
    }
    const by = (perDay * microsBetween(now, next)) / DAY_MICROS;
    lots.draw(by - drawn);
    balance -= by - drawn + lots.reach(next);
    [drawn, time] = [by, next];
    show(next);
  }
  return { points, depletedAt: null };
};

/** The lots of a wallet while they are drawn ahead. Each is looked at a few times, however many there are. */
class LotsAhead {
  private readonly lots: readonly Ahead[];
  private readonly changing = new Map<Instant, Ahead[]>();
  /** No lot before this place has anything to draw. */
  private first = 0;
  /** Σ of what whatever is charged can draw, of the lots that have begun. */
  pool = 0n;

  constructor(wallet: WalletFigures, now: Instant) {
    this.lots = wallet.live
      .filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
      .map((lot, place): Ahead => {
        const hasBegun = lot.effectiveAt <= now;
        return {
          ...{ place, hasBegun, expiresAt: lot.expiresAt, from: hasBegun ? null : lot.effectiveAt },
          forAny: drawableByAny(lot, hasBegun ? now : lot.effectiveAt),
          free: lot.remaining - lot.held,
        };
      });
    for (const lot of this.lots) {
      if (lot.hasBegun) this.pool += lot.forAny;
      for (const at of [lot.from, lot.expiresAt]) {
        if (at === null) continue;
        const others = this.changing.get(at);
        if (others === undefined) this.changing.set(at, [lot]);
        else others.push(lot);
      }
    }
  }

  /** Instants after `now` at which the line may bend, and the midnights that are shown; each once, in order. */
  bends(now: Instant): Instant[] {
    const midnights = Array.from({ length: DAYS_AHEAD }, (_, n) => shift(endOfDay(now), BigInt(n) * DAY_MICROS));
    return [...new Set([...midnights, ...this.changing.keys()])].filter((at) => at > now).sort();
  }

  /** Draws in the lots' order, at most the pool. */
  draw(amount: bigint): void {
    let rest = amount;
    for (let place = this.first; rest > 0n; place++) {
      const lot = this.lots[place];
      if (lot === undefined) return;
      if (!lot.hasBegun || lot.forAny === 0n) {
        if (place === this.first) this.first++;
        continue;
      }
      const part = lot.forAny < rest ? lot.forAny : rest;
      lot.forAny -= part;
      lot.free -= part;
      this.pool -= part;
      rest -= part;
    }
  }

  /** Begins and ends what does so then; gives what the latter had left, less what is held. */
  reach(at: Instant): bigint {
    let expired = 0n;
    for (const lot of this.changing.get(at) ?? []) {
      if (lot.from === at) {
        lot.hasBegun = true;
        this.pool += lot.forAny;
        if (lot.place < this.first) this.first = lot.place;
      }
      if (lot.expiresAt === at) {
        expired += lot.free;
        // One that ends before it begins was never in the pool.
        if (lot.hasBegun) this.pool -= lot.forAny;
        [lot.free, lot.forAny] = [0n, 0n];
      }
    }
    return expired;
  }
}
