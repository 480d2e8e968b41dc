/**
 * The type of every text column: compared by its bytes, whatever the database is set to (`en_US.utf8` in the usual images).
 * By the rules of a language a row with three keys costs a quarter more to write; and those rules change with the operating
 * system's library, under indexes that were ordered by the ones before: rows are then not found, and written twice
 * (https://wiki.postgresql.org/wiki/Locale_data_changes).
 */
export const TEXT = 'text COLLATE "C"';

/** A parameter of a statement. Amounts are passed as decimal text and cast in SQL, never as numbers; times as text or `Date`. */
export type SqlValue = string | number | boolean | null | Date | readonly (string | number | boolean | null)[];

/**
 * A row. `bigint` and `numeric` columns arrive as text (`count(*)` and most sums are such), `timestamptz` as the text
 * of an Instant (UTC, six decimals), `date` and `timestamp` as text, `json` parsed, arrays as arrays of the same.
 */
export type Row = Readonly<Record<string, unknown>>;

export interface Sql {
  /**
   * Runs one statement of PostgreSQL's dialect with `$1 …` parameters. An error of the database has the SQLSTATE as
   * its `code`: `40001` and `40P01` (serialization, deadlock) ask for the whole transaction again.
   */
  query<R extends Row = Row>(statement: string, parameters?: readonly SqlValue[]): Promise<readonly R[]>;
}

/**
 * The database of the read models: everything in it follows from the log and can be thrown away.
 *
 * Inside the `work` of a transaction only its `tx` may be used. The database itself rejects there, at once: where the
 * engine has one session such a call would wait for the transaction that waits for it.
 */
export interface ReadDatabase extends Sql {
  /**
   * Runs `work` in one transaction (read committed): all of it is visible afterwards, or, where it rejects or one of
   * its statements failed, nothing. One that runs no statement for 30 s is rolled back, so no `work` waits for the
   * network. `tx` is of no use once `work` has ended.
   */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>;
  /** Runs several statements without parameters (definitions of tables and indexes), in one transaction; may take hours. */
  run(script: string): Promise<void>;
  /** Waits for what is under way; all later calls reject with {@link DatabaseUnavailable}. */
  close(): Promise<void>;
}
export const ReadDatabase = Symbol('ReadDatabase');

/**
 * The database cannot be reached, has stopped, or has no room for what a question needs. What had not resolved may or
 * may not have been committed: read the checkpoint before doing it again.
 */
export class DatabaseUnavailable extends Error {
  readonly code = 'database_unavailable';
}
