import {
  DatabaseUnavailable,
  type Log,
  type Metrics,
  NO_LOG,
  NO_METRICS,
  type ReadDatabase,
  type Row,
  type Sql,
  type SqlValue,
} from '@drawdown/ports';
import { DatabaseError, Pool, type PoolClient, type QueryConfig, type QueryResult } from 'pg';
import { lacksRoom } from '../lacks-room';
import { readerOf, SESSION_SETTINGS, sqlText, WORTH_A_NAME } from '../sql-values';
import { IDLE_TRANSACTION_MS, type Session, TransactionAborted, Transactions } from '../transactions';

/** Two projectors and the queries of one api process; PostgreSQL allows 100 connections in all unless told otherwise. */
const POOL_SIZE = 10;
/** How long a caller waits for a connection, free or new; whoever waits for that caller is answered within 2 s (FLT-44). */
const CONNECT_MAX_MS = 1_500;
/** Of a statement by itself: somebody waits for what it reads, and a server that hangs must not hold all who ask (FLT-41). */
const QUESTION_MAX_MS = 5_000;
/** Of one in a transaction: a batch of rows on a server that is busy. */
const STATEMENT_MAX_MS = 60_000;
/**
 * Scripts make tables and indexes, also over tables that are full, and nobody waits for them. A limit that such a table
 * runs into would have it begin again for ever: an index takes seconds per million rows, a thousand million are hours.
 */
const SCRIPT_MAX_MS = 6 * 3_600_000;
/** How much longer than the server's limit this side waits: for a server or a network that has gone silent. */
const SILENCE_MS = 5_000;
const QUESTION_SILENCE_MS = 500;
/** In one message, so that it costs no time of its own. */
const BEGIN = `BEGIN; SET LOCAL statement_timeout = ${String(STATEMENT_MAX_MS)}`;
/** Statement texts that get a name; programs have some dozens, more means texts that are put together at run time. */
const NAMED_MAX = 300;

/**
 * An index may take hours: where its client is gone the server stops making it, and whoever comes next need not wait.
 * Servers that cannot look for that (not on Linux) go on to the end.
 */
const END_WITH_US = `DO $$ BEGIN PERFORM set_config('client_connection_check_interval', '10s', true);
  EXCEPTION WHEN OTHERS THEN NULL; END $$;`;

/** Scripts of several processes that start at once run one after the other: two `CREATE TABLE IF NOT EXISTS` can collide. */
const SCRIPT_LOCK = '4919831407';

export interface PgOptions {
  /** Connections at most; a transaction holds one. */
  readonly poolSize?: number;
  readonly log?: Log;
  readonly metrics?: Metrics;
}

/** A PostgreSQL server (14 or later). Connects when first used, so that a start does not depend on it. */
export const openPgDatabase = (url: string, options: PgOptions = {}): ReadDatabase => new PgDatabase(url, options);

/** How long this side waits for an answer, where it is not as long as in a transaction; pg's types do not have it. */
interface Limit {
  readonly query_timeout?: number;
}
const QUESTION_LIMIT: Limit = { query_timeout: QUESTION_MAX_MS + QUESTION_SILENCE_MS };

class PgDatabase implements ReadDatabase {
  private readonly pool: Pool;
  private readonly transactions = new Transactions();
  private readonly log: Log;
  private readonly metrics: Metrics;
  private closing: Promise<void> | undefined;
  /** Statement text → name; each connection parses a named statement once. */
  private readonly names = new Map<string, string>();
  private named = 0;

  constructor(url: string, { poolSize = POOL_SIZE, log = NO_LOG, metrics = NO_METRICS }: PgOptions) {
    this.log = log;
    this.metrics = metrics;
    this.pool = new Pool({
      connectionString: url,
      application_name: 'drawdown',
      max: poolSize,
      connectionTimeoutMillis: CONNECT_MAX_MS,
      statement_timeout: QUESTION_MAX_MS,
      query_timeout: STATEMENT_MAX_MS + SILENCE_MS,
      idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
      options: SESSION_SETTINGS.map((setting) => `-c ${setting.replaceAll(' ', '\\ ')}`).join(' '),
      keepAlive: true,
      types: { getTypeParser: readerOf },
    });
    // For the connection's whole life. Without a listener its loss would end the process: between two statements, and also
    // between being ready and being handed over, when the server's last words came with its first. The next statement rejects.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
    // A connection that breaks while nobody uses it; the pool has dropped it already.
    this.pool.on('error', (error) => this.log.warn({ error: String(error) }, 'an idle database connection was lost'));
  }

