import { setTimeout as pause } from 'node:timers/promises';
import { type Instant, microsBetween, shift } from '@drawdown/kernel';
import type { Clock, Log, Metrics, Sql } from '@drawdown/ports';

/** Further apart one of two clocks is wrong: machines that are kept in time differ by some tens of milliseconds (FLT-70). */
const APART_MAX_MICROS = 500_000n;
/** How often it is looked by itself; alerts wait for a minute. */
const EVERY_MS = 2_000;
/** Whoever asks waits no longer for a database that is slow. */
const ANSWER_MAX_MS = 1_000;

export interface ClockWatchPorts {
  readonly clock: Clock;
  /** Whose clock is compared: all processes that watch have the same, so that they are compared with each other, too. */
  readonly database: Sql;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Milliseconds that nobody can set. */
  readonly monotonicMs?: () => number;
}

/** The clock at a moment that nobody can set. */
interface Seen {
  readonly at: Instant;
  readonly monotonicMs: number;
}

/**
 * Compares this process's clock with the database's, until it is stopped, and reports `clock_skew_seconds`. Only what is
 * certain counts: the database's time has to lie outside of the asking. A database that is away says nothing new.
 */
export class ClockWatch {
  private found: string | null = null;
  /** When both clocks were last found to agree. */
  private agreed: Seen | null = null;
  private looking: Promise<void> | null = null;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly ports: ClockWatchPorts) {
    const look = (): void => void this.look().catch(() => undefined); // away: who needs it says so
    look();
    this.timer = setInterval(look, EVERY_MS).unref();
  }

  /** What is wrong with the clock, as it was found last; null where nothing is. */
  get trouble(): string | null {
    return this.found;
  }

  /**
   * Looks now. Where the database does not answer within a second, what was found last holds, unless the clock was set
   * since: what is settled by a wrong clock stays settled.
   */
  readonly isRight = async (): Promise<boolean> => {
    const done = new AbortController();
    const late = pause(ANSWER_MAX_MS, undefined, { signal: done.signal, ref: false });
    await Promise.race([this.lookAnew(), late])
      .catch(() => undefined) // away
      .finally(() => done.abort());
    late.catch(() => undefined); // aborted
    return this.found === null && !this.wasSet();
  };

  private get monotonicMs(): number {
    return (this.ports.monotonicMs ?? (() => performance.now()))();
  }

  /** What the clock shows now if nobody has set it since. */
  private since({ at, monotonicMs }: Seen): Instant {
    return shift(at, BigInt(Math.round((this.monotonicMs - monotonicMs) * 1_000)));
  }

  private wasSet(): boolean {
    if (this.agreed === null) return false;
    const expected = this.since(this.agreed);
    return outside(this.ports.clock.now(), expected, expected) > APART_MAX_MICROS;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** What is being asked already may have been begun before the clock was set. */
  private async lookAnew(): Promise<void> {
    await this.looking?.catch(() => undefined); // away
    await this.look();
  }

  private look(): Promise<void> {
    this.looking ??= this.compare().finally(() => (this.looking = null));
    return this.looking;
  }

  private async compare(): Promise<void> {
    const { clock, database, metrics, log } = this.ports;
    const before: Seen = { at: clock.now(), monotonicMs: this.monotonicMs };
    const [row] = await database.query<{ now: Instant }>('SELECT clock_timestamp() AS now');
    if (row === undefined) return;
    const apart = outside(row.now, before.at, this.since(before));
    metrics.gauge('clock_skew_seconds', Number(apart) / 1e6);
    const wrong = apart > APART_MAX_MICROS;
    if (!wrong) this.agreed = before;
    if (wrong && this.found === null) log.error({ apart_us: String(apart) }, 'the clock differs from the database’s');
    if (!wrong && this.found !== null) log.info({}, 'the clock agrees with the database’s again');
    const seconds = (Number(apart) / 1e6).toFixed(1);
    this.found = wrong ? `the clock is ${seconds} s from the database’s: set both right, then restart` : null;
  }
}

/** Microseconds from an instant to an interval; 0 within it. */
const outside = (instant: Instant, from: Instant, to: Instant): bigint => {
  if (instant < from) return microsBetween(instant, from);
  return instant > to ? microsBetween(to, instant) : 0n;
};
