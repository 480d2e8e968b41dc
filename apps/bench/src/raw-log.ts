import Database from 'libsql';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rateOf } from './rounds';

/** What the product stored: so many events of so many bytes, in so many appends. */
export interface Stored {
  readonly appends: number;
  readonly eventsPerAppend: number;
  readonly bytesPerEvent: number;
}

const APPENDS_MAX = 400;

/**
 * S: raw libsql group commit of the same bytes in appends of the same size, with the settings of the product's log (WAL,
 * `synchronous=FULL`) and one index, in this thread and on the same disk; events per second.
 */
export const measureS = async ({ appends, eventsPerAppend, bytesPerEvent }: Stored): Promise<number> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'drawdown-bench-raw-'));
  const db = new Database(path.join(folder, 'events.db'));
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    db.exec('CREATE TABLE events (pos INTEGER PRIMARY KEY, revision INTEGER NOT NULL UNIQUE, data BLOB NOT NULL)');
    const insert = db.prepare('INSERT INTO events (revision, data) VALUES (?, ?)');
    const data = Buffer.alloc(Math.max(1, Math.round(bytesPerEvent)), 'x');
    const [count, size] = [Math.min(appends, APPENDS_MAX), Math.max(1, Math.round(eventsPerAppend))];
    let revision = 0;
    return rateOf(count * size, () => {
      for (let append = 0; append < count; append++) {
        db.exec('BEGIN IMMEDIATE');
        for (let i = 0; i < size; i++) insert.run([revision++, data]);
        db.exec('COMMIT');
      }
    });
  } finally {
    db.close();
    await rm(folder, { recursive: true, force: true });
  }
};
