import { DatabaseUnavailable, NO_LOG, NO_METRICS, type ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import timers from 'node:timers/promises';
import { Feed } from './feed';
import { Follower } from './follower';
import { PROMPT } from './freshness';
import type { Projector } from './projector';
import { type Counted, decode, STREAM } from './testing/counting';

/** From the catalogue of faults: so long after the database all is well again. Half of it is for what is to be caught up. */
const NOTICED_MAX_MS = 10_000 / 2;
/** Of a database that nobody is to flood either. */
const PAUSE_MIN_MS = 20;

test('FLT-40: a database that was away for long is asked again within 5 s, however often it was asked before, and is not flooded', async () => {
  const pauses: number[] = [];
  const sleep = jest.spyOn(timers, 'setTimeout').mockImplementation(async (ms, value) => {
    pauses.push(ms ?? 0);
    await new Promise((resolve) => setImmediate(resolve));
    return value as never;
  });
  const away = (): Promise<never> => Promise.reject(new DatabaseUnavailable('it is away'));
  const database: ReadDatabase = { query: away, transaction: away, run: away, close: async () => undefined };
  const ports = { log: NO_LOG, metrics: NO_METRICS };
  const stopping = new AbortController();
  const source = { ...ports, store: inMemoryEventStore(), stream: STREAM, weigh: () => 1 };
  const projector: Projector<unknown, Counted> = {
    ...{ name: 'away', version: 1, freshness: PROMPT, tableNames: [], tables: () => [], begin: () => null },
    ...{ apply: () => undefined, save: async () => undefined },
  };
  const follower = new Follower(
    { ...ports, database },
    projector,
    { projector: 'away', version: 1, generation: 1, state: 'serving' },
    0,
    new Feed({ ...source, decode: (stored) => decode(0, stored) }, stopping.signal),
    { events: 1, weight: 1 },
    { progressed: () => undefined, halted: () => undefined, gone: () => undefined },
  );
  follower.start();
  while (pauses.length < 50) await new Promise((resolve) => setImmediate(resolve));
  await follower.stop();
  stopping.abort();
  sleep.mockRestore();
  expect(Math.max(...pauses)).toBeLessThanOrEqual(NOTICED_MAX_MS);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(PAUSE_MIN_MS);
});
