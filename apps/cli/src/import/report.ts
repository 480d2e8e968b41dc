import { closeSync, constants, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { UsageError } from '../usage-error';
import type { JudgedFault } from './send';

/** Never through a link: it may have come with the file that is imported, and lead to a file of whoever imports it. */
const { O_RDWR, O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = constants;
const ANEW = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
const ON = O_RDWR | O_NOFOLLOW;

/** The lines that were not imported, one JSON object each, in the order of the file. Exists once there is one. */
export class ErrorReport {
  private handle: number | null = null;
  private written: number;

  /** Keeps the first `keptBytes` of an earlier run's report: what comes after them is about lines that are read again. */
  constructor(
    readonly file: string,
    keptBytes: number,
  ) {
    this.written = keptBytes;
    if (keptBytes === 0) rmSync(file, { force: true });
    else this.open();
  }

  get bytes(): number {
    return this.written;
  }

  add(faults: readonly JudgedFault[]): void {
    if (faults.length === 0) return;
    const lines = faults
      .map(({ line, outcome, code, reason, pointer, value }) =>
        JSON.stringify({ line, outcome, code, reason, pointer, value }),
      )
      .join('\n');
    this.written += writeSync(this.handle ?? this.open(), `${lines}\n`, this.written);
  }

  close(): void {
    if (this.handle !== null) closeSync(this.handle);
    this.handle = null;
  }

  private open(): number {
    try {
      this.handle = openSync(this.file, this.written === 0 ? ANEW : ON);
    } catch (error) {
      throw new UsageError(`the report of an earlier run cannot be continued (${(error as Error).message}); --restart`);
    }
    ftruncateSync(this.handle, this.written);
    return this.handle;
  }
}
