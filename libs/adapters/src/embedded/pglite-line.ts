import type { Log, ReadDatabase, Row, Sql, SqlValue } from '@drawdown/ports';
import { sqlText } from '../sql-values';
import type { Thread } from '../thread';
import { type Session, Transactions } from '../transactions';
import type { PgliteCalls } from './pglite-desk';

/** Statements and transactions between two looks at whether the engine needs upkeep: a batch may write 2 MB, a look takes 0.1 ms. */
const UPKEEP_EVERY = 50;

/** How the desk is reached: across a thread, or in this one. */
export interface DeskConnection {
  readonly isUp: boolean;
  /** Throws DatabaseUnavailable where the desk takes nothing now. */
  refuseUnlessUp(): void;
  readonly call: Thread<PgliteCalls>['call'];
  /** For what had begun before `close`. */
  readonly callWhileClosing: Thread<PgliteCalls>['call'];
  /** Refuses new calls; ends what is there after `others`. */
  close(others: () => Promise<unknown>): Promise<void>;
}

/** The read database, as whoever speaks with the desk has it. */
export class PgliteLine implements ReadDatabase {
  private readonly transactions = new Transactions();
  /** Statements and transactions so far, for {@link UPKEEP_EVERY}. */
  private done = 0;
  private transactionNumber = 0;
  private readonly open = new Set<Promise<unknown>>();

  constructor(
    private readonly desk: DeskConnection,
    private readonly log: Log,
  ) {}

  async query<R extends Row>(statement: string, parameters: readonly SqlValue[] = []): Promise<readonly R[]> {
    this.transactions.refuseInside();
    const rows = await this.desk.call('query', { statement, parameters: parameters.map(sqlText) });
    this.keepUp();
    return rows as unknown as readonly R[];
  }

  async transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    this.transactions.refuseInside();
    this.desk.refuseUnlessUp();
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
    await this.desk.call('run', script);
  }

  /** Waits for transactions and statements under way. */
  close(): Promise<void> {
    return this.desk.close(() => Promise.all(this.open));
  }

  private session(): Session {
    const transaction = (this.transactionNumber += 1);
    const { callWhileClosing: call } = this.desk;
    return {
      query: (statement, parameters) => call('query', { transaction, statement, parameters: parameters.map(sqlText) }),
      begin: () => call('begin', transaction),
      commit: () => call('end', { transaction, commit: true }),
      rollback: async () => {
        try {
          await call('end', { transaction, commit: false });
        } catch (error) {
          this.log.warn({ error: String(error) }, 'a transaction was rolled back by the end of the database thread');
        }
      },
    };
  }

  private keepUp(): void {
    this.done += 1;
    if (this.done % UPKEEP_EVERY !== 0 || !this.desk.isUp) return;
    this.desk.call('upkeep', null).catch((error: unknown) => {
      this.log.warn({ error: String(error) }, 'the upkeep of the read database failed and is tried again later');
    });
  }
}
