/** What an operator, or somebody else, can do to the ledger's stream on an EventStoreDB: nothing starts on it, and it says what to do. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { doubles } from '@drawdown/adapters/eventstoredb/testing/servers';
import { chainHash, eventIdOf, storedHash } from '@drawdown/kernel';
import { openLedger, withOrganization } from '@drawdown/ledger/testing';
import type { EventStore } from '@drawdown/ports';
import { EventStoreDBClient } from '@eventstore/db-client';
import { ServerProcess } from './testing/server-process';

const STREAM = 'ledger-0';
/** A process has to load before it can refuse. */
const REFUSED_MAX_MS = 60_000;

const double = doubles();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-unfit-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  rmSync(folder, { recursive: true, force: true });
});

interface Damaged {
  readonly admin: EventStoreDBClient;
  readonly store: EventStore;
}
type Damage = (log: Damaged) => Promise<unknown>;

/** In form an event of ours, with whatever hash. */
const foreign: Damage = async ({ store }) =>
  store.append(STREAM, (await store.head(STREAM)) + 1, [
    { id: randomUUID(), type: 'Note', data: Buffer.from('{}'), metadata: { hash: '0'.repeat(64) } },
  ]);
const inAnotherForm: Damage = ({ admin }) =>
  admin.appendToStream(STREAM, [{ id: randomUUID(), type: 'Note', contentType: 'application/json', data: {}, metadata: {} }]); // prettier-ignore
/** Right in itself, as a later release would write it. */
const ofTheFuture: Damage = async ({ store }) => {
  const head = await store.head(STREAM);
  const [last] = await store.read(STREAM, head, 1);
  const before = last && storedHash(last);
  if (last === undefined || before === undefined) throw new Error('the ledger is empty');
  const [type, data] = ['OfTheFuture', Buffer.from('{}')];
  const { hash: _, ...metadata } = last.metadata;
  const hash = chainHash(before, { stream: STREAM, revision: head + 1, type, data, metadata });
  const event = { id: eventIdOf(hash), type, data, metadata: { ...metadata, hash: hash.toString('hex') } };
  await store.append(STREAM, head + 1, [event]);
};

const eventsOf = async (admin: EventStoreDBClient): Promise<number> => {
  let events = 0;
  for await (const { event } of admin.readAll()) if (event?.streamId === STREAM) events += 1;
  return events;
};

const BACKUP = '"Backup and restore" of deploy/README.md';
test.each<[string, Damage, ...(readonly string[])]>([
  ['an event of somebody else', foreign, 'the hash of revision', 'does not match its content', BACKUP],
  ['one in another form', inAnotherForm, 'was not written by Drawdown', BACKUP],
  ['an event that this release does not know', ofTheFuture, 'a newer release wrote it'],
  [
    'metadata that hides its beginning',
    ({ admin }) => admin.setStreamMetadata(STREAM, { truncateBefore: 2 }),
    'ledger-0 has $tb, which hides events: remove it from $$ledger-0',
  ],
  ['been deleted', ({ admin }) => admin.deleteStream(STREAM), 'ledger-0 has $tb, which hides events'],
  ['been deleted for ever', ({ admin }) => admin.tombstoneStream(STREAM), 'stream-deleted', BACKUP],
])(
  'where the ledger has %s nothing starts, nothing is written, and it says what to do',
  async (_, damage, ...said) => {
    const { url } = await double();
    const store = openEventStoreDb(url);
    const admin = EventStoreDBClient.connectionString(url);
    const world = await openLedger({ store });
    await withOrganization(world);
    await world.ledger.stop();
    await damage({ admin, store });
    const events = await eventsOf(admin);
    expect(events).toBeGreaterThan(2);
    const environment = { EVENTSTORE_URL: url, DRAWDOWN_SHARDS: '1' };
    const server = await ServerProcess.spawn({ dataFolder: path.join(folder, 'data'), environment });
    expect(await server.withinTime(REFUSED_MAX_MS)).toEqual({ code: 1, signal: null });
    for (const text of ['Drawdown cannot start: ', ...said]) expect(server.output).toContain(text);
    expect(server.output).not.toMatch(/^ +at /m); // a stack would hide what to do
    expect(await eventsOf(admin)).toBe(events);
    await store.close();
    await admin.dispose();
  },
  120_000,
);
