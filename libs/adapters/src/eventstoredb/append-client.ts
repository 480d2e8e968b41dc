import { type Log, type NewEvent, StoreUnavailable } from '@drawdown/ports';
import { type AppendResult, EventStoreDBClient, NO_STREAM } from '@eventstore/db-client';
import { appendFailure, isAnswer } from './failures';
import { eventData } from './stored-events';

/** The client sets no timer of its own; the server gives up after 2 s (WriteTimeoutMs), and has its deadline as below. */
export const APPEND_TIMEOUT_MS = 5_000;

/**
 * Sent as a point in time of our clock. Longer than the timer above, so that a clock that is behind by less than 5 s does
 * no harm.
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
  constructor() {
    super(`no answer within ${String(APPEND_TIMEOUT_MS)} ms`);
  }
}

/** One client object, until it is replaced. */
class Generation {
  readonly client: EventStoreDBClient;
  unanswered = 0;

  constructor(url: string) {
    this.client = EventStoreDBClient.connectionString(url);
  }

  /**
   * Ends it: its appends are rejected, and its stream's late answers reach nobody. Without that an answer to an append
   * which is forgotten already would throw where nobody catches it.
   */
  async end(): Promise<void> {
    for (const stream of this.client['disposableStreams']) stream.removeAllListeners('data');
    await this.client.dispose();
    await closeChannel(this.client);
  }
}

/** `dispose()` leaves the connection open. */
export const closeChannel = async (client: EventStoreDBClient): Promise<void> => {
  const channel = await client['getChannel']().catch(() => undefined); // no server was found: there is nothing to close
  channel?.close();
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
  private replacing: Promise<void> | undefined;

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
  async release(): Promise<void> {
    this.users -= 1;
    if (this.users > 0) return;
    shared.delete(this.url);
    await this.replacing;
    await this.generation?.end();
  }

  /** Rejects as the client does ({@link appendFailure}), with {@link NoAnswer}, or with StoreUnavailable where it was not sent. */
  async append(append: SentAppend): Promise<AppendResult> {
    const until = performance.now() + APPEND_TIMEOUT_MS;
    const generation = await this.slot(until);
    try {
      const result = await withTimer(this.send(generation, append), until);
      this.failures = 0;
      return result;
    } catch (error) {
      this.failed(error, generation);
      throw error;
    }
  }

  private async send(generation: Generation, { name, expected, events }: SentAppend): Promise<AppendResult> {
    try {
      return await generation.client.appendToStream(name, [...events], {
        expectedRevision: expected === 0 ? NO_STREAM : BigInt(expected - 1),
        deadline: DEADLINE_MS,
      });
    } finally {
      // Not when the timer fires: until then the message may lie in the client's queue.
      generation.unanswered -= 1;
      this.queue.shift()?.();
    }
  }

  /** Waits until there is room, and takes it. */
  private async slot(until: number): Promise<Generation> {
    for (;;) {
      await this.replacing;
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
  private failed(error: unknown, generation: Generation): void {
    if (isAnswer(appendFailure(error), error)) {
      this.failures = 0;
      return;
    }
    this.failures += 1;
    const due = this.failures >= FAILURES_MAX && performance.now() - this.replacedAt >= REPLACE_PAUSE_MS;
    if (!due || generation !== this.generation) return;
    this.log.warn({ failures: this.failures, error: String(error) }, 'appends have no answer; the client is replaced');
    this.failures = 0;
    this.replacedAt = performance.now();
    this.generation = undefined;
    // The old one has ended before the new one begins: its end rejects whatever waits in the common table.
    this.replacing = generation
      .end()
      .catch((failure: unknown) => this.log.warn({ error: String(failure) }, 'the old client did not end well'))
      .finally(() => {
        this.replacing = undefined;
        for (const resume of this.queue.splice(0)) resume();
      });
  }
}

const withTimer = async <Result>(promise: Promise<Result>, until: number): Promise<Result> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer()), until - performance.now());
  });
  try {
    return await Promise.race([promise, late]); // what comes too late is heard by nobody
  } finally {
    clearTimeout(timer);
  }
};
