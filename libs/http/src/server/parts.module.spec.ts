import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { PartsModule, type RunningParts } from './parts.module';

const LIMIT_MS = 10_000;

const done = async (): Promise<void> => undefined;
const never = (): Promise<void> => new Promise(() => undefined);

const failed = (error: unknown): void => void exits.push(error);

let exits: unknown[];
let said: unknown[];
let told: unknown[];
let gauges: (readonly [name: string, value: number])[];
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
  [exits, said, told, gauges] = [[], [], [], []];
  jest.spyOn(process, 'exit').mockImplementation(((code: unknown) => exits.push(code)) as typeof process.exit);
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const opened = (running: RunningParts) => {
  const log = { error: (fields: unknown) => said.push(fields), info: (fields: unknown) => told.push(fields) };
  const metrics = { gauge: (name: string, value: number) => void gauges.push([name, value]) };
  return NestFactory.createApplicationContext(PartsModule.of(running, { log, metrics }), {
    logger: false,
    abortOnError: false,
  });
};

test.each([
  ['finishing what was accepted', { drain: never, close: done }],
  ['closing what the process uses', { drain: done, close: never }],
])(
  'FLT-09: a stop that hangs while %s is broken off after 10 s with exit code 1, and the log names it',
  async (step, running) => {
    const app = await opened(running);
    app.close().catch(failed);
    await jest.advanceTimersByTimeAsync(LIMIT_MS - 1);
    expect(exits).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(exits).toEqual([1]);
    expect(said).toMatchObject([{ step }]);
  },
);

test('the limit is for all steps together', async () => {
  const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0.6 * LIMIT_MS));
  const app = await opened({ drain: later, close: later });
  app.close().catch(failed);
  await jest.advanceTimersByTimeAsync(LIMIT_MS);
  expect([exits, said]).toMatchObject([[1], [{ step: 'closing what the process uses' }]]);
});

test.each([
  ['is over', done],
  ['has failed', () => Promise.reject(new Error('no'))],
])('a stop that %s is broken off by nobody', async (_, drain) => {
  const app = await opened({ drain, close: done });
  await app.close().catch(() => undefined); // told to whoever asked for it
  expect(jest.getTimerCount()).toBe(0);
  expect(exits).toEqual([]);
});

test('FLT-09: how long it took to finish what was accepted is reported and logged before anything is closed', async () => {
  let isClosed = false;
  const close = async (): Promise<void> => {
    expect([gauges.length, told.length]).toEqual([1, 1]);
    isClosed = true;
  };
  const DRAIN_MS = 50;
  const drain = (): Promise<void> => {
    const end = performance.now() + DRAIN_MS;
    return (async () => {
      while (performance.now() < end) await new Promise(setImmediate);
    })();
  };
  await (await opened({ drain, close })).close();
  expect(isClosed).toBe(true);
  const [[name, seconds] = ['', 0]] = gauges;
  expect(name).toBe('shutdown_seconds');
  expect(seconds).toBeGreaterThanOrEqual(DRAIN_MS / 1000);
  expect(told).toEqual([{ seconds: Number(seconds.toFixed(3)) }]);
});

test.each([
  ['has failed', () => Promise.reject(new Error('no'))],
  ['is left to whoever comes next', () => Promise.resolve('left' as const)],
])('FLT-09: what %s is not reported as finished', async (_, drain) => {
  const app = await opened({ drain, close: done });
  await app.close().catch(() => undefined); // told to whoever asked for it
  expect([gauges, told]).toEqual([[], []]);
});
