import { writeSync } from 'node:fs';

const STANDARD_OUTPUT = 1;
/** What may wait for a reader that is behind; lines on top of it are dropped, so that memory does not grow with it. */
const WAITING_BYTES_MAX = 1024 * 1024;
/** Pause before a reader that is behind is given more. */
const AGAIN_MS = 20;

/** Writes what it can take of these bytes, and answers how many; throws as `writeSync` does. */
export type Put = (bytes: Uint8Array) => number;

/**
 * Where log lines go. A log is no reason to fail: lines that cannot be written (nobody reads any more, the disk is full)
 * are dropped and counted, and the next one is tried again (FLT-84). It never waits.
 */
export class LogOutput {
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  /** The last line that came out is half a line. */
  private isTorn = false;
  private droppedLines = 0;

  constructor(private readonly put: Put = (bytes) => writeSync(STANDARD_OUTPUT, bytes)) {}

  /** Lines that were dropped since the process started. */
  get dropped(): number {
    return this.droppedLines;
  }

  write(line: string): void {
    // After half a line that will never be whole, the next one begins on its own.
    const bytes = Buffer.from(this.isTorn && this.waiting.length === 0 ? `\n${line}` : line, 'utf8');
    if (this.waitingBytes + bytes.length > WAITING_BYTES_MAX) {
      this.droppedLines++;
      return;
    }
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (this.timer === undefined) this.flush();
  }

  /** Writes what waits, as far as its reader takes it. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    try {
      for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
        const written = this.put(next);
        this.waitingBytes -= written;
        this.isTorn = written < next.length;
        if (this.isTorn) this.waiting[0] = next.subarray(written);
        else this.waiting.shift();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        this.timer = setTimeout(() => this.flush(), AGAIN_MS).unref();
        return;
      }
      this.droppedLines += this.waiting.length;
      this.waiting = [];
      this.waitingBytes = 0;
    }
  }
}

/** Of the process, as its standard output is. */
export const standardOutput = new LogOutput();
process.once('exit', () => standardOutput.flush());

/**
 * From here on whoever reads what the process says may go away: it goes on. What is said is told to be unsaid by
 * {@link say} alone.
 */
export const outliveReaders = (): void => {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
};

/** For one who reads slowly; nothing waits for one who does not read at all. */
const SAY_MAX_MS = 5_000;

/** Says something to whoever started the process. False where nobody could be told, or nobody reads on. */
export const say = (text: string): Promise<boolean> =>
  new Promise((resolve) => {
    const unread = setTimeout(() => resolve(false), SAY_MAX_MS);
    process.stdout.write(text, (error) => {
      clearTimeout(unread);
      resolve(error === null || error === undefined);
    });
  });
