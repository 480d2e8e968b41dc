/** The inside of a worker thread that {@link Thread} has started. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { asError, type CallMessage, type Calls, type Failure, type FromThread, type ToThread } from './thread-messages';

/**
 * The thread's side: `open` makes the calls' implementation out of what {@link Thread} was given, `close` gives back what
 * it holds. Calls that return promises may overlap; where that must not be, the implementation queues them.
 */
export const serveThread = <T extends Calls<T>, Data, Told = never, Tells = never>(
  open: Open<T, Data, Told, Tells>,
): void => {
  if (parentPort === null) throw new Error('this is the main file of a worker thread');
  serve(parentPort, open).catch(crash);
};

/** `tell` sends what {@link Thread}'s `onTold` is to be told, without waiting for an answer. */
type Open<T, Data, Told, Tells> = (
  data: Data,
  tell: (message: Tells) => void,
) => Served<T, Told> | Promise<Served<T, Told>>;

interface Served<T, Told> {
  readonly calls: T;
  /** Gets what `Thread.tell` sends. */
  readonly told?: (message: Told) => void;
  readonly close: () => void | Promise<void>;
}

const serve = async <T extends Calls<T>, Data, Told, Tells>(
  port: MessagePort,
  open: Open<T, Data, Told, Tells>,
): Promise<void> => {
  const post = (message: FromThread): void => port.postMessage(message);
  let served: Served<T, Told>;
  try {
    served = await open(workerData as Data, (told) => post({ told }));
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
    if ('told' in message) served.told?.(message.told as Told);
    else ('close' in message ? close() : answer(message)).catch(crash);
  });
  post({ ready: true });
};

/** Ends the thread with this error: thrown out of any promise, so that the other side gets it as the worker's `error`. */
export const crash = (error: unknown): void => {
  setImmediate(() => {
    throw error;
  });
};

/** Structured cloning would drop an error's `code`. */
const flattened = (thrown: unknown): Failure => {
  const { message, name, code, stack } = asError(thrown) as Error & { readonly code?: unknown };
  return { message, name, code: typeof code === 'string' ? code : undefined, stack };
};
