import path from 'node:path';
import { type AppendRequest, SqliteLog } from './sqlite-log';
import { folders } from './testing/folders';
import { numberedEvents } from './testing/numbered-events';

const freshFolder = folders();

/** A log whose next COMMIT fails with this SQLite error. */
class FailingLog extends SqliteLog {
  failWith: string | undefined;

  setting(name: string): unknown {
    return (this.db.prepare(`PRAGMA ${name}`).raw().get([]) as unknown[])[0];
  }

  /** The statements that are prepared from now on. */
  prepared() {
    return jest.spyOn(this.db, 'prepare');
  }

  protected override commit(): void {
    const code = this.failWith;
    this.failWith = undefined;
    if (code !== undefined) throw Object.assign(new Error(`failed: ${code}`), { code });
    super.commit();
  }
}

const request = (stream: string, expected: number, count: number, writer = 0): AppendRequest => ({
  stream,
  expected,
  events: numberedEvents(writer, expected, count).map(({ id, type, data }) => ({ id, type, data, metadata: '{}' })),
});

const opened: SqliteLog[] = [];
afterEach(() => {
  for (const log of opened.splice(0)) log.close();
});
const open = (): FailingLog => {
  const log = new FailingLog(path.join(freshFolder(), 'events.db'));
  opened.push(log);
  return log;
};

test('a commit waits for the disk', () => {
  const log = open();
  const settings = ['journal_mode', 'synchronous', 'fullfsync', 'checkpoint_fullfsync'].map((name) =>
    log.setting(name),
  );
  expect(settings).toEqual(['wal', 2, 1, 1]); // 2 is FULL: with less, an acknowledged append can be lost with the power
});

test('FLD-62: a statement is prepared once, however often it is asked', () => {
  const log = open();
  const prepared = log.prepared();
  for (let n = 0; n < 20; n++) {
    log.append([request('s', n, 1)]);
    expect([log.head('s'), log.read({ stream: 's', from: n, limit: 1 }).rows.length]).toEqual([n, 1]);
  }
  const texts = prepared.mock.calls.map(([text]) => text as string);
  expect(texts.length).toBeGreaterThan(0);
  expect(texts).toEqual([...new Set(texts)]);
});

test('appends of one stream that share a commit follow each other', () => {
  const log = open();
  const answers = log.append([request('s', 0, 2), request('s', 2, 1), request('t', 0, 1, 1), request('s', 2, 1, 2)]);
  expect(answers.map(({ outcome }) => outcome)).toEqual(['stored', 'stored', 'stored', 'conflict']);
  expect([log.head('s'), log.head('t')]).toEqual([2, 0]);
});

test.each([
  ['SQLITE_FULL', 'unavailable'],
  ['SQLITE_IOERR_WRITE', 'unavailable'],
  ['SQLITE_BUSY', 'unavailable'],
  ['SQLITE_IOERR_FSYNC', 'unknown'],
  ['SQLITE_IOERR_SHMSIZE', 'unknown'],
  ['SQLITE_NOMEM', 'unknown'],
])('a commit that fails with %s leaves the outcome %s, for all who share it', (code, outcome) => {
  const log = open();
  log.append([request('s', 0, 1)]);
  log.failWith = code;
  // The third repeats the first and the fourth conflicts with it: what they met there is gone again.
  const group = [request('s', 1, 2), request('t', 0, 1, 1), request('s', 1, 2), request('s', 1, 1, 2)];
  expect(log.append(group).map((answer) => answer.outcome)).toEqual([outcome, outcome, outcome, outcome]);
  expect([log.head('s'), log.head('t')]).toEqual([0, -1]);
  expect(log.append(group).map((answer) => answer.outcome)).toEqual(['stored', 'stored', 'stored', 'conflict']);
});

test('a reader whose position is past the end stays there', () => {
  const log = open();
  log.append([request('s', 0, 3)]);
  const past = { after: 100, limit: 10, prefixes: undefined };
  expect(log.readAll(past)).toEqual({ rows: [], scanned: 100, end: true });
});
