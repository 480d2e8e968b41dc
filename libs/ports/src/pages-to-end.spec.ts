import { type StoredEvent, StoreUnavailable } from './event-store';
import { pagesToEnd } from './pages-to-end';
import { PAGE_BYTES } from './page-size';

const stored = (revision: number, bytes = 1): StoredEvent => ({
  ...{ stream: 's', revision, position: revision, id: String(revision), type: 'Happened', metadata: {} },
  data: new Uint8Array(bytes),
});

/** A store with these events, that ends each page after so many at most; and what it was asked for. */
const storeOf = (events: readonly StoredEvent[], atMost = Infinity) => {
  const asked: [from: number, limit: number][] = [];
  const read = async (_: string, from: number, limit: number): Promise<readonly StoredEvent[]> => {
    asked.push([from, limit]);
    return events.filter(({ revision }) => revision >= from).slice(0, Math.min(limit, atMost));
  };
  return { read, asked };
};

const revisionsOf = async (store: ReturnType<typeof storeOf>, from = 0): Promise<readonly number[]> => {
  const revisions: number[] = [];
  for await (const page of pagesToEnd(store, 's', from)) revisions.push(...page.map(({ revision }) => revision));
  return revisions;
};
const count = (events: number): readonly number[] => Array.from({ length: events }, (_, i) => i);

test('gives every event from the first asked for to the last, however short the pages are', async () => {
  const events = count(50).map((revision) => stored(revision));
  expect(await revisionsOf(storeOf(events, 3))).toEqual(count(50));
  expect(await revisionsOf(storeOf(events), 20)).toEqual(count(50).slice(20));
  expect(await revisionsOf(storeOf([]))).toEqual([]);
});

test('a hole is no end: it throws, whether it lies in a page, between two or at the beginning', async () => {
  const without = (gone: number): ReturnType<typeof storeOf> =>
    storeOf(
      count(10)
        .filter((revision) => revision !== gone)
        .map((revision) => stored(revision)),
      3,
    );
  await expect(revisionsOf(without(4))).rejects.toBeInstanceOf(StoreUnavailable);
  await expect(revisionsOf(without(4))).rejects.toThrow('revision 5 after 3');
  await expect(revisionsOf(without(3))).rejects.toThrow('revision 4 after 2');
  await expect(revisionsOf(without(0))).rejects.toThrow('revision 1 after -1');
});

test('asks for as many as make up a page by the largest that came', async () => {
  const store = storeOf(count(40).map((revision) => stored(revision, PAGE_BYTES / 4)));
  await revisionsOf(store);
  expect(store.asked.slice(0, 3)).toEqual([
    [0, 16],
    [16, 4],
    [20, 4],
  ]);
});
