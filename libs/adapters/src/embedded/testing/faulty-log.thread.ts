/** The event store's thread, but it dies or runs out of space as told. */
import { serveThread } from '../../serve-thread';
import { type AppendAnswer, type AppendRequest, SqliteLog } from '../sqlite-log';
import { type LogCalls, logCalls } from '../sqlite-log-calls';
import { type Faults, FAULT } from './faults';

class FaultyLog extends SqliteLog {
  private readonly faults: Int32Array;

  constructor({ file, faults }: { readonly file: string; readonly faults: Faults }) {
    super(file);
    this.faults = new Int32Array(faults);
  }

  override append(requests: readonly AppendRequest[]): readonly AppendAnswer[] {
    const pagesMax = Atomics.load(this.faults, FAULT.pagesMax);
    if (pagesMax > 0) this.db.exec(`PRAGMA max_page_count = ${String(pagesMax)}`);
    return super.append(requests);
  }

  protected override commit(): void {
    this.dieWhereTold(FAULT.dieBeforeCommit);
    super.commit();
    this.dieWhereTold(FAULT.dieAfterCommit);
  }

  private dieWhereTold(where: number): void {
    if (Atomics.exchange(this.faults, where, 0) === 1) process.exit(1); // ends the thread, not the process
  }
}

serveThread<LogCalls, { readonly file: string; readonly faults: Faults }>((data) => logCalls(new FaultyLog(data)));
