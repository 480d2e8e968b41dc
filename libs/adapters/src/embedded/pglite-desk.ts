/** What the database's thread answers, and in which order. Runs inside the thread. */
import type { Row } from '@drawdown/ports';
import { IDLE_TRANSACTION_MS, TransactionAborted } from '../transactions';
import type { PgliteSession } from './pglite-session';
import { PgliteUpkeep } from './pglite-upkeep';

interface Statement {
  /** The one it belongs to; without it, the statement waits for the open one to end. */
  readonly transaction?: number;
  readonly statement: string;
  readonly parameters: readonly (string | null)[];
}

export interface PgliteCalls {
  /** Why the folder was thrown away at this start, where it was. */
  readonly started: (nothing: null) => string | undefined;
  readonly query: (statement: Statement) => Promise<Row[]>;
  /** Waits for what came before. The number is the caller's, and is never used again. */
  readonly begin: (transaction: number) => Promise<void>;
  /** A rollback of what is gone already is none; a commit is `transaction_lost`. */
  readonly end: (how: { readonly transaction: number; readonly commit: boolean }) => Promise<void>;
  readonly run: (script: string) => Promise<void>;
  readonly upkeep: (nothing: null) => Promise<void>;
}

interface OpenTransaction {
  readonly transaction: number;
  readonly endTurn: () => void;
  idle: NodeJS.Timeout;
}

/** First come, first served, one at a time: the engine has one session. */
export class PgliteDesk implements PgliteCalls {
  private last: Promise<void> = Promise.resolve();
  private open: OpenTransaction | undefined;
  private readonly keeper: PgliteUpkeep;

  constructor(
    private readonly session: Pick<PgliteSession, 'query' | 'run' | 'forgetStatements'>,
    private readonly thrownAway: string | undefined,
    /** Told when a transaction that must not stay open cannot be ended. */
    private readonly onStuck: (error: unknown) => void,
  ) {
    this.keeper = new PgliteUpkeep(session);
  }

  readonly started = (): string | undefined => this.thrownAway;

  readonly query = async ({ transaction, statement, parameters }: Statement): Promise<Row[]> => {
    if (transaction === undefined) return this.inTurn(() => this.session.query(statement, parameters));
    const open = this.held(transaction);
    clearTimeout(open.idle);
    try {
      return await this.session.query(statement, parameters);
    } finally {
      open.idle = this.watchIdle(transaction);
    }
  };

  readonly begin = async (transaction: number): Promise<void> => {
    const endTurn = await this.turn();
    try {
      await this.session.run('BEGIN');
    } catch (error) {
      endTurn();
      throw error;
    }
    this.open = { transaction, endTurn, idle: this.watchIdle(transaction) };
  };

  readonly end = async ({ transaction, commit }: { transaction: number; commit: boolean }): Promise<void> => {
    if (!commit && this.open?.transaction !== transaction) return;
    const { endTurn, idle } = this.held(transaction);
    clearTimeout(idle);
    this.open = undefined;
    try {
      // After a failed statement PostgreSQL answers a COMMIT with a rollback, and no error.
      const tag = await this.session.run(commit ? 'COMMIT' : 'ROLLBACK');
      if (commit && tag !== 'COMMIT') throw new TransactionAborted();
    } finally {
      endTurn();
    }
  };

  readonly run = (script: string): Promise<void> =>
    this.inTurn(async () => {
      await this.session.run(script);
      this.session.forgetStatements();
    });

  readonly upkeep = (): Promise<void> => this.inTurn(() => this.keeper.run());

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const endTurn = await this.turn();
    try {
      return await work();
    } finally {
      endTurn();
    }
  }

  /** Resolves, once everything before it is done, with what ends the turn. */
  private async turn(): Promise<() => void> {
    const before = this.last;
    let endTurn = (): void => undefined;
    this.last = new Promise<void>((resolve) => (endTurn = resolve));
    await before;
    return endTurn;
  }

  private held(transaction: number): OpenTransaction {
    if (this.open?.transaction !== transaction) throw new TransactionLost();
    return this.open;
  }

  private watchIdle(transaction: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.end({ transaction, commit: false }).catch(this.onStuck);
    }, IDLE_TRANSACTION_MS);
  }
}

/** Nothing of it was committed. */
class TransactionLost extends Error {
  readonly code = 'transaction_lost';
  constructor() {
    super('the transaction was rolled back, for it ran no statement for too long or its thread died');
  }
}
