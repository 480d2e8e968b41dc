import { type Log, StoreUnavailable } from '@drawdown/ports';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { type AppendSuccess, BatchStream, type SentAppend } from './batch-stream';
import { closeChannel, newClient } from './client';
import { AppendRefused } from './failures';

/** Appends that are sent and not answered, of 1 MiB at most: what waits in memory for a server that hangs. */
const UNANSWERED_MAX = 15;

/**
 * Appends in a row that were not sent, or whose outcome is unknown, after which the client object is replaced: it can keep a failure for good, and
 * a node that lost its cluster refuses each in band (not ready, no leader, timed out) over a call that stays open.
 */
const FAILURES_MAX = 3;

/** Replacements are at least this far apart: where the server is gone, no client object helps. */
const REPLACE_PAUSE_MS = 2_000;

/** One client object, until it is replaced, and its one call. */
class Generation {
  private readonly client: EventStoreDBClient;
  private stream: Promise<BatchStream> | undefined;

  constructor(url: string) {
    this.client = newClient(url);
  }

  /** The call, opened where there is none; a call that is over is followed by a new one, perhaps to another node. */
  async open(): Promise<BatchStream> {
    const opening = (this.stream ??= BatchStream.open(this.client));
    try {
      const stream = await opening;
      if (!stream.isOver) return stream;
    } catch (error) {
      this.forget(opening);
      throw error;
    }
    this.forget(opening);
    return this.open();
  }

  private forget(stream: Promise<BatchStream>): void {
    if (this.stream === stream) this.stream = undefined;
  }

  /** Ends it now; what waits is rejected. */
  end(): void {
    this.stream?.then(
      (stream) => stream.end('the client was replaced'),
      () => undefined, // it was never open
    );
    closeChannel(this.client);
  }
}

const shared = new Map<string, AppendClient>();

/** What appends to a server: one client object, with one call, for all stores of this process on it. */
export class AppendClient {
  private generation: Generation | undefined;
  private readonly queue: (() => void)[] = [];
  private unanswered = 0;
  private users = 0;
  private failures = 0;
  private replacedAt = -Infinity;

  private constructor(
    private readonly url: string,
    private readonly log: Log,
  ) {}

  static of(url: string, log: Log): AppendClient {
    const client = shared.get(url) ?? new AppendClient(url, log);
    shared.set(url, client);
    client.users += 1;
    return client;
  }

  /** To be called by each user; the last one ends it. */
  release(): void {
    this.users -= 1;
    if (this.users > 0) return;
    shared.delete(this.url);
    this.generation?.end();
  }

  /** Rejects as {@link BatchStream.append} does, with `StoreUnavailable` where it was not sent. */
  async append(append: SentAppend, timeoutMs: number): Promise<AppendSuccess> {
    const until = performance.now() + timeoutMs;
    await this.slot(until);
    try {
      const stream = await inTime((this.generation ??= new Generation(this.url)).open(), until);
      const success = await stream.append(append, Math.max(until - performance.now(), 1));
      this.failures = 0;
      return success;
    } catch (error) {
      this.failed(error);
      throw error;
    } finally {
      this.unanswered -= 1;
      this.queue.shift()?.();
    }
  }

  /** Waits until there is room, and takes it. */
  private async slot(until: number): Promise<void> {
    while (this.unanswered >= UNANSWERED_MAX) await this.room(until);
    this.unanswered += 1;
  }

  private async room(until: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.queue.push(resolve);
      const late = (): void => {
        this.queue.splice(this.queue.indexOf(resolve), 1);
        reject(new StoreUnavailable(`not sent: ${String(UNANSWERED_MAX)} appends before it have no answer`));
      };
      timer = setTimeout(late, until - performance.now());
    }).finally(() => clearTimeout(timer));
  }

  /** The watch-dog. */
  private failed(error: unknown): void {
    if (error instanceof AppendRefused && error.failure !== 'unknown') {
      this.failures = 0;
      return;
    }
    this.failures += 1;
    const due = this.failures >= FAILURES_MAX && performance.now() - this.replacedAt >= REPLACE_PAUSE_MS;
    if (due) this.replace(String(error));
  }

  private replace(reason: string): void {
    this.log.warn({ reason }, 'appends fail again and again, not sent or of unknown outcome; the client is replaced');
    this.failures = 0;
    this.replacedAt = performance.now();
    const old = this.generation;
    this.generation = undefined;
    old?.end();
  }
}

/** Rejects with `StoreUnavailable` where opening takes too long: nothing was sent. */
const inTime = async (opening: Promise<BatchStream>, until: number): Promise<BatchStream> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const refuse = (): void => reject(new StoreUnavailable('not sent: the event store lets nobody in'));
    timer = setTimeout(refuse, Math.max(until - performance.now(), 1));
  });
  return Promise.race([opening, late]).finally(() => clearTimeout(timer));
};
