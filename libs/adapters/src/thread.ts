import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type TransferListItem, Worker } from 'node:worker_threads';
import { asError, type Calls, type Failure, type FromThread, type ToThread } from './thread-messages';

/** Starts of one thread are at least this far apart, so that one that dies at once is no busy loop. */
const START_PAUSE_MS = 200;

type Argument<T, Name extends keyof T> = T[Name] extends (argument: infer A) => unknown ? A : never;
type Result<T, Name extends keyof T> = T[Name] extends (argument: never) => infer R ? Awaited<R> : never;

/** The thread ended before it answered. */
export class ThreadDied extends Error {
  readonly code = 'thread_died';
  constructor(
    /** False where the call never reached the thread: it surely had no effect. */
    readonly delivered: boolean,
    options?: ErrorOptions,
  ) {
    super(delivered ? 'the thread ended before it answered' : 'the thread could not be started', options);
  }
}

/** A call threw inside the thread, which goes on. `code` and `name` are those of what was thrown. */
export class ThreadFailure extends Error {
  constructor(
    message: string,
    override readonly name: string,
    readonly code: string | undefined,
    /** Where inside the thread; the stack of this error says only who called. */
    readonly threadStack: string | undefined,
  ) {
    super(message);
  }
}

/**
 * The JavaScript file of a thread, beside the module that asks: `threadFile(__dirname, 'x.thread')`. A worker cannot run
 * TypeScript, so a program that runs from sources (jest) gets the file that the build puts into dist/.
 */
export const threadFile = (folder: string, name: string): string => {
  const fromSources = path.extname(__filename) === '.ts';
  const root = path.resolve(__dirname, '../../..');
  const file = path.join(fromSources ? path.join(root, 'dist', path.relative(root, folder)) : folder, `${name}.js`);
  if (!existsSync(file)) throw new Error(`${file} is missing: run \`npm run build\``);
  return file;
};

type Waiting = { readonly resolve: (result: never) => void; readonly reject: (error: Error) => void };

export interface ThreadOptions<Tells = never> {
  /** Told of each worker once it is ready, the first one included. */
  readonly onStart?: (worker: Worker) => void;
  /** Told when the thread ended though nobody had asked it to. The next call starts another. */
  readonly onDeath?: (error: Error) => void;
  /** Told what the thread says of itself, in order, and before any answer that it gives later. */
  readonly onTold?: (message: Tells) => void;
}

/**
 * A worker thread that gets calls in the order in which they are made. It starts with the first call, and again with the
 * first call after it died; whether a call that was under way is repeated is the caller's decision.
 *
 * Nothing here terminates it from outside: libsql aborts the whole process when its thread is torn down in a statement.
 */
export class Thread<T extends Calls<T>, Told = never, Tells = never> {
  private running: Promise<Worker> | undefined;
  /** The same once it is ready. */
  private ready: Worker | undefined;
  private startedAt = -Infinity;
  private readonly waiting = new Map<number, Waiting>();
  private drained: (() => void) | undefined;
  private calls = 0;
  private under = 0;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly file: string,
    /** Given to the thread at each start. */
    private readonly data: unknown,
    private readonly options: ThreadOptions<Tells> = {},
  ) {}

  /** Rejects with {@link ThreadFailure} where the call threw, {@link ThreadDied} where the thread ended before it answered. */
  async call<Name extends keyof T & string>(
    name: Name,
    argument: Argument<T, Name>,
    transfer: readonly TransferListItem[] = [],
  ): Promise<Result<T, Name>> {
    if (this.closing !== undefined) throw new ThreadDied(false, { cause: new Error('the thread was closed') });
    this.under += 1;
    try {
      const worker = await this.started();
      const call = (this.calls += 1);
      return await new Promise<Result<T, Name>>((resolve, reject) => {
        // First, for it may throw: what cannot be cloned is the caller's bug, and was not sent.
        worker.postMessage({ call, name, argument } satisfies ToThread, transfer);
        this.waiting.set(call, { resolve, reject });
      });
    } finally {
      this.under -= 1;
      if (this.under === 0) this.drained?.();
    }
  }

  /** Says something that has no answer. A thread that does not run, or dies over it, has not heard it. */
  tell(told: Told): void {
    this.ready?.postMessage({ told } satisfies ToThread);
  }

  /** Refuses new calls, waits for those under way, lets the thread close what it holds, ends it. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    if (this.under > 0) await new Promise<void>((resolve) => (this.drained = resolve));
    if (this.running === undefined) return;
    const worker = await this.running;
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => resolve());
      worker.postMessage({ close: true } satisfies ToThread);
    });
  }

  private started(): Promise<Worker> {
    if (this.running === undefined) {
      const starting: Promise<Worker> = this.start().catch((error: unknown) => {
        // Compared, because the next start may be under way by now, and there must never be two threads.
        if (this.running === starting) this.running = undefined;
        throw error;
      });
      this.running = starting;
    }
    return this.running;
  }

  private async start(): Promise<Worker> {
    const wait = this.startedAt + START_PAUSE_MS - performance.now();
    if (wait > 0) await pause(wait);
    this.startedAt = performance.now();
    const worker = new Worker(this.file, { workerData: this.data });
    let failure: Error | undefined;
    worker.on('error', (error) => (failure ??= asError(error)));
    worker.on('messageerror', (error) => {
      failure ??= error; // an answer is lost, and nobody knows whose: all that are under way get this error
      worker.postMessage({ close: true } satisfies ToThread);
    });
    return new Promise<Worker>((resolve, reject) => {
      worker.on('exit', (code) => {
        const cause = failure ?? new Error(`the thread ended with exit code ${String(code)}`);
        this.running = undefined;
        this.ready = undefined;
        reject(new ThreadDied(false, { cause })); // has an effect only where it had not started
        this.died(cause);
      });
      worker.on('message', (message: FromThread) => {
        if ('told' in message) this.options.onTold?.(message.told as Tells);
        else if ('ready' in message) {
          this.ready = worker;
          this.options.onStart?.(worker);
          resolve(worker);
        } else if ('startFailed' in message) failure = revived(message.startFailed);
        else this.answered(message);
      });
    });
  }

  private answered(message: Extract<FromThread, { call: number }>): void {
    const waiting = this.waiting.get(message.call);
    this.waiting.delete(message.call);
    if ('failure' in message) waiting?.reject(revived(message.failure));
    else waiting?.resolve(message.result as never);
  }

  private died(cause: Error): void {
    const lost = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of lost) reject(new ThreadDied(true, { cause }));
    if (this.closing === undefined || lost.length > 0) this.options.onDeath?.(cause);
  }
}

const revived = ({ message, name, code, stack }: Failure): ThreadFailure =>
  new ThreadFailure(message, name, code, stack);
