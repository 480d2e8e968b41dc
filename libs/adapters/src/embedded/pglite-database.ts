import {
  DatabaseUnavailable,
  type Log,
  NO_LOG,
  type ReadDatabase,
  type Row,
  type Sql,
  type SqlValue,
} from '@drawdown/ports';
import { sqlText } from '../sql-values';
import { Thread, ThreadDied, threadFile, ThreadFailure } from '../thread';
import { type Session, Transactions } from '../transactions';
import type { ThreadData } from './pglite-database.thread';
import type { PgliteCalls } from './pglite-desk';

/** Pause before the first attempt to start a thread that died; doubled after each that fails, up to the second. */
const REVIVE_FIRST_MS = 200;
const REVIVE_LONGEST_MS = 5_000;

/** Statements and transactions between two looks at whether the engine needs upkeep: a batch may write 2 MB, a look takes 0.1 ms. */
const UPKEEP_EVERY = 50;

export interface PgliteOptions {
  readonly log?: Log;
  /**
   * Told when the database turned out empty though it had been filled: its folder could not be trusted and was thrown
   * away, or the thread of one in memory died. Its tables are gone; what is in them follows from the log.
   */
  readonly onEmptied?: (reason: string) => void;
}

/**
 * PostgreSQL inside this process (PGlite), in its own thread, kept in `folder` or, without one, in memory. Nothing is
 * forced to disk before it is closed: after a kill all is there, after a power loss the folder is thrown away. Two
 * processes must not open one folder; nothing here prevents it.
 */
export const openPgliteDatabase = async (
  folder: string | undefined,
  options: PgliteOptions = {},
): Promise<ReadDatabase> => {
  const database = new PgliteDatabase(folder, options);
  await database.start();
  return database;
};

class PgliteDatabase implements ReadDatabase {
  private readonly thread: Thread<PgliteCalls>;
  private readonly transactions = new Transactions();
  private readonly log: Log;
  private state: 'starting' | 'up' | 'down' | 'closed' = 'starting';
  private starts = 0;
  private revival: NodeJS.Timeout | undefined;

  /** Statements and transactions so far, for {@link UPKEEP_EVERY}. */
  private done = 0;
  private transactionNumber = 0;
  private readonly open = new Set<Promise<unknown>>();

  constructor(
    private readonly folder: string | undefined,
    private readonly options: PgliteOptions,
  ) {
    this.log = options.log ?? NO_LOG;
    const data: ThreadData = { folder };
    this.thread = new Thread<PgliteCalls>(threadFile(__dirname, 'pglite-database.thread'), data, {
      onDeath: (error) => this.died(error),
    });
  }

  /** The first start; rejects where it fails. */
  async start(): Promise<void> {
    try {
      await this.wake();
    } catch (error) {
      await this.close();
      throw new DatabaseUnavailable('the embedded read database could not be started', { cause: error });
    }
  }

  async query<R extends Row>(statement: string, parameters: readonly SqlValue[] = []): Promise<readonly R[]> {
    this.transactions.refuseInside();
    const rows = await this.call('query', { statement, parameters: parameters.map(sqlText) });
    this.keepUp();
    return rows as unknown as readonly R[];
  }

  async transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    this.transactions.refuseInside();
    this.refuseUnlessUp();
    const running = this.transactions.run(this.session(), work);
    const settled = running.catch(() => undefined); // the caller has the rejection; close() only wants to know when
    this.open.add(settled);
    try {
      const result = await running;
      this.keepUp();
      return result;
    } finally {
      this.open.delete(settled);
    }
  }

  async run(script: string): Promise<void> {
    this.transactions.refuseInside();
    await this.call('run', script);
  }

  /** Waits for transactions and statements under way. */
  async close(): Promise<void> {
    this.state = 'closed';
    clearTimeout(this.revival);
    await Promise.all(this.open);
    await this.thread.close();
  }

  private session(): Session {
    const transaction = (this.transactionNumber += 1);
    return {
      query: (statement, parameters) =>
        this.callInTransaction('query', { transaction, statement, parameters: parameters.map(sqlText) }),
      begin: () => this.callInTransaction('begin', transaction),
      commit: () => this.callInTransaction('end', { transaction, commit: true }),
      rollback: async () => {
        try {
          await this.callInTransaction('end', { transaction, commit: false });
        } catch (error) {
          this.log.warn({ error: String(error) }, 'a transaction was rolled back by the end of the database thread');
        }
      },
    };
  }

  private readonly call: Thread<PgliteCalls>['call'] = (name, argument) => {
    this.refuseUnlessUp();
    return this.callInTransaction(name, argument);
  };

  /** A transaction that had begun goes on while the database is being closed. */
  private readonly callInTransaction: Thread<PgliteCalls>['call'] = async (name, argument) => {
    try {
      return await this.thread.call(name, argument);
    } catch (error) {
      if (error instanceof ThreadDied) {
        throw new DatabaseUnavailable('the embedded read database has stopped', { cause: error });
      }
      if (error instanceof ThreadFailure && error.code === 'transaction_lost') {
        throw new DatabaseUnavailable(error.message, { cause: error });
      }
      throw error;
    }
  };

  private keepUp(): void {
    this.done += 1;
    if (this.done % UPKEEP_EVERY !== 0 || this.state !== 'up') return;
    this.thread.call('upkeep', null).catch((error: unknown) => {
      this.log.warn({ error: String(error) }, 'the upkeep of the read database failed and is tried again later');
    });
  }

  private refuseUnlessUp(): void {
    if (this.state === 'up') return;
    const why = this.state === 'closed' ? 'is closed' : 'is being started again';
    throw new DatabaseUnavailable(`the embedded read database ${why}`);
  }

  private async wake(): Promise<void> {
    const thrownAway = await this.thread.call('started', null);
    this.starts += 1;
    if (this.state === 'closed') return;
    this.state = 'up';
    const lost = this.folder === undefined && this.starts > 1 ? 'it was in memory, and its thread died' : thrownAway;
    if (lost === undefined) return;
    this.log.error({ folder: this.folder, reason: lost }, 'the read database was thrown away and is empty');
    this.options.onEmptied?.(lost);
  }

  private died(error: Error): void {
    if (this.state !== 'up') return; // the first start, or a revival that goes on by itself
    this.state = 'down';
    this.log.error({ error: String(error) }, 'the thread of the read database died');
    this.reviveAfter(REVIVE_FIRST_MS);
  }

  private reviveAfter(pauseMs: number): void {
    if (this.state === 'closed') return;
    this.revival = setTimeout(() => {
      this.wake().then(
        () => this.log.info({ starts: this.starts }, 'the read database is back'),
        (error: unknown) => {
          this.log.warn({ error: String(error) }, 'the read database could not be started again');
          this.reviveAfter(Math.min(pauseMs * 2, REVIVE_LONGEST_MS));
        },
      );
    }, pauseMs);
  }
}
