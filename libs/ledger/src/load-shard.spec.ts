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
