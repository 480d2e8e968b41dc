import Database from 'libsql';

/** The form of the tables, which stand in `sqlite-log.ts`. A file of another form is refused, never converted on the way. */
export const FORMAT = 1;
/** How long a statement waits for a process outside (a backup, a shell) that holds the file. */
const BUSY_MS = 2_000;
/** One read holds up appends for the time of this many rows or bytes (about 2 ms), then lets them through. */
const READ_EVENTS_MAX = 500;
const READ_BYTES_MAX = 1024 * 1024;
/** Rows that one call of readAll looks at, whether they match or not: about 2 ms of rows that do not. */
const SCAN_EVENTS_MAX = 2_000;

export type EventRow = readonly [
  position: number,
  stream: string,
  revision: number,
  id: string,
  type: string,
  metadata: string,
  data: Uint8Array,
];

export interface ReadPage {
  readonly rows: readonly EventRow[];
  /** Nothing follows these rows, as of now. */
  readonly end: boolean;
}

export interface ScanPage extends ReadPage {
  /** Where to go on: what matches up to here is in the rows. */
  readonly scanned: number;
}

/** `data` is last: what is asked of the columns before it does not read through its pages. */
const COLUMNS = 'pos, stream, revision, id, type, metadata, data';
const BYTES = 'octet_length(data) + octet_length(metadata)';

/**
 * A connection to the log's file, for reading. Synchronous; SQLite lets one connection of a process read while another
 * writes, and shows it what was committed, which here means what is on the disk.
 *
 * Parameters are always passed as one array: libsql takes a single buffer or object for named parameters, and panics.
 */
export class SqliteLogReads {
  protected readonly db: Database.Database;
  private readonly statements = new Map<string, Database.Statement>();

  constructor(private readonly file: string) {
    this.db = new Database(file);
    this.db.exec(`PRAGMA busy_timeout = ${String(BUSY_MS)}`);
  }

  /** A log that was opened for writing in this process before, and stays so until this connection is closed. */
  static ofOpen(file: string): SqliteLogReads {
    const reads = new SqliteLogReads(file);
    reads.db.exec('PRAGMA query_only = ON'); // libsql has no other way: it ignores `readonly`
    reads.refuseOtherFormats();
    return reads;
  }

  read({ stream, from, limit }: { stream: string; from: number; limit: number }): ReadPage {
    const asked = Math.min(limit, READ_EVENTS_MAX);
    const after = 'FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?';
    const sizes = this.all<[number]>(`SELECT ${BYTES} ${after}`, [stream, from, asked]);
    const count = fitting(sizes.map(([bytes]) => bytes));
    const rows = this.all<EventRow>(`SELECT ${COLUMNS} ${after}`, [stream, from, count]);
    return { rows, end: sizes.length < asked && count === sizes.length };
  }

  readAll({
    after,
    limit,
    prefixes,
  }: {
    after: number;
    limit: number;
    prefixes: readonly string[] | undefined;
  }): ScanPage {
    const [last] = this.all<[number]>('SELECT coalesce(max(pos), -1) FROM events', [])[0] ?? [-1];
    const to = Math.max(after, Math.min(after + SCAN_EVENTS_MAX, last)); // never back, where `after` is past the end
    const asked = Math.min(limit, READ_EVENTS_MAX);
    const matching =
      prefixes === undefined ? '' : `AND (${['0', ...prefixes.map(() => 'instr(stream, ?) = 1')].join(' OR ')})`;
    const range = `FROM events WHERE pos > ? AND pos <= ? ${matching} ORDER BY pos LIMIT ?`;
    const found = this.all<[number, number]>(`SELECT pos, ${BYTES} ${range}`, [after, to, ...(prefixes ?? []), asked]);
    const count = fitting(found.map(([, bytes]) => bytes));
    const complete = found.length < asked && count === found.length;
    const scanned = complete ? to : (found[count - 1]?.[0] ?? to);
    const rows = this.all<EventRow>(`SELECT ${COLUMNS} ${range}`, [after, scanned, ...(prefixes ?? []), count]);
    return { rows, scanned, end: scanned >= last };
  }

  head(stream: string): number {
    return (
      this.all<[number]>('SELECT coalesce(max(revision), -1) FROM events WHERE stream = ?', [stream])[0]?.[0] ?? -1
    );
  }

  protected get format(): number {
    const [format] = this.db.prepare('PRAGMA user_version').raw().get([]) as [number];
    return format;
  }

  protected refuseOtherFormats(): void {
    const { file, format } = this;
    if (format === FORMAT) return;
    throw new Error(`${file} is of format ${String(format)}; this program knows ${String(FORMAT)}`);
  }

  close(): void {
    this.statements.clear();
    this.db.close();
  }

  protected all<Row>(statement: string, parameters: readonly (string | number)[]): readonly Row[] {
    return this.statement(statement, true).all(parameters) as Row[];
  }

  /** Prepared once. The texts differ by the number of prefixes only. */
  protected statement(text: string, raw = false): Database.Statement {
    const known = this.statements.get(text);
    if (known) return known;
    const prepared = raw ? this.db.prepare(text).raw() : this.db.prepare(text);
    this.statements.set(text, prepared);
    return prepared;
  }
}

/** How many of these rows go into one page: at least one. */
const fitting = (sizes: readonly number[]): number => {
  let bytes = 0;
  const over = sizes.findIndex((size, index) => (bytes += size) > READ_BYTES_MAX && index > 0);
  return over < 0 ? sizes.length : over;
};
