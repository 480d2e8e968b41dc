import type { EventStore } from './event-store';
import { appendConformance } from './event-store-append.conformance';
import { readConformance } from './event-store-read.conformance';
import { events, freshName, type Open } from './event-store-samples.conformance';

/**
 * What every event store must do. Where two adapters would need different expectations, the port says too little, and it
 * is the port that gets fixed. `open` may give a new store each time, or a new client of the same one: streams have names
 * of their own, and nothing is expected of the log as a whole.
 */
export const eventStoreConformance = (open: () => Promise<EventStore>): void => {
  describe('as an event store', () => {
    const opened: EventStore[] = [];
    const openAndRemember = async (): Promise<EventStore> => {
      const store = await open();
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    appendConformance(openAndRemember);
    readConformance(openAndRemember);
    describe('closing', () => closing(openAndRemember));
  });
};

const closing = (open: Open): void => {
  test('finishes what is under way, then refuses everything', async () => {
    const [store, stream] = [await open(), freshName()];
    const appends = Array.from({ length: 5 }, (_, index) => store.append(`${stream}-${String(index)}`, 0, events(2)));
    const following = store.follow(freshName(), 0, new AbortController().signal)[Symbol.asyncIterator]().next();
    const followed = expect(following).rejects.toMatchObject({ code: 'store_unavailable' });
    await Promise.all([store.close(), store.close()]);
    expect(await Promise.all(appends)).toHaveLength(5);
    await followed;

    const closed = { code: 'store_unavailable' };
    await expect(store.append(stream, 0, events(1))).rejects.toMatchObject(closed);
    await expect(store.read(stream, 0, 1)).rejects.toMatchObject(closed);
    await expect(store.readAll(-1, 1)).rejects.toMatchObject(closed);
    await expect(store.head(stream)).rejects.toMatchObject(closed);
    const late = store.followAll(-1, [stream], new AbortController().signal)[Symbol.asyncIterator]();
    await expect(late.next()).rejects.toMatchObject(closed);
  });
};
