/**
 * Loaded into a process by `node --require`, and with it into each of its threads: wraps the calls of its ports, so that
 * the process kills itself at the one that the file CRASH_POINT names, where there is such a file. Which calls:
 * {@link CRASH_POINTS}. Nothing in the product knows of it.
 */
import { readFileSync, rmSync } from 'node:fs';
import { ServerResponse } from 'node:http';
import Module from 'node:module';

/** What is called, and whether its effect is there when the process dies. */
export const CRASH_POINTS = {
  'append:before': 'decided, and nothing stored',
  'append:after': 'stored, and nobody knows',
  'answer:before': 'stored, known, and not answered',
  'rows:before': 'rows written, and not committed',
  'rows:after': 'rows committed, and nobody knows',
  'ledger:after': 'published, and nobody knows',
} as const;
export type CrashPoint = keyof typeof CRASH_POINTS;

type Method = (...args: readonly unknown[]) => unknown;
/** By the name of the method: what is called in its place. */
type Wrappers = Readonly<Record<string, (inner: Method) => Method>>;

const crashAt = (point: CrashPoint): void => {
  const file = process.env['CRASH_POINT'] ?? '';
  try {
    if (readFileSync(file, 'utf8') !== point) return;
  } catch {
    return; // none is wanted now
  }
  rmSync(file);
  process.kill(process.pid, 'SIGKILL');
};

const wrapped = (port: unknown, wrappers: Wrappers): unknown =>
  new Proxy(port as object, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as Method;
      return wrappers[String(name)]?.(method) ?? method;
    },
  });

const STORE: Wrappers = {
  append:
    (append) =>
    async (...call) => {
      crashAt('append:before');
      const appended = await append(...call);
      crashAt('append:after');
      return appended;
    },
};
const DATABASE: Wrappers = {
  transaction: (transaction) => async (work) => {
    const result = await transaction(async (tx: unknown) => {
      const done = await (work as Method)(tx);
      crashAt('rows:before');
      return done;
    });
    crashAt('rows:after');
    return result;
  },
};
const STREAM: Wrappers = {
  send:
    (send) =>
    async (...call) => {
      const sent = await send(...call);
      if (call[0] === 'drawdown.ledger.v1') crashAt('ledger:after');
      return sent;
    },
};

/** What is opened where, by the end of the file's name. */
const OPENERS: Readonly<Record<string, readonly [opener: string, wrap: (opened: unknown) => unknown]>> = {
  'embedded/sqlite-event-store': ['openSqliteEventStore', (store) => wrapped(store, STORE)],
  'eventstoredb/event-store': ['openEventStoreDb', (store) => wrapped(store, STORE)],
  'kafka/kafka-stream': ['openKafkaStream', (stream) => wrapped(stream, STREAM)],
  'postgres/pg-database': ['openPgDatabase', (database) => wrapped(database, DATABASE)],
  'embedded/pglite-here': [
    'openPgliteHere',
    (here) => ({ ...(here as object), database: wrapped((here as { database: unknown }).database, DATABASE) }),
  ],
};

const loader = Module as unknown as { _load: (request: string, ...more: readonly unknown[]) => unknown };
const load = loader._load;
loader._load = (request, ...more) => {
  const loaded = load(request, ...more);
  const found = Object.entries(OPENERS).find(([file]) => request.endsWith(file));
  if (found === undefined) return loaded;
  const [, [opener, wrap]] = found;
  return new Proxy(
    {},
    {
      get: (_, name) => {
        const value: unknown = Reflect.get(loaded as object, name);
        if (name !== opener) return value;
        return (...call: readonly unknown[]): unknown => {
          const opened = (value as Method)(...call);
          return opened instanceof Promise ? opened.then(wrap) : wrap(opened);
        };
      },
    },
  );
};

const { end } = ServerResponse.prototype;
ServerResponse.prototype.end = function (this: ServerResponse, ...call: readonly unknown[]) {
  if (this.req.method === 'POST') crashAt('answer:before');
  return Reflect.apply(end, this, call) as ServerResponse;
} as typeof end;
