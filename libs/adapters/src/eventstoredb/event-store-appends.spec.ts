import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { type EventStore, type NewEvent, NO_LOG } from '@drawdown/ports';
import { EventStoreDBClient } from '@eventstore/db-client';
import { type EventStoreDbOptions, openEventStoreDb } from './event-store';
import { ReadClient } from './read-client';
import { freePorts } from '../testing/ports';
import { eventually } from './testing/eventually';
import type { AppendFault } from './testing/faults';
import { doubles } from './testing/servers';

const double = doubles();

const opened: EventStore[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

const openAt = (url: string, options: EventStoreDbOptions = {}): EventStore => {
  const store = openEventStoreDb(url, options);
  opened.push(store);
  return store;
};

/** What is answered is answered in time, on any machine; where something has to be given up, the test says when. */
const PATIENT = { appendMs: 20_000, readMs: 20_000 };
const open = async (patience: EventStoreDbOptions['patience'] = PATIENT, options: EventStoreDbOptions = {}) => {
  const server = await double();
  return { server, store: openAt(server.url, { patience, ...options }) };
};
/** Gives up an append that has no answer, and nothing else. */
const HASTY = { ...PATIENT, appendMs: 1_000 };

const events = (count: number): NewEvent[] =>
  Array.from({ length: count }, (_, index) => {
    return { id: randomUUID(), type: 'Tested', data: Buffer.from(String(index)), metadata: { index } };
  });
const ids = (list: readonly NewEvent[]): string[] => list.map(({ id }) => id);
const unknown = { code: 'append_unknown', stream: 's' };

/** What is there before the test begins, the call for appends included, which all stores of a server share. */
const before = async (url: string, stream: string, list: readonly NewEvent[]): Promise<void> => {
  await openAt(url, { patience: PATIENT }).append(stream, 0, list);
};

describe('an append', () => {
  const lost: [string, AppendFault, boolean, EventStoreDbOptions['patience']?][] = [
    ['FLT-22: whose answer is lost', { kind: 'drop answer' }, true, HASTY],
    // Longer, since the answer to its repetition must not be late: what is stored then was not repeated.
    ['that never arrives', { kind: 'drop request' }, false, { ...PATIENT, appendMs: 2_500 }],
    ['that is answered too late', { kind: 'answer late', ms: 1_500 }, true, HASTY],
    ['whose call ends politely after it is stored', { kind: 'close', stored: true }, true],
    ['whose call ends politely before it is stored', { kind: 'close', stored: false }, false],
    ['whose call breaks after it is stored', { kind: 'fail', code: status.UNAVAILABLE, stored: true }, true],
    ['whose call breaks before it is stored', { kind: 'fail', code: status.UNAVAILABLE, stored: false }, false],
    ['whose call fails inside the server', { kind: 'fail', code: status.INTERNAL, stored: true }, true],
    ['that times out in the server', { kind: 'refuse', refusal: 'timeout' }, false],
    ['that times out in the server and is stored all the same', { kind: 'store and refuse', refusal: 'timeout' }, true],
    ['that meets a server which is not ready', { kind: 'refuse', refusal: 'not ready' }, false],
  ];
  const each = lost.map(([name, fault, stored, patience = PATIENT]) => [name, { fault, stored, patience }] as const);
  test.each(each)('%s has no known outcome; repeated, it is stored once', async (_, { fault, stored, patience }) => {
    const { server, store } = await open(patience);
    await before(server.url, 's', events(2));
    const append = events(3);
    server.faults.nextAppends(fault);
    await expect(store.append('s', 2, append)).rejects.toMatchObject(unknown);
    expect(await eventually(() => store.append('s', 2, append))).toMatchObject({ revision: 4, repeated: stored });
    expect(ids(await store.read('s', 2, 10))).toEqual(ids(append));
  });

  test('FLT-22: whose answer is lost conflicts, when another was stored there meanwhile', async () => {
    const { server, store } = await open(HASTY);
    await before(server.url, 'other', events(1));
    server.faults.nextAppends({ kind: 'drop request' });
    const append = events(2);
    await expect(store.append('s', 0, append)).rejects.toMatchObject(unknown);
    await before(server.url, 's', events(1));
    await expect(store.append('s', 0, append)).rejects.toMatchObject({ code: 'stream_conflict', head: 0 });
  });

  test('that a follower refuses goes to the leader when it is repeated', async () => {
    const { server, store } = await open();
    const leader = await double();
    await store.append('s', 0, events(1));
    server.faults.nextAppends({ kind: 'not leader', host: '127.0.0.1', port: leader.port });
    const append = events(1);
    await expect(store.append('t', 0, append)).rejects.toMatchObject({ code: 'append_unknown' });
    expect(await eventually(() => store.append('t', 0, append))).toMatchObject({ revision: 0 });
    expect(leader.faults.appends).toBe(1);
  });

  test('FLT-25: without the right to write stores nothing, says so at once, and passes once the right is there', async () => {
    const { server, store } = await open();
    await store.append('s', 0, events(1));
    server.faults.accessDenied = true;
    const append = events(1);
    const error: unknown = await store.append('s', 1, append).catch((thrown: unknown) => thrown);
    const message = expect.stringContaining('access denied') as string;
    expect(error).toMatchObject({ code: 'store_unavailable', message });
    expect(server.faults.appends).toBe(2);
    server.faults.heal();
    expect(await store.append('s', 1, append)).toMatchObject({ revision: 1, repeated: false });
  });

  test.each([
    ['all of it', 'too large'],
    ['one of its events', 'event too large'],
  ] as const)('that the server takes for too large, %s, will never be stored', async (_, refusal) => {
    const { server, store } = await open();
    server.faults.nextAppends({ kind: 'refuse', refusal });
    await expect(store.append('s', 0, events(1))).rejects.toMatchObject({ code: 'append_too_large' });
  });

  test('that is refused as a wrong version, though it is stored, resolves', async () => {
    const { server, store } = await open();
    server.faults.nextAppends({ kind: 'store and refuse', refusal: 'wrong version', current: 7 });
    expect(await store.append('s', 0, events(2))).toMatchObject({ revision: 1, repeated: true });
  });

  test('that loses a race conflicts once the winner can be read, though it is refused before that is stored', async () => {
    const { server, store } = await open();
    const other = openAt(server.url, { patience: PATIENT });
    await store.append('s', 0, events(1));
    await other.head('s'); // so that it sends without asking before
    server.slowDisk(300);
    const winner = events(2);
    const won = store.append('s', 1, winner);
    await eventually(() => (server.faults.appends === 2 ? Promise.resolve() : Promise.reject(new Error('not yet'))));
    await expect(other.append('s', 1, events(1))).rejects.toMatchObject({ code: 'stream_conflict', head: 2 });
    expect(ids(await other.read('s', 1, 10))).toEqual(ids(winner));
    expect(await won).toMatchObject({ revision: 2, repeated: false });
  });

  test('that is refused as a wrong version for no reason conflicts, with the true head', async () => {
    const { server, store } = await open({ ...PATIENT, shownMs: 200 });
    await store.append('s', 0, events(2));
    server.faults.nextAppends({ kind: 'refuse', refusal: 'wrong version', current: 7 });
    await expect(store.append('s', 2, events(2))).rejects.toMatchObject({ code: 'stream_conflict', head: 1 });
  });
});

test('FLD-62: the head of a stream is asked for once; appends that follow each other know it', async () => {
  const asks = jest.spyOn(ReadClient.prototype, 'head');
  const { store } = await open();
  for (let n = 0; n < 20; n++) await store.append('s', n, events(1));
  expect(asks).toHaveBeenCalledTimes(1);
  asks.mockRestore();
});

test('what other calls and other servers go through is nothing to an append that waits', async () => {
  const [{ server, store }, other] = [await open(), await open()];
  await Promise.all([store.append('s', 0, events(1)), other.store.append('s', 0, events(1))]);
  server.faults.nextAppends({ kind: 'answer late', ms: 300 });
  const waiting = store.append('s', 1, events(1));
  other.server.faults.nextAppends({ kind: 'fail', code: status.UNAVAILABLE, stored: false });
  await expect(other.store.append('s', 1, events(1))).rejects.toMatchObject(unknown);
  expect(await waiting).toMatchObject({ revision: 1, repeated: false });
});

test('an answer to an append that was given up is nobody’s, and the call goes on', async () => {
  const { server, store } = await open({ ...PATIENT, appendMs: 100 });
  await before(server.url, 's', events(1));
  const patient = openAt(server.url, { patience: PATIENT });
  await patient.head('t');
  // The second is still waited for when the first one's answer comes.
  server.faults.nextAppends({ kind: 'answer late', ms: 250 }, { kind: 'answer late', ms: 250 });
  const append = events(1);
  await expect(store.append('s', 1, append)).rejects.toMatchObject(unknown);
  for (let i = 0; i < 4; i++) expect(await patient.append('t', i, events(1))).toMatchObject({ revision: i });
  expect(await store.append('s', 1, append)).toMatchObject({ revision: 1, repeated: true });
  expect(server.faults.batchCalls).toBe(1);
});

test('a writer that is behind meets a conflict with the head, and its own append of before as a repetition', async () => {
  const { server, store } = await open();
  const other = openAt(server.url, { patience: PATIENT });
  await store.append('s', 0, events(2));
  const append = events(2);
  const first = await other.append('s', 2, append);
  await other.append('s', 4, events(1));
  await expect(store.append('s', 2, events(1))).rejects.toMatchObject({ code: 'stream_conflict', head: 4 });
  expect(await store.append('s', 2, append)).toEqual({ ...first, repeated: true });
});

test('FLT-21: a server that hangs holds up nobody for ever, and everything goes on when it answers again', async () => {
  const warn = jest.fn();
  const { server, store } = await open({ appendMs: 1_000, readMs: 1_000 }, { log: { ...NO_LOG, warn } });
  const patient = openAt(server.url, { patience: PATIENT });
  const streams = Array.from({ length: 40 }, (_, index) => `s-${String(index)}`);
  await Promise.all(streams.map((stream) => patient.append(stream, 0, events(1))));
  for (const stream of streams) await eventually(() => store.head(stream)); // so that it sends without asking before
  server.faults.silent = true;
  const appends = streams.map(() => [{ ...events(1)[0], data: Buffer.alloc(200_000) }] as NewEvent[]);
  const outcomes = await Promise.allSettled(
    streams.map((stream, index) => store.append(stream, 1, appends[index] ?? [])),
  );
  const codes = outcomes.map((outcome) =>
    outcome.status === 'rejected' ? (outcome.reason as { code: string }).code : '',
  );
  expect(codes.filter((code) => code === 'append_unknown').length).toBeGreaterThanOrEqual(15);
  expect(codes.every((code) => code === 'append_unknown' || code === 'store_unavailable')).toBe(true);
  expect(warn).toHaveBeenCalledWith(expect.anything(), expect.stringContaining('client is replaced'));
  await expect(store.head('s-1')).rejects.toMatchObject({ code: 'store_unavailable' });
  server.faults.heal();
  for (const [index, stream] of streams.entries()) {
    expect(await eventually(() => store.append(stream, 1, appends[index] ?? []))).toMatchObject({ revision: 1 });
    expect(await patient.read(stream, 0, 10)).toHaveLength(2);
  }
});

test('a client object that keeps a failure for good is replaced', async () => {
  const { server, store } = await open();
  server.faults.featuresFail = status.INTERNAL;
  const append = events(1);
  await expect(store.append('s', 0, append)).rejects.toMatchObject({ code: 'store_unavailable' });
  server.faults.heal();
  expect(await eventually(() => store.append('s', 0, append))).toMatchObject({ revision: 0, repeated: false });
});

test('a cluster is found by any of its hosts, whatever the first one does', async () => {
  const { url } = await double();
  const [away] = await freePorts(1);
  const store = openAt(url.replace('esdb://', `esdb+discover://127.0.0.1:${String(away)},`), { patience: PATIENT });
  expect(await store.append('s', 0, events(1))).toMatchObject({ revision: 0 });
  expect(await store.read('s', 0, 10)).toHaveLength(1);
});

test('a node that refuses every append, as one without its cluster does, is left for another', async () => {
  const warn = jest.fn();
  const { server, store } = await open(PATIENT, { log: { ...NO_LOG, warn } });
  await store.append('s', 0, events(1));
  server.faults.nextAppends(
    { kind: 'refuse', refusal: 'not ready' },
    { kind: 'refuse', refusal: 'timeout' },
    { kind: 'refuse', refusal: 'not ready' },
  );
  const append = events(1);
  for (let n = 0; n < 3; n++) await expect(store.append('s', 1, append)).rejects.toMatchObject(unknown);
  expect(warn).toHaveBeenCalledWith(expect.anything(), expect.stringContaining('client is replaced'));
  expect(await store.append('s', 1, append)).toMatchObject({ revision: 1, repeated: false });
});

test('an append that the server says why it does not store costs no connection', async () => {
  const warn = jest.fn();
  const { server, store } = await open(PATIENT, { log: { ...NO_LOG, warn } });
  server.faults.accessDenied = true;
  for (let n = 0; n < 4; n++) await expect(store.append('s', 0, events(1))).rejects.toThrow('access denied');
  expect(warn).not.toHaveBeenCalled();
});

test('FLT-24: a server whose disk is full acknowledges nothing, and takes appends again once there is space', async () => {
  const { server, store } = await open();
  await store.append('s', 0, events(1));
  server.diskFull(true);
  const append = events(2);
  await expect(store.append('s', 1, append)).rejects.toMatchObject({
    code: expect.stringMatching(/^(append_unknown|store_unavailable)$/) as string,
  });
  expect(await eventually(() => store.head('s'))).toBe(0);
  server.diskFull(false);
  expect(await eventually(() => store.append('s', 1, append))).toMatchObject({ revision: 2, repeated: false });
});

test('an append to a stream that somebody has deleted is a loud failure, not a success', async () => {
  const { server, store } = await open();
  const append = events(3);
  await store.append('s', 0, append);
  const admin = EventStoreDBClient.connectionString(server.url);
  await admin.deleteStream('s');
  const fresh = openAt(server.url, { patience: PATIENT });
  jest.spyOn(ReadClient.prototype, 'head').mockResolvedValue(-1); // as it was a moment ago
  // Stored before, the server says, and it does not find where: nor would anybody who reads.
  await expect(fresh.append('s', 0, append)).rejects.toThrow('somebody has deleted the stream');
  await expect(fresh.append('s', 0, events(1))).rejects.toThrow('somebody has deleted the stream');
  jest.restoreAllMocks();
  await admin.tombstoneStream('s');
  await expect(store.append('s', 3, events(1))).rejects.toThrow('tombstoned');
  await admin.dispose();
});

test('appends that go wrong in every way under load are stored once each, in their place', async () => {
  const { server, store } = await open({ ...PATIENT, appendMs: 300 });
  const ways: AppendFault[] = [
    { kind: 'drop answer' },
    { kind: 'close', stored: true },
    { kind: 'fail', code: status.UNAVAILABLE, stored: false },
    { kind: 'store and refuse', refusal: 'timeout' },
    { kind: 'answer late', ms: 500 },
    { kind: 'fail', code: status.INTERNAL, stored: true },
    { kind: 'store and refuse', refusal: 'wrong version', current: 3 },
    { kind: 'drop request' },
  ];
  const written = Array.from({ length: 6 }, () => events(60));
  let acknowledged = 0;
  const write = async (list: NewEvent[], stream: string): Promise<void> => {
    for (let next = 0; next < list.length; next += 3) {
      await eventually(() => store.append(stream, next, list.slice(next, next + 3)));
      acknowledged += 1;
      const way = ways[(acknowledged / 6) % ways.length];
      if (way !== undefined) server.faults.nextAppends(way);
    }
  };
  await Promise.all(written.map((list, writer) => write(list, `s-${String(writer)}`)));
  for (const [writer, list] of written.entries()) {
    expect(ids(await store.read(`s-${String(writer)}`, 0, 100))).toEqual(ids(list));
  }
});
