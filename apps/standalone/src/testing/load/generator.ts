import { setTimeout as sleep } from 'node:timers/promises';
import { type Reply, send } from '../api';
import type { Journal, Operation } from './journal';
import type { Operations } from './operations';

const PAUSE_MS = 100;

/** An answer after which it is known what happened. What others say (starting, stopping, in trouble) decides nothing. */
const isDefinite = ({ status }: Reply): boolean => status < 500 && status !== 429 && status !== 408;

/** Clients that each send one request after the other, and the same one again until they know what became of it. */
export class Generator {
  private stopped = false;
  private abandoned = false;
  private count = 0;
  private readonly clients: Promise<void>[];

  constructor(
    private readonly url: string,
    private readonly journal: Journal,
    private readonly operations: Operations,
    clients: number,
    /** Of each client, after each operation: where others share the machine. */
    private readonly restMs = 0,
  ) {
    this.clients = Array.from({ length: clients }, () => this.client());
  }

  /** Operations begun so far. */
  get begun(): number {
    return this.count;
  }

  /** No new operations; resolves once those under way have their answer. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
  }

  /** For a test that failed: gives up at once, whatever is open. */
  async abandon(): Promise<void> {
    this.abandoned = true;
    await this.stop();
  }

  private async client(): Promise<void> {
    while (!this.stopped) {
      const operation = this.operations.next(++this.count);
      const reply = await this.until(operation);
      if (reply !== null) this.operations.learn(operation, reply);
      if (this.restMs > 0) await sleep(this.restMs);
    }
  }

  /** The first definite answer; null where the operation was abandoned. */
  private async until(operation: Operation): Promise<Reply | null> {
    while (!this.abandoned) {
      this.journal.write({ at: 'sent', operation });
      try {
        const reply = await perform(this.url, operation);
        if (isDefinite(reply)) {
          this.journal.write({ at: 'answered', n: operation.n, reply });
          return reply;
        }
        const reason = `status ${String(reply.status)} ${String(reply.body['code'])}`;
        this.journal.write({ at: 'failed', n: operation.n, reason });
      } catch (error) {
        this.journal.write({ at: 'failed', n: operation.n, reason: reasonOf(error) });
      }
      await sleep(PAUSE_MS);
    }
    return null;
  }
}

/** `fetch failed` says nothing by itself. */
const reasonOf = (error: unknown): string => {
  const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
  return cause === undefined ? String(error) : `${String(error)}: ${cause.code ?? cause.message ?? 'no reason'}`;
};

export const perform = (url: string, { path, body, key }: Operation): Promise<Reply> =>
  send(url + path, 'POST', body, key === null ? {} : { 'idempotency-key': key });
