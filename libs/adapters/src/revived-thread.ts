import { DatabaseUnavailable, type Log } from '@drawdown/ports';
import { Thread, ThreadDied, ThreadFailure } from './thread';
import type { Calls } from './thread-messages';

/** Pause before the first attempt to start a thread that died; doubled after each that fails, up to the second. */
const REVIVE_FIRST_MS = 200;
const REVIVE_LONGEST_MS = 5_000;

/** Codes by which a thread says that nothing is wrong with what it was asked. */
const UNAVAILABLE: ReadonlySet<string | undefined> = new Set(['database_unavailable', 'transaction_lost']);

export interface RevivedOptions<T extends Calls<T>, Told, Tells> {
  /** What works in the thread, for errors and the log: `the embedded read database`. */
  readonly what: string;
  readonly log: Log;
  /** Has a thread that has just been started begin its work: the first one, and each after a death. */
  readonly begin: (thread: Thread<T, Told, Tells>, starts: number) => Promise<void>;
  readonly onTold?: (message: Tells) => void;
  /** Told of each death after the first start. */
  readonly onDown?: () => void;
}

/** A thread with a database in it that is started again by itself where it dies. What it is asked meanwhile is unavailable. */
export class RevivedThread<T extends Calls<T>, Told = never, Tells = never> {
  private readonly thread: Thread<T, Told, Tells>;
  private state: 'starting' | 'up' | 'down' | 'closed' = 'starting';
  private starts = 0;
  private revival: NodeJS.Timeout | undefined;

  constructor(
    file: string,
    data: unknown,
    private readonly options: RevivedOptions<T, Told, Tells>,
  ) {
    const { onTold } = options;
    this.thread = new Thread(file, data, { onDeath: (error) => this.died(error), ...(onTold ? { onTold } : {}) });
  }

  get isUp(): boolean {
    return this.state === 'up';
  }

  /** The first start; rejects where it fails, and is closed then. */
  async start(): Promise<void> {
    try {
      await this.wake();
    } catch (error) {
      await this.close();
      throw new DatabaseUnavailable(`${this.options.what} could not be started`, { cause: error });
    }
  }

  readonly call: Thread<T>['call'] = (name, argument) => {
    this.refuseUnlessUp();
    return this.callWhileClosing(name, argument);
  };

  /** For what had begun before `close`, which waits for it. */
  readonly callWhileClosing: Thread<T>['call'] = async (name, argument) => {
    try {
      return await this.thread.call(name, argument);
    } catch (error) {
      if (error instanceof ThreadDied) {
        throw new DatabaseUnavailable(`${this.options.what} has stopped`, { cause: error });
      }
      if (error instanceof ThreadFailure && UNAVAILABLE.has(error.code)) {
        throw new DatabaseUnavailable(error.message, { cause: error });
      }
      throw error;
    }
  };

  tell(message: Told): void {
    this.thread.tell(message);
  }

  refuseUnlessUp(): void {
    if (this.state === 'up') return;
    const why = this.state === 'closed' ? 'is closed' : 'is being started again';
    throw new DatabaseUnavailable(`${this.options.what} ${why}`);
  }

  /** Refuses new calls, waits for `others` and those under way, ends the thread. */
  async close(others?: () => Promise<unknown>): Promise<void> {
    this.state = 'closed';
    clearTimeout(this.revival);
    await others?.();
    await this.thread.close();
  }

  private async wake(): Promise<void> {
    await this.options.begin(this.thread, (this.starts += 1));
    if (this.state !== 'closed') this.state = 'up';
  }

  private died(error: Error): void {
    if (this.state !== 'up') return; // the first start, or a revival that goes on by itself
    this.state = 'down';
    this.options.onDown?.();
    this.options.log.error({ error: String(error) }, `the thread of ${this.options.what} died`);
    this.reviveAfter(REVIVE_FIRST_MS);
  }

  private reviveAfter(pauseMs: number): void {
    if (this.state === 'closed') return;
    this.revival = setTimeout(() => {
      this.wake().then(
        () => this.options.log.info({ starts: this.starts }, `${this.options.what} is back`),
        (error: unknown) => {
          this.options.log.warn({ error: String(error) }, `${this.options.what} could not be started again`);
          this.reviveAfter(Math.min(pauseMs * 2, REVIVE_LONGEST_MS));
        },
      );
    }, pauseMs);
  }
}
