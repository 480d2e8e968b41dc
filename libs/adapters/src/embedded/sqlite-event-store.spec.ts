import path from 'node:path';
import { type EventStore, type NewEvent, NO_LOG, type StoredEvent } from '@drawdown/ports';
import { eventStoreConformance } from '@drawdown/ports/testing';
import Database from 'libsql';
import { threadFile } from '../thread';
import { openSqliteEventStore } from './sqlite-event-store';
import { type FAULT, noFaults, setFault } from './testing/faults';
import { folders } from './testing/folders';
import { numberedEvent, numberedEvents } from './testing/numbered-events';

const freshFolder = folders();
eventStoreConformance(() => openSqliteEventStore(freshFolder()));

const opened: EventStore[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

/** A store whose thread fails as told. */
const openFaulty = async (folder = freshFolder()) => {
  const faults = noFaults();
  const deaths = jest.fn();
  const store = await openSqliteEventStore(folder, {
    log: { ...NO_LOG, error: deaths },
    thread: { file: threadFile(path.join(__dirname, 'testing'), 'faulty-log.thread'), data: { faults } },
  });
  opened.push(store);
  return { store, deaths, set: (fault: keyof typeof FAULT, value: number) => setFault(faults, fault, value) };
};

const ids = (events: readonly NewEvent[]): string[] => events.map(({ id }) => id);

describe('when the thread dies', () => {
  test('before the commit, the outcome is unknown and the same append is stored when it is repeated', async () => {
    const { store, set, deaths } = await openFaulty();
    await store.append('s', 0, numberedEvents(0, 0, 2));
    set('dieBeforeCommit', 1);
    const append = numberedEvents(0, 2, 200);
    await expect(store.append('s', 2, append)).rejects.toMatchObject({ code: 'append_unknown', stream: 's' });
    expect(deaths).toHaveBeenCalledTimes(1);
    expect(await store.head('s')).toBe(1);
    expect(await store.append('s', 2, append)).toMatchObject({ revision: 201, repeated: false });
  });

  test('after the commit, the outcome is unknown and the same append resolves when it is repeated', async () => {
    const { store, set } = await openFaulty();
    set('dieAfterCommit', 1);
    const append = numberedEvents(0, 0, 2);
    await expect(store.append('s', 0, append)).rejects.toMatchObject({ code: 'append_unknown' });
    expect(await store.append('s', 0, append)).toMatchObject({ revision: 1, repeated: true });
    expect(ids(await store.read('s', 0, 10))).toEqual(ids(append));
  });

  test('a follower that waits sees what was stored all the same', async () => {
    const { store, set } = await openFaulty();
    const abort = new AbortController();
    const pages = store.follow('s', 0, abort.signal)[Symbol.asyncIterator]();
    const waiting = pages.next();
    set('dieAfterCommit', 1);
    const append = numberedEvents(0, 0, 2);
    await expect(store.append('s', 0, append)).rejects.toMatchObject({ code: 'append_unknown' });
    expect(ids((await waiting).value as StoredEvent[])).toEqual(ids(append));
    abort.abort();
  });

  test('again and again under load, every event is stored once, in its place', async () => {
    const { store, set, deaths } = await openFaulty();
    const [writers, length] = [6, 60];
    const followed = (async () => {
      const seen: StoredEvent[] = [];
      for await (const page of store.followAll(-1, ['s-'], new AbortController().signal)) {
        seen.push(...page);
        if (seen.length >= writers * length) break;
      }
      return seen;
    })();
    let acknowledged = 0;
    const write = async (writer: number): Promise<void> => {
      for (let next = 0; next < length;) {
        const append = numberedEvents(writer, next, Math.min(3, length - next));
        try {
          next = (await store.append(`s-${String(writer)}`, next, append)).revision + 1;
          acknowledged += 1;
          if (acknowledged % 20 === 10) set(acknowledged % 40 === 10 ? 'dieBeforeCommit' : 'dieAfterCommit', 1);
        } catch (error) {
          expect(error).toMatchObject({
            code: expect.stringMatching(/^(append_unknown|store_unavailable)$/) as string,
          });
        }
      }
    };
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    expect(deaths.mock.calls.length).toBeGreaterThanOrEqual(4);
    for (let writer = 0; writer < writers; writer++) {
      expect(ids(await store.read(`s-${String(writer)}`, 0, 1_000))).toEqual(ids(numberedEvents(writer, 0, length)));
    }
    expect(await followed).toEqual(await store.readAll(-1, 1_000, ['s-']));
  });
});

describe('when the disk is full', () => {
  test('nothing is acknowledged or half stored, reads go on, and so do appends once there is space', async () => {
    const { store, set } = await openFaulty();
    set('pagesMax', 60);
    const full = { code: 'store_unavailable', message: expect.stringContaining('full') as string };
    let next = 0;
    const fill = async (): Promise<void> => {
      for (;;) next = (await store.append('s', next, numberedEvents(0, next, 5))).revision + 1;
    };
    await expect(fill()).rejects.toMatchObject(full);
    expect(next).toBeGreaterThan(0);
    await expect(store.append('s', next, numberedEvents(0, next, 5))).rejects.toMatchObject(full);
    await expect(store.append('other', 0, numberedEvents(1, 0, 100))).rejects.toMatchObject(full);
    expect(await store.head('s')).toBe(next - 1);
    expect(await store.head('other')).toBe(-1);
    expect(ids(await store.readAll(-1, 1_000))).toEqual(ids(numberedEvents(0, 0, next)));

    set('pagesMax', 100_000);
    expect(await store.append('s', next, numberedEvents(0, next, 5))).toMatchObject({ repeated: false });
    expect(await store.append('other', 0, numberedEvents(1, 0, 100))).toMatchObject({ revision: 99 });
  });

  test('an append that fits is stored though others, waiting with it, do not fit', async () => {
    const { store, set } = await openFaulty();
    set('pagesMax', 60);
    const small = { ...numberedEvent(0, 0), data: Buffer.from('small') };
    const large = (writer: number) => store.append(`large-${String(writer)}`, 0, numberedEvents(writer, 0, 100));
    const outcomes = await Promise.allSettled([large(1), store.append('small', 0, [small]), large(2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    expect(await store.readAll(-1, 10)).toHaveLength(1);
  });
});

test('an event that is stored already is refused anywhere else, and takes nothing with it', async () => {
  const { store } = await openFaulty();
  await store.append('s', 0, numberedEvents(0, 0, 2));
  const wrong = store.append('s', 2, [numberedEvent(0, 2), numberedEvent(0, 1)]);
  const right = store.append('t', 0, numberedEvents(1, 0, 2));
  await expect(wrong).rejects.toThrow('can never be stored');
  expect(await right).toMatchObject({ revision: 1 });
  expect(await store.head('s')).toBe(1);
});

test('what was stored is there after a restart, and positions go on', async () => {
  const folder = freshFolder();
  const before = await openSqliteEventStore(folder);
  const { position } = await before.append('s', 0, numberedEvents(0, 0, 20));
  const stored = await before.readAll(-1, 100);
  await before.close();
  const after = await openSqliteEventStore(folder);
  opened.push(after);
  expect(await after.readAll(-1, 100)).toEqual(stored);
  expect((await after.append('s', 20, [numberedEvent(0, 20)])).position).toBeGreaterThan(position);
});

test('finds the few events of a prefix among many others', async () => {
  const { store } = await openFaulty();
  for (let next = 0; next < 12_000; next += 1_000) {
    const many = numberedEvents(0, next, 1_000).map((event) => ({ ...event, data: Buffer.from('x') }));
    await store.append('many', next, many);
    if (next % 3_000 === 0) await store.append('few', next / 3_000, [numberedEvent(1, next / 3_000)]);
  }
  expect(ids(await store.readAll(-1, 100, ['few']))).toEqual(ids(numberedEvents(1, 0, 4)));
  expect(await store.readAll(-1, 100, ['none'])).toEqual([]);
  expect(await store.readAll(-1, 20_000)).toHaveLength(12_004);
});

test('gives no page to a follower that aborts while it is being read', async () => {
  const { store } = await openFaulty();
  await store.append('s', 0, numberedEvents(0, 0, 2));
  const abort = new AbortController();
  const next = store.follow('s', 0, abort.signal)[Symbol.asyncIterator]().next();
  abort.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test('gives a follower no more than about a megabyte at a time', async () => {
  const { store } = await openFaulty();
  for (let next = 0; next < 12; next++) {
    await store.append('s', next, [{ ...numberedEvent(0, next), data: Buffer.alloc(200_000) }]);
  }
  for (const follow of [
    (signal: AbortSignal) => store.follow('s', 0, signal),
    (signal: AbortSignal) => store.followAll(-1, ['s'], signal),
  ]) {
    const pages: number[] = [];
    for await (const page of follow(new AbortController().signal)) {
      pages.push(page.length);
      if (page.at(-1)?.revision === 11) break;
    }
    expect(pages).toEqual([5, 5, 2]);
  }
});

test('a file of another form is refused, untouched, with a message that names it', async () => {
  const folder = freshFolder();
  const other = new Database(path.join(folder, 'events.db'));
  other.exec('PRAGMA user_version = 99');
  other.close();
  await expect(openSqliteEventStore(folder)).rejects.toThrow(/events\.db is of format 99/);
});
