import { EMPTIED } from '@drawdown/adapters/embedded/pglite-database';
import { takeForwarded } from '@drawdown/adapters/forwarding';
import { RevivedThread } from '@drawdown/adapters/revived-thread';
import { sqlText } from '@drawdown/adapters/sql-values';
import { threadFile } from '@drawdown/adapters/thread';
import { ProgressMirror } from '@drawdown/delivery';
import type { Log, Metrics, Row, Sql } from '@drawdown/ports';
import type { ReadSideCalls, ReadSideData, ReadSideTells, ReadSideTold } from './read-side-calls';

/**
 * The process stops within 10 s, and the thread is only one part of it. What is not done by then is read from the log
 * again: the checkpoints know, and a database that was not closed is looked at when it is opened.
 */
const LIMITS = { stopMs: 4_000, closeMs: 3_000 };

/**
 * The read side, which works in a thread of its own, as the main thread has it. A thread that dies is started again and
 * goes on from its checkpoints; until then nothing here can be read, and everything else works.
 */
export class ReadSide {
  /** The embedded database, for questions. */
  readonly database: Sql;
  readonly progress = new ProgressMirror((projector, suffix) => this.thread.tell({ lost: { projector, suffix } }));
  private readonly thread: RevivedThread<ReadSideCalls, ReadSideTold, ReadSideTells>;
  /** Shards of the log, once it is followed. */
  private shards: number | undefined;
  private stopped: Promise<void> | undefined;

  constructor(
    data: ReadSideData,
    metrics: Metrics,
    private readonly log: Log,
    private readonly limits = LIMITS,
  ) {
    this.thread = new RevivedThread(threadFile(__dirname, 'read-side.thread'), data, {
      ...{ what: 'the read side', log },
      begin: async (thread) => {
        const thrownAway = await thread.call('started', null);
        if (thrownAway !== undefined) log.error({ reason: thrownAway }, EMPTIED);
        if (this.shards !== undefined) await thread.call('follow', { shards: this.shards });
      },
      onTold: (message) => {
        if ('report' in message) this.progress.accept(message.report);
        else takeForwarded(message.forwarded, metrics, log);
      },
    });
    this.database = {
      query: async <R extends Row>(statement: string, parameters: Parameters<Sql['query']>[1] = []) => {
        const rows = await this.thread.call('query', { statement, parameters: parameters.map(sqlText) });
        return rows as unknown as readonly R[];
      },
    };
  }

  /** Opens the database; rejects where that fails. */
  start(): Promise<void> {
    return this.thread.start();
  }

  /** Lets the projectors run, from now on and after each death. The log must be open. */
  async follow(shards: number): Promise<void> {
    this.shards = shards;
    await this.thread.call('follow', { shards });
  }

  /** Something may have been stored in this stream. */
  wake(stream: string): void {
    this.thread.tell({ stored: stream });
  }

  /** Why it does not work now; null where it does. */
  get trouble(): string | null {
    if (!this.thread.isUp) return 'the read side is being started again';
    if (this.progress.trouble !== null) return this.progress.trouble;
    const stuck = this.progress.health().find(({ state }) => state !== 'running');
    return stuck === undefined ? null : `${stuck.model}: ${stuck.reason ?? stuck.state}`;
  }

  /** Finishes the batches in hand. What is asked afterwards is answered from what there is. */
  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  /** Closes the database, after the questions under way. */
  async close(): Promise<void> {
    await this.stop();
    await this.within(this.limits.closeMs, this.thread.close(), 'the read models are not closed');
  }

  private async end(): Promise<void> {
    this.progress.giveUp();
    if (!this.thread.isUp || this.shards === undefined) return;
    await this.within(this.limits.stopMs, this.thread.call('stop', null), 'a batch of the read models is not finished');
  }

  /** Waits no longer for the thread, which may hang in the engine; a failure is not the shutdown's failure either. */
  private async within(ms: number, work: Promise<void>, otherwise: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not within ${String(ms)} ms`)), ms);
    });
    try {
      await Promise.race([work, late]);
    } catch (error) {
      this.log.warn({ error: String(error) }, `${otherwise}; the next start goes on from the checkpoints`);
    } finally {
      clearTimeout(timer);
    }
  }
}
