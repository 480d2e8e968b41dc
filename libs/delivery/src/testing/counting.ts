import { CHAIN_START, chainHash, eventIdOf, type JsonObject, storedHash, UnreadableEvent } from '@drawdown/kernel';
import type { EventStore, NewEvent, ReadDatabase, Row, Sql, StoredEvent } from '@drawdown/ports';
import { PROMPT } from '../freshness';
import type { Projector } from '../projector';

/** The simplest event there is: so many for a key. */
export interface Counted {
  readonly revision: number;
  readonly key: string;
  readonly amount: number;
}

/**
 * Sums per key: the simplest projector there is. `breaks` says where its next saves break down; `indexes` gives the
 * statements for a table's name.
 */
export const counting = (
  name: string,
  {
    version = 1,
    fails = () => undefined,
    breaks = [],
    indexes = () => [],
  }: {
    version?: number;
    fails?: (event: Counted) => string | undefined;
    breaks?: ('before' | 'after')[];
    indexes?: (table: string) => readonly string[];
  } = {},
): Projector<Map<string, number>, Counted> => ({
  name,
  version,
  freshness: PROMPT,
  tableNames: [name],
  tables: (suffix) => [
    `CREATE TABLE ${name}${suffix} (key text PRIMARY KEY, amount bigint NOT NULL CHECK (amount < 1000000))`,
  ],
  indexes: (suffix) => indexes(name + suffix),
  begin: () => new Map(),
  apply: (deltas, event) => {
    deltas.set(event.key, (deltas.get(event.key) ?? 0) + event.amount);
    const failure = fails(event);
    if (failure !== undefined) throw new Error(failure);
  },
  save: async (tx, suffix, deltas) => {
    const breaking = breaks.shift();
    if (breaking === 'before') throw new Error('broke down before the rows');
    await tx.query(
      `INSERT INTO ${name}${suffix} AS t SELECT * FROM unnest($1::text[], $2::bigint[])
       ON CONFLICT (key) DO UPDATE SET amount = t.amount + excluded.amount`,
      [[...deltas.keys()], [...deltas.values()]],
    );
    if (breaking === 'after') throw new Error('broke down after the rows');
  },
});

export const STREAM = 'counts-0';

/** Decodes what {@link write} wrote; `odd` events cannot be read. */
export const decode = (_: number, stored: StoredEvent): Counted => {
  if (stored.type === 'odd') throw new UnreadableEvent('odd is not known here');
  const data = JSON.parse(Buffer.from(stored.data).toString('utf8')) as { key: string; amount: number };
  return { revision: stored.revision, ...data };
};

/** Appends events of amounts for one key each, or an event of another type, chained as those of a ledger. */
export const write = async (
  store: EventStore,
  events: readonly (readonly [key: string, amount: number] | 'odd')[],
  stream = STREAM,
  /** In the same place of another log there is another event. */
  log = stream,
): Promise<void> => {
  const next = (await store.head(stream)) + 1;
  const [last] = next === 0 ? [] : await store.read(stream, next - 1, 1);
  let hash = (last && storedHash(last)) ?? CHAIN_START;
  const chained = (type: string, data: Buffer, revision: number): NewEvent => {
    const metadata: JsonObject = log === stream ? {} : { log };
    hash = chainHash(hash, { stream, revision, type, data, metadata });
    return { id: eventIdOf(hash), type, data, metadata: { ...metadata, hash: hash.toString('hex') } };
  };
  const written = events.map((event, index) => {
    const data = Buffer.from(JSON.stringify(event === 'odd' ? {} : { key: event[0], amount: event[1] }));
    return chained(event === 'odd' ? event : 'counted', data, next + index);
  });
  await store.append(stream, next, written);
};

/** Sums by key in a table, by name. */
export const sumsIn = async (database: Sql, table: string): Promise<Readonly<Record<string, number>>> => {
  const rows = await database.query<Row & { key: string; amount: string }>(
    `SELECT key, amount FROM ${table} ORDER BY key`,
  );
  return Object.fromEntries(rows.map(({ key, amount }) => [key, Number(amount)]));
};

/** What befalls a transaction, asked for before it begins. */
export type TransactionFault = (work: (tx: Sql) => Promise<unknown>) => ((tx: Sql) => Promise<unknown>) | Error;

/** A database whose transactions go wrong as told, one fault each. */
export const faultyDatabase = (inner: ReadDatabase): ReadDatabase & { faults: (TransactionFault | undefined)[] } => {
  const faults: (TransactionFault | undefined)[] = [];
  return {
    faults,
    query: (statement, parameters) => inner.query(statement, parameters),
    transaction: async <T>(work: (tx: Sql) => Promise<T>): Promise<T> => {
      const faulted = faults.shift()?.(work);
      if (faulted instanceof Error) throw faulted;
      return inner.transaction((faulted as typeof work | undefined) ?? work);
    },
    run: (script) => inner.run(script),
    close: () => inner.close(),
  };
};

/** On a machine that others use at the same time; below the limit of a test, which would not say what it waited for. */
const UNTIL_MAX_MS = 25_000;

/** Resolves once it holds; fails where it does not for long. */
export const until = async (condition: () => boolean | Promise<boolean>, what = 'the condition'): Promise<void> => {
  const end = performance.now() + UNTIL_MAX_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not come true within ${String(UNTIL_MAX_MS)} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
