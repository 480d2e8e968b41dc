import { closeSync, fsyncSync, openSync } from 'node:fs';
import path from 'node:path';
import { FORMAT, SqliteLogReads } from './sqlite-log-reads';

/** SQLite's own default: at 4,000 pages the mean rate was the same, and the slowest appends took three times as long. */
const CHECKPOINT_PAGES = 1_000;

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

/** The log in one SQLite file, synchronously: this is the inside of the event store's thread. */
export class SqliteLog extends SqliteLogReads {
  constructor(file: string) {
    super(file);
    const [mode] = this.db.prepare('PRAGMA journal_mode = WAL').raw().get([]) as [string];
    if (mode !== 'wal') throw new Error(`${file}: the file system does not allow WAL (journal mode: ${mode})`);
    // fullfsync: macOS only, where a plain fsync leaves the bytes in the drive's cache.
    this.db.exec(`PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
      PRAGMA wal_autocheckpoint = ${String(CHECKPOINT_PAGES)}`);
    if (this.format === 0) this.db.exec(`BEGIN IMMEDIATE; ${TABLES} COMMIT`);
    this.refuseOtherFormats();
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
}

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown }).code);

/** Not the file's or the disk's fault: a repeated event id, or a bug. */
const isMistake = (error: unknown): boolean => !/^SQLITE_(?!CONSTRAINT|ERROR|MISUSE|RANGE|TOOBIG)/.test(codeOf(error));

const syncToDisk = (file: string): void => {
  if (process.platform === 'win32') return; // a folder cannot be opened there, and a file has to be for writing
  const descriptor = openSync(file, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