  async query<R extends Row>(statement: string, parameters: readonly SqlValue[] = []): Promise<readonly R[]> {
    this.transactions.refuseInside();
    return this.onConnection(async (connection) => {
      const ask = () => this.execute<R>(connection, statement, parameters, QUESTION_LIMIT);
      // Somebody else changed a table under a parsed statement; now it is parsed again. A transaction has to be done again.
      const askAgain = (error: unknown) => {
        if (isStale(error)) return ask();
        throw error;
      };
      try {
        return await ask().catch(askAgain);
      } catch (error) {
        throw asAnswer(error);
      }
    });
  }

  async transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    this.transactions.refuseInside();
    return this.onConnection((connection) => this.transactions.run(this.session(connection), work));
  }

  async run(script: string): Promise<void> {
    this.transactions.refuseInside();
    const limits = `SET LOCAL statement_timeout = ${String(SCRIPT_MAX_MS)}; SELECT pg_advisory_xact_lock(${SCRIPT_LOCK});`;
    const text = `${limits}\n${END_WITH_US}\n${script}`;
    await this.onConnection((connection) => connection.ask({ text, query_timeout: SCRIPT_MAX_MS + SILENCE_MS }));
    this.names.clear(); // a parsed statement may not return what it did; new names have it parsed again
  }

  close(): Promise<void> {
    this.closing ??= this.pool.end();
    return this.closing;
  }

  private session(connection: Connection): Session {
    return {
      query: (statement, parameters) => this.execute(connection, statement, parameters),
      begin: async () => {
        await connection.ask(BEGIN);
      },
      commit: async () => {
        // After a failed statement PostgreSQL answers a COMMIT with a rollback, and no error.
        const { command } = await connection.ask('COMMIT');
        if (command !== 'COMMIT') throw new TransactionAborted();
      },
      rollback: async () => {
        try {
          await connection.ask('ROLLBACK');
        } catch (error) {
          connection.broken = true;
          this.log.warn({ error: String(error) }, 'a transaction was rolled back by the end of its connection');
        }
      },
    };
  }

  private async execute<R extends Row>(
    connection: Connection,
    statement: string,
    parameters: readonly SqlValue[],
    limit: Limit = {},
  ): Promise<R[]> {
    const name = this.nameOf(statement);
    const named = name === undefined ? {} : { name };
    try {
      const { rows } = await connection.ask({ ...named, ...limit, text: statement, values: parameters.map(sqlText) });
      return rows as R[];
    } catch (error) {
      if (isStale(error)) this.names.clear();
      throw error;
    }
  }

  private nameOf(statement: string): string | undefined {
    if (!WORTH_A_NAME.test(statement)) return undefined;
    let name = this.names.get(statement);
    if (name === undefined && this.names.size < NAMED_MAX) {
      name = `s${String((this.named += 1))}`;
      this.names.set(statement, name);
    }
    return name;
  }

  /** Gives the connection back whatever happens, and never one that is broken. */
  private async onConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.connect();
    try {
      return await work(connection);
    } finally {
      connection.release();
      this.metrics.gauge('database_pool_waiting', this.pool.waitingCount);
    }
  }

  private async connect(): Promise<Connection> {
    if (this.closing !== undefined) throw new DatabaseUnavailable('the database is closed');
    try {
      const connected = this.pool.connect();
      this.metrics.gauge('database_pool_waiting', this.pool.waitingCount);
      return new Connection(await connected);
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}

/** A client of the pool, while it is ours. */
class Connection {
  broken = false;

  constructor(private readonly client: PoolClient) {}

  async ask(query: string | (QueryConfig & Limit)): Promise<QueryResult> {
    try {
      return await this.client.query(query);
    } catch (error) {
      if (isAnswer(error)) throw error;
      this.broken = true;
      throw asUnavailable(error);
    }
  }

  release(): void {
    this.client.release(this.broken);
  }
}

/** By the server's limit, or by somebody there. */
const isCancelled = (error: unknown): boolean => error instanceof DatabaseError && error.code === '57014';

/** What a question by itself is answered with. */
const asAnswer = (error: unknown): unknown => (isCancelled(error) || lacksRoom(error) ? asUnavailable(error) : error);

const isStale = (error: unknown): boolean => error instanceof DatabaseError && error.code === '0A000';

/** Classes and codes by which the server says that it, and not the statement, is the trouble (PostgreSQL, appendix A). */
const UNAVAILABLE = /^(?:080(?:00|01|03|04|06)|53300|57P0[1235]|25P03)$/;

/** True for what the server answered to a statement; anything else says that it could not be asked. */
const isAnswer = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code !== undefined && !UNAVAILABLE.test(error.code);

const asUnavailable = (error: unknown): DatabaseUnavailable =>
  new DatabaseUnavailable(`the database is unavailable: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
