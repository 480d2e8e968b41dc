import { closeSync, fsyncSync, openSync } from 'node:fs';
import path from 'node:path';
import Database from 'libsql';

/** The form of the tables below. A file of another form is refused, never converted on the way. */
const FORMAT = 1;
/** How long a statement waits for a process outside (a backup, a shell) that holds the file. */
const BUSY_MS = 2_000;
/** SQLite's own default: at 4,000 pages the mean rate was the same, and the slowest appends took three times as long. */
const CHECKPOINT_PAGES = 1_000;
/** One read holds up appends for the time of this many rows or bytes (about 2 ms), then lets them through. */
const READ_EVENTS_MAX = 500;
const READ_BYTES_MAX = 1024 * 1024;
/** Rows that one call of readAll looks at, whether they match or not: about 2 ms of rows that do not. */
const SCAN_EVENTS_MAX = 2_000;

/** Failures of COMMIT after which the transaction is surely not in the file: its last frame was not written, or not tried. */
const SURELY_NOT_COMMITTED = /^SQLITE_(FULL|BUSY.*|IOERR_WRITE)$/;

export interface AppendRequest {
  readonly stream: string;
  readonly expected: number;
  readonly events: readonly { id: string; type: string; metadata: string; data: Uint8Array }[];
}

export type AppendAnswer =
  | { readonly outcome: 'stored'; readonly revision: number; readonly position: number; readonly repeated: boolean }
  | { readonly outcome: 'conflict'; readonly head: number }
  /** Nothing was stored; `unknown`: nobody can say; `refused`: nothing was stored, and it never will be. */
  | { readonly outcome: 'unavailable' | 'unknown' | 'refused'; readonly reason: string };

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

// `data` is last: what is asked of the columns before it does not read through its pages.
const TABLES = `
  CREATE TABLE events (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (stream, revision)
  );
  PRAGMA user_version = ${String(FORMAT)};`;
const COLUMNS = 'pos, stream, revision, id, type, metadata, data';
const BYTES = 'octet_length(data) + octet_length(metadata)';

/**
 * The log in one SQLite file, synchronously: this is the inside of the event store's thread.
 *
 * Parameters are always passed as one array: libsql takes a single buffer or object for named parameters, and panics.
 */
export class SqliteLog {
  protected readonly db: Database.Database;
  private readonly statements = new Map<string, Database.Statement>();

  constructor(file: string) {
    this.db = new Database(file);
    this.db.exec(`PRAGMA busy_timeout = ${String(BUSY_MS)}`);
    const [mode] = this.db.prepare('PRAGMA journal_mode = WAL').raw().get([]) as [string];
    if (mode !== 'wal') throw new Error(`${file}: the file system does not allow WAL (journal mode: ${mode})`);
    // fullfsync: macOS only, where a plain fsync leaves the bytes in the drive's cache.
    this.db.exec(`PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
      PRAGMA wal_autocheckpoint = ${String(CHECKPOINT_PAGES)}`);
    const [format] = this.db.prepare('PRAGMA user_version').raw().get([]) as [number];
    if (format === 0) this.db.exec(`BEGIN IMMEDIATE; ${TABLES} COMMIT`);
    else if (format !== FORMAT) {
      throw new Error(`${file} is of format ${String(format)}; this program knows ${String(FORMAT)}`);
    }
    // A process that was killed between write and fsync left events that are there for all readers, but in the page cache
    // only. They must not be acknowledged, or read by anyone, before they are on the disk.
    syncToDisk(`${file}-wal`);
    syncToDisk(path.dirname(file));
  }

  /** Places several appends in one transaction, so in one wait for the disk. Throws where the connection is of no use any more. */
  append(requests: readonly AppendRequest[]): readonly AppendAnswer[] {
    const failed = (outcome: 'unavailable' | 'unknown' | 'refused', error: unknown): readonly AppendAnswer[] =>
      requests.map(() => ({ outcome, reason: String(error) }));
    try {
      this.db.exec('BEGIN IMMEDIATE');
    } catch (error) {
      return failed('unavailable', error);
    }
    let answers: readonly AppendAnswer[];
    try {
      answers = requests.map((request) => this.place(request));
    } catch (error) {
      this.rollback();
      // One that fails must not take the others with it.
      if (requests.length > 1) return requests.flatMap((request) => this.append([request]));
      return failed(isMistake(error) ? 'refused' : 'unavailable', error);
    }
    try {
      this.commit();
      return answers;
    } catch (error) {
      this.rollback();
      // Also of those that wrote nothing: a conflict or a repetition may have been one with an append of this very group.
      return failed(SURELY_NOT_COMMITTED.test(codeOf(error)) ? 'unavailable' : 'unknown', error);
    }
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

  close(): void {
    this.statements.clear();
    this.db.close();
  }

  protected commit(): void {
    this.db.exec('COMMIT');
  }

  private place({ stream, expected, events }: AppendRequest): AppendAnswer {
    const head = this.head(stream);
    if (expected !== head + 1) return this.stored(stream, expected, events) ?? { outcome: 'conflict', head };
    const insert = this.statement(
      'INSERT INTO events (stream, revision, id, type, metadata, data) VALUES (?, ?, ?, ?, ?, ?)',
    );
    let revision = head;
    let position = -1;
    for (const { id, type, metadata, data } of events) {
      revision += 1;
      position = Number(insert.run([stream, revision, id, type, metadata, data]).lastInsertRowid);
    }
    return { outcome: 'stored', revision, position, repeated: false };
  }

  /** The answer to an append whose very events are there already. */
  private stored(stream: string, from: number, events: AppendRequest['events']): AppendAnswer | undefined {
    const statement =
      'SELECT pos, revision, id FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?';
    const rows = this.all<[number, number, string]>(statement, [stream, from, events.length]);
    const last = rows.at(-1);
    if (last === undefined || rows.length < events.length) return undefined;
    if (rows.some(([, , id], index) => id !== events[index]?.id)) return undefined;
    return { outcome: 'stored', revision: last[1], position: last[0], repeated: true };
  }

  private rollback(): void {
    if (this.db.inTransaction) this.db.exec('ROLLBACK');
  }

  private all<Row>(statement: string, parameters: readonly (string | number)[]): readonly Row[] {
    return this.statement(statement, true).all(parameters) as Row[];
  }

  /** Prepared once. The texts differ by the number of prefixes only. */
  private statement(text: string, raw = false): Database.Statement {
    const known = this.statements.get(text);
    if (known) return known;
    const prepared = raw ? this.db.prepare(text).raw() : this.db.prepare(text);
    this.statements.set(text, prepared);
    return prepared;
  }
}

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown }).code);

/** Not the file's or the disk's fault: a repeated event id, or a bug. */
const isMistake = (error: unknown): boolean => !/^SQLITE_(?!CONSTRAINT|ERROR|MISUSE|RANGE|TOOBIG)/.test(codeOf(error));

/** How many of these rows go into one page: at least one. */
const fitting = (sizes: readonly number[]): number => {
  let bytes = 0;
  const over = sizes.findIndex((size, index) => (bytes += size) > READ_BYTES_MAX && index > 0);
  return over < 0 ? sizes.length : over;
};

const syncToDisk = (file: string): void => {
  if (process.platform === 'win32') return; // a folder cannot be opened there, and a file has to be for writing
  const descriptor = openSync(file, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
