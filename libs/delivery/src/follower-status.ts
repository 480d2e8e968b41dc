import type { Log, Metrics } from '@drawdown/ports';
import { codeOf } from './models';
import type { Halt } from './off-the-log';
import { type Model, modelName } from './projector';

const STORE_AWAY = 'store_unavailable';
const DATABASE_AWAY = 'database_unavailable';

export interface FollowerHealth {
  readonly projector: string;
  readonly model: string;
  readonly shard: number;
  readonly stream: string;
  /** Last revision whose rows are committed. */
  readonly revision: number;
  /** `halted`: stopped for good at an event; `failing`: tried again and again. */
  readonly state: 'running' | 'failing' | 'halted';
  readonly reason: string | null;
  /** The event it stands before, where that is the reason. */
  readonly at: { readonly revision: number; readonly type: string | null } | null;
}

/** How one follower does, and how that is told: in its health, its metrics and its log. */
export class FollowerStatus {
  private state: FollowerHealth['state'] = 'running';
  private reason: string | null = null;
  private at: FollowerHealth['at'] = null;

  constructor(
    private readonly ports: { readonly log: Log; readonly metrics: Metrics },
    private readonly labels: { readonly projector: string },
    private readonly model: Model,
    private readonly shard: number,
  ) {}

  /** What its health says; `trouble` is what keeps its events from it while nothing is wrong with itself. */
  health(trouble: string | undefined): Pick<FollowerHealth, 'state' | 'reason' | 'at'> {
    return this.state === 'running' && trouble !== undefined
      ? { state: 'failing', reason: trouble, at: this.at }
      : { state: this.state, reason: this.reason, at: this.at };
  }

  recovered(): void {
    this.state = 'running';
    this.reason = null;
    this.at = null;
  }

  /** Something that will be tried again. Said once; the metric goes on counting. */
  fail(error: unknown, what: string, revision?: number): void {
    const { log, metrics } = this.ports;
    // A store that is away is counted as it is while its events are read: no failure of this projector.
    if (codeOf(error) === STORE_AWAY) metrics.count('projection_store_errors_total');
    else metrics.count('projection_errors_total', this.labels);
    const reason = `${what}: ${textOf(error)}`;
    if (this.state === 'running' || this.reason !== reason) {
      const fields = { model: modelName(this.model), shard: this.shard, revision, error: textOf(error) };
      if (isAway(error)) log.warn(fields, what);
      else log.error(fields, what);
    }
    this.state = 'failing';
    this.reason = reason;
    this.at = revision === undefined ? null : { revision, type: null };
  }

  /** Stands still at an event for good, loudly (INV-DEL-7). */
  halt({ revision, type, reason }: Halt): void {
    this.state = 'halted';
    this.reason = reason;
    this.at = { revision, type };
    this.ports.metrics.gauge('consumer_halted', 1, { ...this.labels, shard: String(this.shard) });
    this.ports.log.error({ model: modelName(this.model), shard: this.shard, revision, type }, reason);
  }
}

/** Something is away that will be back; nothing is wrong with the events. */
export const isAway = (error: unknown): boolean => codeOf(error) === DATABASE_AWAY || codeOf(error) === STORE_AWAY;

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
