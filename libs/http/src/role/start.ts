import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpLog } from '../server/http-log';
import type { PrometheusMetrics } from '../server/metrics';
import type { Readiness } from '../server/readiness';

/** Pauses before a server that is away is asked again. */
const AGAIN_FIRST_MS = 100;
const AGAIN_LONGEST_MS = 2_000;

/** Failures that pass by themselves: a server is away. Everything else does not fit, and ends the process. */
const ABSENCES: ReadonlySet<unknown> = new Set([
  'append_unknown',
  'database_unavailable',
  'store_unavailable',
  'stream_unavailable',
  'unavailable',
]);

/** The process was asked to stop while it waited for a server. */
export class StoppedBefore extends Error {
  readonly code = 'stopped_before';
}

export interface StartPorts {
  readonly log: HttpLog;
  readonly metrics: PrometheusMetrics;
  readonly readiness: Readiness;
}

/** The start of a process, which waits for the servers that it needs and says at /readyz for which. */
export class Start {
  private readonly stopping = new AbortController();
  private reason: string | null = 'it is starting';

  constructor(private readonly ports: StartPorts) {
    ports.readiness.register('start', () => this.reason);
  }

  get isOver(): boolean {
    return this.reason === null;
  }

  get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  /**
   * What a server answers, however long it takes to be there. `dependency` as in the metric `dependency_up`. Rejects with
   * what does not fit, and with {@link StoppedBefore}.
   */
  readonly until = async <T>(dependency: string, ask: () => Promise<T>): Promise<T> => {
    const { signal } = this.stopping;
    this.reason = `waits for ${dependency}`;
    for (let ms = AGAIN_FIRST_MS; ; ms = Math.min(2 * ms, AGAIN_LONGEST_MS)) {
      try {
        // What is asked may take its time to give up; a process that is asked to stop does not wait for that.
        const answer = await this.orStopped(ask());
        this.ports.metrics.gauge('dependency_up', 1, { dependency });
        return answer;
      } catch (error) {
        if (!isAbsence(error)) throw error;
        this.say(dependency, error);
      }
      await sleep(ms, undefined, { signal }).catch(() => undefined); // the next turn says that it was stopped
    }
  };

  /** Everything is there. */
  done(): void {
    this.reason = null;
  }

  stop(): void {
    this.stopping.abort();
  }

  /** What is answered, unless the process is asked to stop before that. Leaves nothing behind: a start may ask for days. */
  private orStopped<T>(answer: Promise<T>): Promise<T> {
    const { signal } = this.stopping;
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(new StoppedBefore('stopped before the start was over'));
      const settled = (): void => signal.removeEventListener('abort', stop);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      answer.then(resolve, reject).finally(settled);
    });
  }

  private say(dependency: string, error: unknown): void {
    const { log, metrics } = this.ports;
    metrics.gauge('dependency_up', 0, { dependency });
    const reason = `waits for ${dependency}: ${textOf(error)}`;
    if (this.reason !== reason) log.warn({ dependency, error: textOf(error) }, 'the start waits');
    this.reason = reason;
  }
}

const isAbsence = (error: unknown): boolean => error instanceof Error && 'code' in error && ABSENCES.has(error.code);

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
