import type { Duplex } from 'node:stream';
import { type Log, type NewEvent, StoreUnavailable } from '@drawdown/ports';
import { type AppendExpectedRevision, type AppendResult, EventStoreDBClient, NO_STREAM } from '@eventstore/db-client';
import { appendFailure, isAnswer } from './failures';
import { eventData } from './stored-events';

/**
 * Sent as a point in time of our clock. Longer than the timer for an append, so that a clock that is behind by less
 * than 5 s does no harm.
 */
const DEADLINE_MS = 10_000;

/**
 * Appends that are sent and not answered. The client's queue for a stream that takes no more (16 messages wait in it)
 * rejects a promise that nobody holds when the stream fails, which would end the process: so it must never fill.
 */
const UNANSWERED_MAX = 15;

/** Appends in a row without an answer after which the client object is replaced: it can keep a failure for good. */
const FAILURES_MAX = 3;

/** Replacements are at least this far apart: where the server is gone, no client object helps. */
const REPLACE_PAUSE_MS = 2_000;

/** An append as it goes to the server. */
export interface SentAppend {
  readonly name: string;
  readonly expected: number;
  readonly events: readonly ReturnType<typeof eventData>[];
}

export const sentAppend = (name: string, expected: number, events: readonly NewEvent[]): SentAppend => {
  return { name, expected, events: events.map(eventData) };
};

/** The append has no answer, and never will have one here. */
export class NoAnswer extends Error {
  constructor(ms: number) {
    super(`no answer within ${String(ms)} ms`);
  }
}

/** One client object, until it is replaced. */
class Generation {
  readonly client: EventStoreDBClient;
  unanswered = 0;

  constructor(url: string) {
    this.client = EventStoreDBClient.connectionString(url);
  }

  /** The server has ended the stream politely. The client does not notice and would go on writing into it. */
  get isDeaf(): boolean {
    return this.streams.some((stream) => stream.readableEnded);
  }

  /**
   * Ends it now: what waits is rejected, and nothing that comes later reaches the table where the next one's appends wait.
   * Not by `dispose()`, which rejects some time later, waits for ever for a stream that the server has ended, and leaves
   * the connection open.
   */
  end(): void {
    for (const stream of this.streams) {
      stream.emit('error', new Error('the client was replaced'));
      stream.removeAllListeners();
      stream.on('error', () => undefined); // that of the cancellation
      stream.cancel?.();
    }
    closeChannel(this.client);
  }

  /** The calls that the client object has open: one batch stream. Private to it, but there is no other way to them. */
  private get streams(): readonly OpenCall[] {
    return [...(this.client['disposableStreams'] as unknown as ReadonlySet<OpenCall>)];
  }
}

interface OpenCall extends Duplex {
  cancel?(): void;
}

/** The connection, which `dispose()` leaves open. */
export const closeChannel = (client: EventStoreDBClient): void => {
  client['getChannel']().then(
    (channel) => channel.close(),
    () => undefined, // no server was found: there is nothing to close
  );
};

const shared = new Map<string, AppendClient>();

/**
 * The one client object of this process that appends to a server. There must be only one: appends of all client objects
 * wait in one table of the client's module, and the failure of any stream rejects them all.
 */
export class AppendClient {
  private generation: Generation | undefined;
  private readonly queue: (() => void)[] = [];
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

  /** Rejects as the client does ({@link appendFailure}), with {@link NoAnswer}, or with StoreUnavailable where it was not sent. */
  async append(append: SentAppend, timeoutMs: number): Promise<AppendResult> {
    const until = performance.now() + timeoutMs;
    try {
      const generation = await this.slot(until);
      const result = await withTimer(this.send(generation, append), until, timeoutMs);
      this.failures = 0;
      return result;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  /** No `async`: an append that is never answered would keep its events in memory with this function's frame. */
  private send(generation: Generation, { name, expected, events }: SentAppend): Promise<AppendResult> {
    const expectedRevision: AppendExpectedRevision = expected === 0 ? NO_STREAM : BigInt(expected - 1);
    const options = { expectedRevision, deadline: DEADLINE_MS };
    return generation.client.appendToStream(name, [...events], options).finally(() => {
      // Not when the timer fires: until it settles, the message may lie in the client's queue.
      generation.unanswered -= 1;
      this.queue.shift()?.();
    });
  }

  /** Waits until there is room, and takes it. */
  private async slot(until: number): Promise<Generation> {
    for (;;) {
      if (this.generation?.isDeaf === true) this.replace('the server has ended the stream');
      const generation = (this.generation ??= new Generation(this.url));
      if (generation.unanswered < UNANSWERED_MAX) {
        generation.unanswered += 1;
        return generation;
      }
      await this.room(until);
    }
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
    if (isAnswer(appendFailure(error), error)) {
      this.failures = 0;
      return;
    }
    this.failures += 1;
    const deaf = this.generation?.isDeaf === true;
    const due = this.failures >= FAILURES_MAX && performance.now() - this.replacedAt >= REPLACE_PAUSE_MS;
    if (deaf || due) this.replace(String(error));
  }

  private replace(reason: string): void {
    this.log.warn({ reason }, 'appends have no answer; the client is replaced');
    this.failures = 0;
    this.replacedAt = performance.now();
    const old = this.generation;
    this.generation = undefined;
    old?.end();
    for (const resume of this.queue.splice(0)) resume();
  }
}

const withTimer = async <Result>(promise: Promise<Result>, until: number, timeoutMs: number): Promise<Result> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(timeoutMs)), until - performance.now());
  });
  try {
    return await Promise.race([promise, late]); // what comes too late is heard by nobody
  } finally {
    clearTimeout(timer);
  }
};
