import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type MessagePort, parentPort, type TransferListItem, Worker, workerData } from 'node:worker_threads';

/** Starts of one thread are at least this far apart, so that one that dies at once is no busy loop. */
const START_PAUSE_MS = 200;

/** What a thread answers: names of calls with their argument and result, both of them structured-cloneable. */
export type Calls<T> = { readonly [Name in keyof T]: (argument: never) => unknown };
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

type CallMessage = { readonly call: number; readonly name: string; readonly argument: unknown };
type ToThread = CallMessage | { readonly close: true };
type Failure = Pick<ThreadFailure, 'message' | 'name' | 'code'> & { readonly stack: string | undefined };
type FromThread =
  | { readonly ready: true }
  | { readonly startFailed: Failure }
  | { readonly call: number; readonly result: unknown }
  | { readonly call: number; readonly failure: Failure };

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

export interface ThreadOptions {
  /** Told of each worker once it is ready, the first one included. */
  readonly onStart?: (worker: Worker) => void;
  /** Told when the thread ended though nobody had asked it to. The next call starts another. */
  readonly onDeath?: (error: Error) => void;
}

/**
 * A worker thread that gets calls in the order in which they are made. It starts with the first call, and again with the
 * first call after it died; whether a call that was under way is repeated is the caller's decision.
 *
 * Nothing here terminates it from outside: libsql aborts the whole process when its thread is torn down in a statement.
 */
export class Thread<T extends Calls<T>> {
  private running: Promise<Worker> | undefined;
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
    private readonly options: ThreadOptions = {},
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
        reject(new ThreadDied(false, { cause })); // has an effect only where it had not started
        this.died(cause);
      });
      worker.on('message', (message: FromThread) => {
        if ('ready' in message) {
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

/**
 * The thread's side: `open` makes the calls' implementation out of what {@link Thread} was given, `close` gives back what
 * it holds. Calls that return promises may overlap; where that must not be, the implementation queues them.
 */
export const serveThread = <T extends Calls<T>, Data>(open: (data: Data) => Served<T> | Promise<Served<T>>): void => {
  if (parentPort === null) throw new Error('this is the main file of a worker thread');
  serve(parentPort, open).catch(crash);
};

type Served<T> = { readonly calls: T; readonly close: () => void | Promise<void> };

const serve = async <T extends Calls<T>, Data>(
  port: MessagePort,
  open: (data: Data) => Served<T> | Promise<Served<T>>,
): Promise<void> => {
  const post = (message: FromThread): void => port.postMessage(message);
  let served: Served<T>;
  try {
    served = await open(workerData as Data);
  } catch (error) {
    post({ startFailed: flattened(error) });
    port.close();
    return;
  }
  const handlers = served.calls as Readonly<Record<string, (argument: never) => unknown>>;
  const answer = async ({ call, name, argument }: CallMessage): Promise<void> => {
    try {
      const handler = handlers[name];
      if (handler === undefined) throw new Error(`the thread knows no call ${name}`);
      const returned = handler(argument as never);
      // An answer that is there already is posted in this very turn, before the next message is looked at.
      const result = returned instanceof Promise ? ((await returned) as unknown) : returned;
      post({ call, result });
    } catch (error) {
      post({ call, failure: flattened(error) });
    }
  };
  const close = async (): Promise<void> => {
    await served.close();
    port.close();
  };
  port.on('message', (message: ToThread) => {
    ('close' in message ? close() : answer(message)).catch(crash);
  });
  post({ ready: true });
};

/** Ends the thread with this error: thrown out of any promise, so that the other side gets it as the worker's `error`. */
const crash = (error: unknown): void => {
  setImmediate(() => {
    throw error;
  });
};

/** Not by `instanceof`: what a worker died of is an error of another realm in jest, and no native one anywhere. */
const asError = (thrown: unknown): Error =>
  typeof thrown === 'object' && thrown !== null && 'message' in thrown ? (thrown as Error) : new Error(String(thrown));

/** Structured cloning would drop an error's `code`. */
const flattened = (thrown: unknown): Failure => {
  const { message, name, code, stack } = asError(thrown) as Error & { readonly code?: unknown };
  return { message, name, code: typeof code === 'string' ? code : undefined, stack };
};

const revived = ({ message, name, code, stack }: Failure): ThreadFailure =>
  new ThreadFailure(message, name, code, stack);
