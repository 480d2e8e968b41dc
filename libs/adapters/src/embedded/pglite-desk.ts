/** What the database's thread answers, and in which order. Runs inside the thread. */
import { DatabaseUnavailable, type Row } from '@drawdown/ports';
import { lacksRoom } from '../lacks-room';
import { IDLE_TRANSACTION_MS, TransactionAborted } from '../transactions';
import type { PgliteSession } from './pglite-session';
import { PgliteUpkeep } from './pglite-upkeep';

/** Some 20 ms of questions: then one that waits has its turn, so that the read models go on whatever is asked. */
const AHEAD_MAX = 100;

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

/**
 * One at a time: the engine has one session. First come, first served, but that what is {@link ask}ed need not wait for
 * the transactions that wait already: those are batches of projectors, of which there are several whenever there is much
 * to do, and somebody waits for each answer.
 */
export class PgliteDesk implements PgliteCalls {
  private busy = false;
  private readonly waiting: (() => void)[] = [];
  private readonly asking: (() => void)[] = [];
  /** Questions that went before a transaction that was waiting. */
  private ahead = 0;
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
    if (transaction === undefined) return this.inTurn(() => this.answer(statement, parameters));
    const open = this.held(transaction);
    clearTimeout(open.idle);
    try {
      return await this.session.query(statement, parameters);
    } finally {
      open.idle = this.watchIdle(transaction);
    }
  };

  /** A question from outside, which goes before the transactions that wait, up to {@link AHEAD_MAX} of them. */
  readonly ask = async ({ statement, parameters }: Omit<Statement, 'transaction'>): Promise<Row[]> => {
    const endTurn = await this.turn(this.asking);
    try {
      return await this.answer(statement, parameters);
    } finally {
      endTurn();
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

  private async answer(statement: string, parameters: readonly (string | null)[]): Promise<Row[]> {
    try {
      return await this.session.query(statement, parameters);
    } catch (error) {
      if (!lacksRoom(error)) throw error;
      throw new DatabaseUnavailable(`the embedded read database has no room: ${String(error)}`, { cause: error });
    }
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const endTurn = await this.turn();
    try {
      return await work();
    } finally {
      endTurn();
    }
  }

  /** Resolves, once it is this one's turn, with what ends the turn. */
  private async turn(queue = this.waiting): Promise<() => void> {
    if (this.busy) await new Promise<void>((resolve) => queue.push(resolve));
    this.busy = true;
    return this.endTurn;
  }

  /** By way of the event loop: what works in this thread may never wait for it, and no question would be heard. */
  private readonly endTurn = (): void => {
    setImmediate(() => this.next());
  };

  private next(): void {
    const asked = this.asking.length > 0 && (this.waiting.length === 0 || this.ahead < AHEAD_MAX);
    this.ahead = asked && this.waiting.length > 0 ? this.ahead + 1 : 0;
    const begin = (asked ? this.asking : this.waiting).shift();
    this.busy = begin !== undefined;
    begin?.();
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
