/** One PGlite instance, spoken to in PostgreSQL's protocol. Runs inside the database's thread. */
import { PGlite, protocol, type messages } from '@electric-sql/pglite';
import type { Row } from '@drawdown/ports';
import { type ReadText, readerOf, SESSION_SETTINGS, WORTH_A_NAME } from '../sql-values';

const { serialize } = protocol;

/**
 * Besides PGlite's own: {@link SESSION_SETTINGS}; 32 MB instead of 128 MB of page buffers (the operating system keeps the files in memory as
 * well; it saves 100 MB of resident memory), and a log that is reused instead of growing to a gigabyte.
 */
const START_PARAMETERS = [...SESSION_SETTINGS, 'shared_buffers=32MB', 'max_wal_size=64MB', 'min_wal_size=32MB'];

/** Prepared statements kept; programs have some dozens, more means texts that are put together at run time. */
const NAMED_MAX = 300;
/** What PGlite's loop throws where the server sent an error message, after which it goes on. */
const SERVER_ERROR_STATUS = 100;

export const startPglite = (folder: string | undefined): Promise<PGlite> =>
  PGlite.create({
    ...(folder === undefined ? {} : { dataDir: folder }),
    startParams: [...PGlite.defaultStartParams, ...START_PARAMETERS.flatMap((parameter) => ['-c', parameter])],
  });

/**
 * Statements in as few exchanges as the protocol allows: `PGlite.query` takes six, one after the other, and parses and
 * plans each time (a point read: 129 µs against 23 µs). Calls must not overlap.
 */
export class PgliteSession {
  /** Statement text → the name under which the server has it parsed. */
  private readonly names = new Map<string, string>();
  private named = 0;
  /** Names that are not used again and that the server still knows. */
  private readonly dropped: string[] = [];

  private broken = false;

  /** `onBroken` is told once the engine has stopped working; what was asked of it then never gets an answer. */
  constructor(
    private readonly db: PGlite,
    private readonly onBroken: (error: unknown) => void,
  ) {
    this.watchLoop();
  }

  /** One statement; parameters and results in text form, results read by type. */
  async query(statement: string, parameters: readonly (string | null)[]): Promise<Row[]> {
    const cached = WORTH_A_NAME.test(statement);
    const name = cached ? await this.nameOf(statement) : '';
    const answers = await this.exchange(
      ...(cached ? [] : [serialize.parse({ text: statement })]),
      serialize.bind({ statement: name, values: [...parameters] }),
      serialize.describe({ type: 'P' }),
      serialize.execute({}),
      serialize.sync(),
    );
    if (!cached) this.forgetStatements();
    return rowsOf(answers);
  }

  /** Statements without parameters, in one transaction if they name none. Gives the tag of the last (`COMMIT`, `ROLLBACK` …). */
  async run(script: string): Promise<string> {
    const answers = await this.exchange(serialize.query(script));
    const tags = answers.filter(
      (answer): answer is messages.CommandCompleteMessage => answer.name === 'commandComplete',
    );
    return tags.at(-1)?.text ?? '';
  }

  /** Has every statement parsed again: a table may have changed, and with it what a statement returns. */
  forgetStatements(): void {
    this.dropNames(this.names.size);
  }

  close(): Promise<void> {
    return this.db.close();
  }

  private async nameOf(statement: string): Promise<string> {
    const known = this.names.get(statement);
    if (known !== undefined) return known;
    if (this.names.size >= NAMED_MAX) this.dropNames(1);
    const name = `s${(this.named += 1)}`;
    const closed = this.dropped.splice(0).map((spare) => serialize.close({ type: 'S', name: spare }));
    await this.exchange(...closed, serialize.parse({ name, text: statement }), serialize.sync());
    this.names.set(statement, name);
    return name;
  }

  /** Forgets so many of the oldest; the server is told with the next new one. */
  private dropNames(count: number): void {
    for (const [statement, name] of [...this.names].slice(0, count)) {
      this.names.delete(statement);
      this.dropped.push(name);
    }
  }

  private async exchange(...parts: readonly Uint8Array[]): Promise<Answer[]> {
    try {
      const answers = await this.db.execProtocolStream(Buffer.concat(parts), { syncToFs: false });
      if (!this.broken) return answers;
    } catch (error) {
      if (!this.broken && error instanceof Error && 'severity' in error) throw error; // what the server said
      this.giveUp(error);
    }
    return new Promise(() => undefined);
  }

  /**
   * PGlite takes any exception of its engine for an error message: after an abort (a full disk is enough) it answers
   * each statement with nonsense, or loops for ever. So the loop is watched from inside.
   */
  private watchLoop(): void {
    const engine = this.db.Module;
    const loop = engine._PostgresMainLoopOnce;
    engine._PostgresMainLoopOnce = () => {
      if (this.broken) process.exit(1); // ends this thread only: the other way out is an endless loop
      try {
        loop();
      } catch (error) {
        if ((error as { readonly status?: unknown }).status !== SERVER_ERROR_STATUS) this.giveUp(error);
        throw error;
      }
    };
  }

  private giveUp(error: unknown): void {
    if (!this.broken) this.onBroken(error);
    this.broken = true;
  }
}

type Answer = Awaited<ReturnType<PGlite['execProtocolStream']>>[number];

const isColumns = (answer: Answer): answer is messages.RowDescriptionMessage => answer.name === 'rowDescription';
const isRow = (answer: Answer): answer is messages.DataRowMessage => answer.name === 'dataRow';

const rowsOf = (answers: readonly Answer[]): Row[] => {
  const rows: Row[] = [];
  let columns: { readonly name: string; readonly read: ReadText }[] = [];
  for (const answer of answers) {
    if (isColumns(answer))
      columns = answer.fields.map(({ name, dataTypeID }) => ({ name, read: readerOf(dataTypeID) }));
    if (!isRow(answer)) continue;
    const row: Record<string, unknown> = {};
    for (const [i, { name, read }] of columns.entries()) {
      const text = answer.fields[i] ?? null;
      row[name] = text === null ? null : read(text);
    }
    rows.push(row);
  }
  return rows;
};
