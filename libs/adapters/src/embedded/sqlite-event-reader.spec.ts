import type { EventStore } from '@drawdown/ports';
import { eventStoreConformance } from '@drawdown/ports/testing';
import Database from 'libsql';
import path from 'node:path';
import { openSqliteEventReader, type SqliteEventReader } from './sqlite-event-reader';
import { openSqliteEventStore } from './sqlite-event-store';
import { folders } from './testing/folders';
import { numberedEvents } from './testing/numbered-events';

const freshFolder = folders();

/** A store that appends by its thread, and one connection more that reads, woken by it. */
const openPair = async (folder = freshFolder()): Promise<{ store: EventStore; reader: SqliteEventReader }> => {
  const woken: { reader?: SqliteEventReader } = {};
  const store = await openSqliteEventStore(folder, { onStored: (stream) => woken.reader?.wake(stream) });
  const reader = openSqliteEventReader(folder);
  woken.reader = reader;
  return { store, reader };
};

// What is read comes from the reader, at once after the append.
eventStoreConformance(async () => {
  const { store, reader } = await openPair();
  return {
    append: (stream, expected, events) => store.append(stream, expected, events),
    read: (stream, from, limit) => reader.read(stream, from, limit),
    readAll: (after, limit, prefixes) => reader.readAll(after, limit, prefixes),
    head: (stream) => reader.head(stream),
    follow: (stream, from, signal) => reader.follow(stream, from, signal),
    followAll: (after, prefixes, signal) => reader.followAll(after, prefixes, signal),
    close: async () => {
      await reader.close();
      await store.close();
    },
  };
});

test('a follower that waits goes on with what the store appends', async () => {
  const { store, reader } = await openPair();
  const abort = new AbortController();
  const pages = reader.follow('s', 0, abort.signal)[Symbol.asyncIterator]();
  const waiting = pages.next();
  await store.append('s', 0, numberedEvents(0, 0, 3));
  expect((await waiting).value).toHaveLength(3);
  abort.abort();
  await reader.close();
  await store.close();
});

test('the store goes on appending, and keeps its log short, while somebody reads all the time', async () => {
  const folder = freshFolder();
  const { store, reader } = await openPair(folder);
  for (let next = 0; next < 4_000; next += 100) {
    await Promise.all([store.append('s', next, numberedEvents(0, next, 100)), reader.read('s', 0, 500)]);
  }
  expect(await reader.head('s')).toBe(3_999);
  await reader.close();
  await store.close();
  const other = new Database(path.join(folder, 'events.db'));
  expect(other.prepare('SELECT count(*) FROM events').raw().get([])).toEqual([4_000]);
  other.close();
});

test('a file of another form is refused', async () => {
  const folder = freshFolder();
  const other = new Database(path.join(folder, 'events.db'));
  other.exec('PRAGMA user_version = 99');
  other.close();
  expect(() => openSqliteEventReader(folder)).toThrow(/events\.db is of format 99/);
});
