import { open } from 'node:fs/promises';

/** Longer lines are reported, not read: far more than the largest usage event, far less than a request may have. */
export const LINE_BYTES_MAX = 1024 * 1024;
const READ_BYTES = 256 * 1024;
/** Of a line that is too long, enough to show what it is. */
const KEPT_BYTES = 256;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export interface Line {
  /** From 1, counting every line of the file. */
  readonly number: number;
  /** Without its line break; only the beginning where the line is too long. Valid until the next line is asked for. */
  readonly bytes: Buffer;
  readonly tooLong: boolean;
  /** Where the next line begins. */
  readonly end: number;
}

/** A place between two lines: how many are before it, and its offset in the file. */
export interface Place {
  readonly line: number;
  readonly offset: number;
}

/**
 * The lines of a file from a place on, in constant memory: what exceeds {@link LINE_BYTES_MAX} is passed over, and
 * one buffer serves all reads. Lines end with `\n` or `\r\n`; a byte order mark at the beginning is dropped.
 */
export const readLines = async function* (file: string, from: Place, signal: AbortSignal): AsyncGenerator<Line> {
  const handle = await open(file);
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const splitter = new LineSplitter(from);
    for (let offset = from.offset; ;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, offset);
      if (bytesRead === 0) break;
      offset += bytesRead;
      yield* splitter.split(buffer.subarray(0, bytesRead));
    }
    yield* splitter.rest();
  } finally {
    await handle.close();
  }
};

class LineSplitter {
  /** The beginning of a line that goes on in the next chunk; copied, since chunks share one buffer. */
  private begun: Buffer[] = [];
  private size = 0;
  private number: number;
  private offset: number;

  constructor(from: Place) {
    this.number = from.line;
    this.offset = from.offset;
  }

  *split(chunk: Buffer): Generator<Line> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      yield this.take(chunk.subarray(start, end), 1);
      start = end + 1;
    }
    this.keep(chunk.subarray(start));
  }

  /** A last line without a line break. */
  *rest(): Generator<Line> {
    if (this.size > 0) yield this.take(Buffer.alloc(0), 0);
  }

  private keep(part: Buffer): void {
    if (part.length === 0) return;
    const wasTooLong = this.size > LINE_BYTES_MAX + 1;
    this.size += part.length;
    if (wasTooLong) return;
    this.begun.push(Buffer.from(part));
    if (this.size > LINE_BYTES_MAX + 1) this.begun = [Buffer.concat(this.begun, KEPT_BYTES)];
  }

  private take(last: Buffer, breakBytes: number): Line {
    const size = this.size + last.length;
    const isCut = this.size > LINE_BYTES_MAX + 1;
    const whole = isCut || this.begun.length > 0 ? Buffer.concat(isCut ? this.begun : [...this.begun, last]) : last;
    const isFirst = this.offset === 0;
    const text = isFirst && whole.subarray(0, 3).equals(BYTE_ORDER_MARK) ? whole.subarray(3) : whole;
    const bytes = text.at(-1) === CARRIAGE_RETURN ? text.subarray(0, -1) : text;
    this.offset += size + breakBytes;
    this.number += 1;
    this.begun = [];
    this.size = 0;
    return { number: this.number, bytes, tooLong: isCut || bytes.length > LINE_BYTES_MAX, end: this.offset };
  }
}
