/** What every adapter of the read database does about transactions, whatever driver is below. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Row, Sql, SqlValue } from '@drawdown/ports';

/** The one connection, or its like, on which a transaction runs. Calls are never made while another is under way. */
export interface Session {
  query(statement: string, parameters: readonly SqlValue[]): Promise<readonly Row[]>;
  begin(): Promise<void>;
  /** Rejects where the server rolled back instead. */
  commit(): Promise<void>;
  /** Never rejects: a session that cannot roll back is given up, and the server then forgets what was open on it. */
  rollback(): Promise<void>;
}

/** A transaction that runs no statement for so long is rolled back: its work hangs, and others may wait for it. */
export const IDLE_TRANSACTION_MS = 30_000;

/** Runs transactions and knows from where a call comes. One per database. */
export class Transactions {
  private readonly inside = new AsyncLocalStorage<{ ended: boolean }>();

  /**
   * Throws where the caller is the work of a transaction on this database that is still open. On an engine with one
   * session the call would wait for the transaction and the transaction for the call; on a pool it would see another state.
   */
  refuseInside(): void {
    if (this.inside.getStore()?.ended === false) {
      throw new Error('the database was used inside a transaction: use the Sql that was given to its work');
    }
  }

  /** Begins, does the work, commits; rolls back where anything of that fails. */
  async run<T>(session: Session, work: (tx: Sql) => Promise<T>): Promise<T> {
    const scope = { ended: false };
    // Statements that the work starts side by side run one after the other, as on any one connection.
    let last: Promise<unknown> = Promise.resolve();
    const tx: Sql = {
      query: <R extends Row>(statement: string, parameters: readonly SqlValue[] = []): Promise<readonly R[]> => {
        if (scope.ended) return Promise.reject(new Error('the transaction has ended'));
        const result = last.then(() => session.query(statement, parameters) as Promise<readonly R[]>);
        last = result.catch(() => undefined); // its caller has the rejection; the next statement is answered by the server
        return result;
      },
    };
    await session.begin();
    try {
      const result = await this.inside.run(scope, () => work(tx));
      scope.ended = true;
      await last;
      await session.commit();
      return result;
    } catch (error) {
      scope.ended = true;
      await last;
      await session.rollback();
      throw error;
    }
  }
}

/** What a COMMIT comes to after a statement has failed. */
export class TransactionAborted extends Error {
  readonly code = '25P02';
  constructor() {
    super('a statement of the transaction had failed: it was rolled back');
  }
}
