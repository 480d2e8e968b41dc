import { setTimeout as sleep } from 'node:timers/promises';
import { ApiProblem, Unreachable } from './client';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** The time to retry is over; `cause` is the last failure. The request may be repeated later. */
export class GaveUp extends Error {
  constructor(retriedMs: number, cause: Error) {
    super(`${cause.message} (tried for ${String(Math.round(retriedMs / 1000))} s)`, { cause });
    this.name = 'GaveUp';
  }
}

/** True for what may pass: no connection, too many requests, a server that is starting, stopping or in trouble. */
const mayPass = (error: unknown): error is ApiProblem | Unreachable =>
  error instanceof Unreachable ||
  (error instanceof ApiProblem && (error.status === 408 || error.status === 429 || error.status >= 500));

/**
 * Runs an idempotent request until it succeeds or is refused for good; {@link GaveUp} once failures have gone on for
 * `retryForMs`. Pauses double, with jitter, and are never shorter than what the server asks for.
 */
export const retrying = async <T>(run: () => Promise<T>, retryForMs: number, signal: AbortSignal): Promise<T> => {
  const firstFailure: { at?: number } = {};
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await run();
    } catch (error) {
      if (!mayPass(error)) throw error;
      firstFailure.at ??= performance.now();
      const failingMs = performance.now() - firstFailure.at;
      const asked = error instanceof ApiProblem ? (error.retryAfterMs ?? 0) : 0;
      const waitMs = Math.max(pauseMs * (0.5 + Math.random() / 2), asked);
      if (failingMs + waitMs > retryForMs) throw new GaveUp(failingMs, error);
      await sleep(waitMs, undefined, { signal });
    }
  }
};
