import type { HttpLog } from './http-log';
import type { PrometheusMetrics } from './metrics';

/** A stop is promised within so long (FLT-09); an orchestrator kills what takes longer, and nobody would know why. */
const SHUTDOWN_MAX_MS = 10_000;

/** Exit code of a process whose stop had to be broken off. */
const BROKEN_OFF = 1;

/**
 * The limit of a shutdown: a step that hangs ends the process, and the log says which one. What was acknowledged is
 * durable whatever step is left out, as after a kill.
 */
export class Shutdown {
  private timer: NodeJS.Timeout | undefined;
  private step = '';
  private begunAt = 0;

  constructor(
    private readonly log: Pick<HttpLog, 'error' | 'info'>,
    private readonly metrics: Pick<PrometheusMetrics, 'gauge'>,
  ) {}

  /** The next step begins. The limit is for all steps together, from the first one on. */
  begin(step: string): void {
    this.step = step;
    if (this.timer !== undefined) return;
    this.begunAt = performance.now();
    // It holds the process: one that has nothing left to do but wait for the step would end as if all were well.
    this.timer = setTimeout(() => this.breakOff(), SHUTDOWN_MAX_MS);
  }

  /**
   * What was accepted is finished. The server still answers a scrape, but few come in these moments: what remains is the
   * line in the log.
   */
  drained(): void {
    const seconds = (performance.now() - this.begunAt) / 1000;
    this.metrics.gauge('shutdown_seconds', seconds);
    this.log.info({ seconds: Number(seconds.toFixed(3)) }, 'what was accepted is finished');
  }

  /** All steps are done, or have failed, which is for whoever asked for them to tell. */
  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private breakOff(): void {
    const afterMs = Math.round(performance.now() - this.begunAt);
    this.log.error(
      { step: this.step, afterMs },
      'the shutdown hangs and is broken off; what was acknowledged is stored',
    );
    process.exit(BROKEN_OFF);
  }
}
