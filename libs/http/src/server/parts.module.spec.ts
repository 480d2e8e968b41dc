import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { PartsModule, type RunningParts } from './parts.module';

const LIMIT_MS = 10_000;

const done = async (): Promise<void> => undefined;
const never = (): Promise<void> => new Promise(() => undefined);

const failed = (error: unknown): void => void exits.push(error);

let exits: unknown[];
let said: unknown[];
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
  [exits, said] = [[], []];
  jest.spyOn(process, 'exit').mockImplementation(((code: unknown) => exits.push(code)) as typeof process.exit);
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const opened = (running: RunningParts) =>
  NestFactory.createApplicationContext(PartsModule.of(running, { error: (fields: unknown) => said.push(fields) }), {
    logger: false,
    abortOnError: false,
  });

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
