import { event, events, ids } from '../event-store-samples.conformance';
import { eventStoreConformance } from '../event-store.conformance';
import { faultyEventStore, inMemoryEventStore } from './event-store';

eventStoreConformance(async () => inMemoryEventStore());

describe('a store that follows instructions to fail', () => {
  eventStoreConformance(async () => faultyEventStore(inMemoryEventStore()));

  test('loses the answer after the effect: the identical append resolves as repeated', async () => {
    const store = faultyEventStore(inMemoryEventStore());
    const append = events(2);
    store.failNext('answer lost');
    await expect(store.append('s', 0, append)).rejects.toMatchObject({ code: 'append_unknown' });
    expect(await store.head('s')).toBe(1);
    expect(await store.append('s', 0, append)).toMatchObject({ revision: 1, repeated: true });
  });

  test('loses the request before the effect: the identical append is stored then', async () => {
    const store = faultyEventStore(inMemoryEventStore());
    const append = events(2);
    store.failNext('request lost');
    await expect(store.append('s', 0, append)).rejects.toMatchObject({ code: 'append_unknown' });
    expect(await store.head('s')).toBe(-1);
    expect(await store.append('s', 0, append)).toMatchObject({ revision: 1, repeated: false });
  });

  test('fails one append for each fault, in order, and counts the tries', async () => {
    const store = faultyEventStore(inMemoryEventStore());
    store.failNext('unavailable', 'request lost');
    await expect(store.append('s', 0, [event()])).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(store.append('s', 0, [event()])).rejects.toMatchObject({ code: 'append_unknown' });
    await store.append('s', 0, [event()]);
    expect([await store.head('s'), store.tried]).toEqual([0, 3]);
  });

  test('holds an append until it is released; others overtake it', async () => {
    const store = faultyEventStore(inMemoryEventStore());
    const held = store.holdNext();
    const [late, early] = [events(1), events(1)];
    const appended = store.append('s', 0, late);
    await held.reached;
    await store.append('s', 0, early);
    const conflict = expect(appended).rejects.toMatchObject({ code: 'stream_conflict', head: 0 });
    held.release();
    await conflict;
    expect(ids(await store.read('s', 0, 9))).toEqual(ids(early));
  });
});
