import { DecisionFailed, LedgerUnavailable } from '@drawdown/commands';
import { setTimeout as pause } from 'node:timers/promises';

export interface LaneLimits {
  /** Records that wait; what comes on top is given up at once. */
  readonly waiting: number;
  /** Records under way at once while the ledger takes them. */
  readonly atOnce: number;
  /** For how long a record is tried. */
  readonly tryForMs: number;
  /** Pause after a try that failed; twice as long after each further one, up to the other. */
  readonly retryMs: number;
  readonly retryMostMs: number;
}

export interface LaneRecord {
  /** Writes it; `again` says that it may be there already. */
  readonly write: (again: boolean) => Promise<void>;
  /** It is given up. Nothing more is done about it. */
  readonly lost: (why: string) => void;
}

interface Waiting extends LaneRecord {
  readonly until: number;
  readonly settle: () => void;
  tries: number;
}

/**
 * Records of one shard on their way into its log. While the ledger does not take them one at a time is tried, ever more
 * seldom: each try that fails costs everybody who reads from that shard.
 */
export class RecordLane {
  private readonly queue: Waiting[] = [];
  private readonly running = new Set<Waiting>();
  private readonly open = new Set<Promise<void>>();
  /** Rests on end. */
  private failures = 0;
  private rest: AbortController | null = null;

  constructor(
    private readonly limits: LaneLimits,
    private readonly stop: AbortSignal,
  ) {}

  /** Resolves once it was kept or given up. */
  add(record: LaneRecord): Promise<void> {
    const settled = new Promise<void>((settle) => {
      const waiting = { ...record, settle, until: performance.now() + this.limits.tryForMs, tries: 0 };
      if (this.queue.length >= this.limits.waiting) this.giveUp(waiting, 'too many wait');
      else this.queue.push(waiting);
      this.pump();
    });
    this.open.add(settled);
    return settled.finally(() => this.open.delete(settled));
  }

  /** Resolves once all that was added by now was kept or given up. */
  async idle(): Promise<void> {
    await Promise.all(this.open);
  }

  /** Nothing is tried any more: gives up what waits, and what is under way and not kept by then. */
  abandon(): void {
    for (const waiting of [...this.queue.splice(0), ...this.running]) this.giveUp(waiting, 'the process ends');
    this.running.clear();
  }

  private pump(): void {
    const width = this.failures === 0 ? this.limits.atOnce : 1;
    while (this.rest === null && this.running.size < width) {
      const next = this.queue.shift();
      if (next === undefined) return;
      this.running.add(next);
      this.try(next).catch((error: unknown) => this.giveUp(next, String(error)));
    }
  }

  private async try(waiting: Waiting): Promise<void> {
    const failure = await failureOf(() => waiting.write((waiting.tries += 1) > 1));
    if (!this.running.delete(waiting)) return; // abandoned meanwhile
    if (failure === null) {
      this.failures = 0;
      this.rest?.abort();
      waiting.settle();
    } else if (!(failure instanceof LedgerUnavailable) || failure instanceof DecisionFailed) {
      this.giveUp(waiting, failure.message);
    } else {
      // Behind the others: it may be this one alone that is not taken.
      if (!this.stop.aborted && performance.now() < waiting.until) this.queue.push(waiting);
      else this.giveUp(waiting, failure.message);
      this.beginRest();
    }
    this.pump();
  }

  /** However many fail at once, it is one failure. */
  private beginRest(): void {
    if (this.rest !== null) return;
    const { retryMs, retryMostMs } = this.limits;
    const ms = Math.min(retryMs * 2 ** this.failures, retryMostMs);
    this.failures += 1;
    this.rest = new AbortController();
    const over = (): void => {
      this.rest = null;
      this.giveUpLate();
      this.pump();
    };
    const signal = AbortSignal.any([this.stop, this.rest.signal]);
    pause(ms, undefined, { ref: false, signal }).then(over, over);
  }

  private giveUpLate(): void {
    const now = performance.now();
    for (const waiting of this.queue.filter(({ until }) => until < now)) {
      this.queue.splice(this.queue.indexOf(waiting), 1);
      this.giveUp(waiting, 'the ledger was away for too long');
    }
  }

  private giveUp({ settle, lost }: Waiting, why: string): void {
    lost(why);
    settle();
  }
}

const failureOf = async (write: () => Promise<void>): Promise<Error | null> => {
  try {
    await write();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
};
