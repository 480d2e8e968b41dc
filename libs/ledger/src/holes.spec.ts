import { later, START } from '@drawdown/domain/testing';
import { positionOf } from '@drawdown/kernel';
import { type EventStore, StoreUnavailable } from '@drawdown/ports';
import { foldForOrganization } from './as-of';
import { chargesLongAgo } from './long-ago';
import { RefundSearch } from './refund-search';
import { ACME, leavingOut, openLedger, used, withOrganization } from './testing';

/** Of `ledger-0`, behind the organization's first events. */
const GONE = 2;

const written = async (): Promise<EventStore> => {
  const world = await openLedger();
  await withOrganization(world);
  for (const id of ['a', 'b', 'c']) await world.charge(used(id));
  return world.store;
};

const wanted = {
  ...{ shard: 0, organizationId: ACME, transactionId: 'no such transaction', places: [] },
  horizon: later(START, { days: 1 }),
};
const READERS: readonly [string, (store: EventStore) => Promise<unknown>][] = [
  ['a balance as of then', (store) => foldForOrganization(store, 0, ACME, { position: positionOf(0, 100) })],
  ['the search for an old charge', (store) => new RefundSearch(store).find(wanted)],
  ['the search for old usage', (store) => chargesLongAgo(store, 0, [used('z')])],
];

test.each(READERS)('%s reads the log to its end, and not past an event that a store leaves out', async (_, read) => {
  const store = await written();
  expect(await store.head('ledger-0')).toBeGreaterThan(GONE);
  await expect(read(store)).resolves.not.toThrow();
  const lossy = leavingOut(store, (revision) => revision === GONE);
  await expect(read(lossy)).rejects.toBeInstanceOf(StoreUnavailable);
  await expect(read(lossy)).rejects.toThrow(`revision ${String(GONE + 1)} after ${String(GONE - 1)}`);
});
