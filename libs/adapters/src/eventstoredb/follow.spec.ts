import { NO_LOG, NO_METRICS } from '@drawdown/ports';
import { follow, type FollowContext, type Followed } from './follow';
import { Hearing } from './hearing';
import type { Source } from './incoming';
import { PATIENCE } from './patience';
import type { ReadClient } from './read-client';
import { Waker } from './waker';

/** What a server may take to be noticed as silent, in milliseconds (FLT-26). */
const SILENT_MAX_MS = 15_000;

/** Nobody waits: how long it would have been is noted, and is over. */
class NotedWaits extends Waker {
  readonly waits: number[] = [];

  constructor(private readonly over: (waits: readonly number[]) => void) {
    super();
  }
  override async wait(ms: number): Promise<boolean> {
    this.waits.push(ms);
    this.over(this.waits);
    return false;
  }
}

const quiet: Source = { on: () => undefined, read: () => null, destroy: () => undefined };

/** Follows until `isOver` says so of its waits, with the patience that the product has. */
const followed = async (
  { subscribe = () => quiet, isBehind = async () => false }: Partial<Followed>,
  isOver: (waits: readonly number[]) => boolean,
): Promise<readonly number[]> => {
  const stopping = new AbortController();
  const waker = new NotedWaits((waits) => {
    if (isOver(waits)) stopping.abort();
  });
  const context: FollowContext = {
    ...{ log: NO_LOG, metrics: NO_METRICS, patience: PATIENCE, isClosed: () => false },
    hearing: new Hearing(NO_METRICS, PATIENCE.silenceMs),
    reads: { failed: () => undefined, succeeded: () => undefined } as unknown as ReadClient,
  };
  const what: Followed = { what: 's', subscribe, isBehind, take: () => undefined };
  for await (const page of follow(what, context, stopping.signal, waker)) expect(page).toEqual([]);
  return waker.waits;
};

test('FLT-28: of many whose subscriptions end at once each comes back at a time of its own, after 50 to 100 ms', async () => {
  const subscribe = (): Source => ({
    ...quiet,
    on: (event, listener) => {
      if (event === 'end') listener();
    },
  });
  const all = await Promise.all(Array.from({ length: 10 }, () => followed({ subscribe }, () => true)));
  const pauses = all.map(([first = NaN]) => first);
  expect(new Set(pauses).size).toBe(pauses.length);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(50);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(100);
});

test('FLT-26: a subscription that says nothing is looked into within 15 s, and opened again where there is something to say', async () => {
  const subscribe = jest.fn(() => quiet);
  const isBehind = jest.fn(async () => true);
  const waits = await followed({ subscribe, isBehind }, () => subscribe.mock.calls.length > 1);
  expect(isBehind.mock.calls.length).toBeGreaterThan(0);
  expect(waits[0]).toBeLessThanOrEqual(SILENT_MAX_MS);
  // And not all the time: one that has nothing to say is asked no oftener.
  expect(waits[0]).toBeGreaterThanOrEqual(SILENT_MAX_MS / 3);
});

test('FLT-26: a server that does not say either whether there is something is found silent within 15 s', async () => {
  jest.useFakeTimers({ doNotFake: ['performance', 'nextTick', 'queueMicrotask'] });
  try {
    const subscribe = jest.fn(() => quiet);
    const isBehind = jest.fn(() => new Promise<boolean>(() => undefined));
    const over = followed({ subscribe, isBehind }, () => subscribe.mock.calls.length > 1);
    for (let n = 0; n < 30; n++) await jest.advanceTimersByTimeAsync(PATIENCE.askMs / 10);
    const [silence = NaN] = await over;
    expect(silence + PATIENCE.askMs).toBeLessThanOrEqual(SILENT_MAX_MS);
  } finally {
    jest.useRealTimers();
  }
});
