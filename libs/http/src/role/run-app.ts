import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { outliveReaders, say } from '../server/log-output';

/** Failures that say what to do next; a stack would only hide it. */
const EXPECTED: ReadonlySet<unknown> = new Set([
  'bad_settings',
  'cannot_listen',
  'database_too_new',
  'event_store_unfit',
  'log_damaged',
  'partition_count_differs',
  'shard_count_differs',
  'store_unavailable',
  'stream_unavailable',
  'topics_of_another_store',
  'unreadable_event',
]);

/** A process that listens, and may still be waiting for what it needs. */
export interface StartedApp {
  readonly app: NestFastifyApplication;
  /** Resolves when it has all, or was stopped before; rejects where something does not fit. */
  readonly opened: Promise<void>;
  /** Rejects where something does not fit any more. */
  readonly failed?: Promise<never>;
}

/**
 * Runs a process of its own until it is asked to stop, with exit code 0 at the end; `said` is printed once it listens.
 * What does not fit ends it with exit code 1, before or after that.
 */
export const runApp = (
  name: string,
  start: () => Promise<NestFastifyApplication | StartedApp>,
  said: (app: NestFastifyApplication) => Promise<string>,
): void => {
  outliveReaders();
  let what = 'cannot start';
  const run = async (): Promise<void> => {
    const started = await start();
    const app = 'opened' in started ? started.app : started;
    app.enableShutdownHooks([], { useProcessExit: true });
    await say(await said(app)); // whether or not anybody listens
    if (!('opened' in started)) return;
    await started.opened;
    what = 'cannot go on';
    await started.failed;
  };
  run().catch((error: unknown) => {
    process.stderr.write(`drawdown ${name} ${what}: ${textOf(error)}\n`);
    // Threads and connections that are still open would keep the process alive.
    process.exit(1);
  });
};

const textOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const isExpected = 'code' in error && EXPECTED.has(error.code);
  return isExpected ? error.message : (error.stack ?? error.message);
};
