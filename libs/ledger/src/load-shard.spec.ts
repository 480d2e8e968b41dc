import { NO_LOG, NO_METRICS, type StoredEvent, StoreUnavailable } from '@drawdown/ports';
import { inMemorySnapshots } from '@drawdown/ports/testing';
import { LogDamaged, loadShard } from './load-shard';
import { delegating, type LedgerWorld, openLedger, used, withOrganization } from './testing';

let world: LedgerWorld;
let last: number;

beforeAll(async () => {
  world = await openLedger();
  await withOrganization(world, { credits: '1000' });
  for (let i = 0; i < 300; i++) await world.charge(used(`usage-${String(i)}`));
  last = await world.store.head('ledger-0');
});

type Read = (from: number, limit: number) => Promise<readonly StoredEvent[]>;

const load = (read: Read) =>
  loadShard(0, {
    store: { ...delegating(world.store), read: (_, from, limit) => read(from, limit) },
    snapshots: inMemorySnapshots(),
    metrics: NO_METRICS,
    log: NO_LOG,
  });

const stored: Read = (from, limit) => world.store.read('ledger-0', from, limit);

test('a log of many pages is folded to its end, each event once, and one page is read beyond the present one', async () => {
  const reads: number[] = [];
  const state = await load((from, limit) => {
    reads.push(from);
    return stored(from, limit);
  });
  expect(state.revision).toBe(last);
  expect(reads).toEqual([...new Set(reads)].sort((a, b) => a - b));
  expect(reads.length).toBeGreaterThan(3);
});

const TO_DO = /; stop all processes and take the log from a backup, as in "Backup and restore" of deploy\/README\.md$/;

test.each<[string, (event: StoredEvent) => StoredEvent | undefined, string]>([
  ['its beginning was cut off', (event) => (event.revision < 3 ? undefined : event), 'revision 3 follows -1'],
  ['one event is gone', (event) => (event.revision === 2 ? undefined : event), 'revision 3 follows 1'],
  [
    'somebody else has written an event into it',
    (event) => (event.revision === 2 ? { ...event, type: 'Note', data: Buffer.from('{}'), metadata: {} } : event),
    'the hash of revision 2 does not match its content',
  ],
])('INV-AUD-1: nothing is loaded where %s, and it says what to do', async (_, changed, why) => {
  const log = (await stored(0, 1_000)).flatMap((event) => changed(event) ?? []);
  const loading = load(async (from, limit) => log.filter(({ revision }) => revision >= from).slice(0, limit));
  await expect(loading).rejects.toBeInstanceOf(LogDamaged);
  await expect(loading).rejects.toThrow(`ledger-0: ${why}`);
  await expect(loading).rejects.toThrow(TO_DO);
});

test('a store that goes away while a page is folded ends the loading', async () => {
  await expect(
    load((from, limit) => (from < 100 ? stored(from, limit) : Promise.reject(new StoreUnavailable('gone')))),
  ).rejects.toThrow(StoreUnavailable);
});

test('damage is named, also where the page after it cannot be read', async () => {
  const damaged: Read = async (from, limit) => {
    if (from > 0) throw new StoreUnavailable('gone');
    return (await stored(from, limit)).map((event) => (event.revision === 3 ? { ...event, type: 'Another' } : event));
  };
  await expect(load(damaged)).rejects.toThrow(LogDamaged);
});
