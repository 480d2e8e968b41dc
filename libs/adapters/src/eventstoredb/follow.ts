import { setMaxListeners } from 'node:events';
import {
  type Log,
  type Metrics,
  PAGE_BYTES,
  PAGE_EVENTS_MAX,
  type StoredEvent,
  StoreUnavailable,
} from '@drawdown/ports';
import type { RecordedEvent } from '@eventstore/db-client';
import { isRefusal, reason, unavailable } from './failures';
import type { Ear, Hearing } from './hearing';
import { Incoming, type Source } from './incoming';
import type { Patience } from './patience';
import type { ReadClient } from './read-client';
import type { Waker } from './waker';

/** First and longest pause before a subscription is opened again; up to half of it is chance, so that not all come at once. */
const RETRY_MS = { first: 100, longest: 2_000 };

/** Times that a revision may be missing in a row; the first may be the server's fault, the third is a hole. */
const GAPS_MAX = 3;

/** What is followed, and how far it is: the follower's own checkpoint. */
export interface Followed {
  readonly what: string;
  /** Begins after the last event that was taken. `wake` is for what the server says without an event. */
  subscribe(wake: () => void): Source;
  /** Undefined where it was taken before. Throws {@link Gap} where one before it is missing. */
  take(event: RecordedEvent): StoredEvent | undefined;
  /** Whether the store has events after those that were taken. */
  isBehind(): Promise<boolean>;
}

/** An event came, and one before it did not. */
export class Gap extends Error {
  constructor(readonly missing: StoreUnavailable) {
    super(missing.message);
  }
}

export interface FollowContext {
  readonly reads: ReadClient;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly patience: Patience;
  readonly hearing: Hearing;
  isClosed(): boolean;
}

/** Pages of what is followed; a subscription that drops, in whatever way, is opened again from the own checkpoint. */
export async function* follow(
  followed: Followed,
  context: FollowContext,
  signal: AbortSignal,
  waker: Waker,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  const drops = new Drops(followed.what, context);
  const ear = context.hearing.listen(followed.what);
  const wake = (): void => waker.wake();
  setMaxListeners(0, signal); // one signal ends many followers: Node would take the eleventh for a leak
  signal.addEventListener('abort', wake);
  try {
    while (!signal.aborted) {
      if (context.isClosed()) throw new StoreUnavailable('the event store is closed');
      const dropped = yield* untilDropped(followed, context, signal, waker, drops, ear);
      if (dropped === undefined || isAborted(signal)) continue;
      await paused(drops.pause(dropped), waker, () => signal.aborted || context.isClosed());
    }
  } finally {
    ear.close();
    signal.removeEventListener('abort', wake);
  }
}

/** Until the time is over or the follower is stopped; what the subscription before still says does not cut it short. */
const paused = async (ms: number, waker: Waker, stopped: () => boolean): Promise<void> => {
  const until = performance.now() + ms;
  for (let left = ms; left > 0 && !stopped(); left = until - performance.now()) await waker.wait(left);
};

/** One subscription. Returns why it dropped; undefined where the signal or the store ended it. */
async function* untilDropped(
  followed: Followed,
  context: FollowContext,
  signal: AbortSignal,
  waker: Waker,
  drops: Drops,
  ear: Ear,
): AsyncGenerator<readonly StoredEvent[], unknown, undefined> {
  const wake = (): void => {
    ear.heard();
    waker.wake();
  };
  const incoming = new Incoming(followed.subscribe(wake), waker);
  try {
    for (;;) {
      const arrival = await incoming.next(
        { events: PAGE_EVENTS_MAX, bytes: PAGE_BYTES },
        context.patience.silenceMs,
        () => signal.aborted || context.isClosed(),
      );
      if (incoming.confirmed) drops.reached();
      if (arrival.kind === 'stopped') return undefined;
      if (arrival.kind === 'end') return arrival.error ?? new Error('the server ended the subscription');
      if (arrival.kind === 'silence' && (await isBehind(followed, context.patience.askMs)))
        return new Error('silent, though there are events, or nobody says whether there are');
      ear.heard();
      if (arrival.kind !== 'events') continue;
      const page: StoredEvent[] = [];
      let repeated = 0;
      for (const event of arrival.events) {
        const stored = followed.take(event);
        if (stored === undefined) repeated += 1;
        else page.push(stored);
      }
      if (repeated > 0) context.metrics.count('consumer_duplicates_total', { stream: followed.what }, repeated);
      if (page.length === 0) continue;
      drops.progressed();
      context.reads.succeeded();
      ear.busy();
      yield page;
      ear.free();
    }
  } catch (error) {
    return error;
  } finally {
    incoming.close();
  }
}

/** Whether there are events that the subscription should have brought; also where that is not answered in time. */
const isBehind = async (followed: Followed, askMs: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), askMs);
  });
  return Promise.race([followed.isBehind(), late]).finally(() => clearTimeout(timer));
};

/** The drops of one follower: how long to wait, and when to give up. */
class Drops {
  private delay = RETRY_MS.first;
  private gaps = 0;
  private reachedAt = performance.now();

  constructor(
    private readonly what: string,
    private readonly context: FollowContext,
  ) {}

  /** The server has confirmed the subscription. */
  reached(): void {
    this.reachedAt = performance.now();
  }

  /** New events came. */
  progressed(): void {
    this.delay = RETRY_MS.first;
    this.gaps = 0;
  }

  /** Milliseconds until the next try. Throws where there is no point in one. */
  pause(dropped: unknown): number {
    const { log, metrics, reads, patience } = this.context;
    if (dropped instanceof StoreUnavailable && !(dropped.cause instanceof Error)) throw dropped;
    if (isRefusal(dropped)) throw unavailable(`${this.what} cannot be followed`, dropped);
    if (dropped instanceof Gap && (this.gaps += 1) >= GAPS_MAX) throw dropped.missing;
    if (performance.now() - this.reachedAt > patience.unreachableMs)
      throw unavailable(`${this.what} cannot be followed`, dropped);
    reads.failed(dropped);
    metrics.count('resubscribes_total');
    log.warn({ what: this.what, reason: reason(dropped) }, 'a subscription dropped and is opened again');
    const { delay } = this;
    this.delay = Math.min(delay * 2, RETRY_MS.longest);
    return delay / 2 + (delay / 2) * Math.random();
  }
}

/** The type checker believes that a signal, once seen unaborted, stays so. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;
