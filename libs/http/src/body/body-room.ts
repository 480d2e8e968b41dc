import { Problem } from '../problems/problem';
import type { PrometheusMetrics } from '../server/metrics';

const MEGABYTE = 1024 * 1024;

export interface BodyLimits {
  /** Of bodies that are being worked on, from their parsing until the answer is made: some 70,000 usage events. */
  readonly inWork: number;
  /** Of these, of usage whose sender waits until it is charged. */
  readonly awaited: number;
  /** Of what has come of bodies that are not whole yet: from many connections at once that is memory without an end. */
  readonly coming: number;
  /** Of that, of one caller: who sends slowly takes the room for half a minute, and others need some, too. */
  readonly comingOfOne: number;
}

const LIMITS: BodyLimits = {
  inWork: 16 * MEGABYTE,
  awaited: 16 * MEGABYTE,
  coming: 128 * MEGABYTE,
  comingOfOne: 64 * MEGABYTE,
};

/**
 * Of a process that asks the owners of the shards: they have to answer within 5 s, and decide what was sent to them even
 * when nobody waits for it any more. Some 9,000 usage events.
 */
export const LIMITS_ELSEWHERE: BodyLimits = { ...LIMITS, awaited: 2 * MEGABYTE };

/**
 * How many bytes of bodies a process has in hand. What comes on top is refused before it is parsed, and unread where that
 * can be told: to parse what is refused later would take the time of what could be charged (FLT-80).
 */
export class BodyRoom {
  private inWork = 0;
  private awaited = 0;
  private coming = 0;
  private readonly comingOf = new Map<string, number>();

  constructor(
    private readonly metrics: Pick<PrometheusMetrics, 'count'>,
    private readonly limits = LIMITS,
  ) {}

  /** Throws where a body of that size would be refused if it were here. One by itself always fits. */
  check(bytes: number, isAwaited = false): void {
    const { inWork, awaited } = this.limits;
    if (this.inWork > 0 && this.inWork + bytes > inWork) throw this.refusal();
    if (isAwaited && this.awaited > 0 && this.awaited + bytes > awaited) throw this.refusal();
  }

  /**
   * A body is worked on from now on, until what is answered is called: when the answer is made, whether or not somebody
   * still waits for it. (A response says nothing of its end where the connection broke before its turn came.) Throws like
   * {@link check}.
   */
  take(bytes: number, isAwaited = false): () => void {
    this.check(bytes, isAwaited);
    const awaited = isAwaited ? bytes : 0;
    this.inWork += bytes;
    this.awaited += awaited;
    let isOver = false;
    return () => {
      if (isOver) return;
      this.inWork -= bytes;
      this.awaited -= awaited;
      isOver = true;
    };
  }

  /** So much more of a body of this caller has come. Throws where that is too much, in all or of one. */
  come(bytes: number, caller: string): void {
    const own = (this.comingOf.get(caller) ?? 0) + bytes;
    if (this.coming + bytes > this.limits.coming || own > this.limits.comingOfOne) throw this.refusal();
    this.coming += bytes;
    this.comingOf.set(caller, own);
  }

  /** What came of a body is whole, or given up. */
  settle(bytes: number, caller: string): void {
    this.coming -= bytes;
    const left = (this.comingOf.get(caller) ?? 0) - bytes;
    if (left > 0) this.comingOf.set(caller, left);
    else this.comingOf.delete(caller);
  }

  private refusal(): Problem {
    this.metrics.count('http_overloaded_total');
    return new Problem('unavailable', 'too much is being worked on here; send it again in a moment', {
      headers: { 'retry-after': '1' },
    });
  }
}
