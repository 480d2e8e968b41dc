import { getEventListeners } from 'node:events';
import { type EventStore, PAGE_EVENTS_MAX, type StoredEvent } from './event-store';
import { PAGE_BYTES } from './page-size';
import { event, events, freshName, ids, type Open, take } from './event-store-samples.conformance';

export const readConformance = (open: Open): void => {
  describe('reading', () => reading(open));
  describe('following', () => following(open));
  describe('ending to follow', () => ending(open));
};

/** A busy machine has its pauses; who only looks at the signal now and then takes longer. */
const AT_ONCE_MAX_MS = 5_000;

const reading = (open: Open): void => {
  test('knows the head of a stream', async () => {
    const [store, stream] = [await open(), freshName()];
    expect(await store.head(stream)).toBe(-1);
    await store.append(stream, 0, events(3));
    expect(await store.head(stream)).toBe(2);
  });

  test('finds nothing in a stream that does not exist, or past its end', async () => {
    const [store, stream] = [await open(), freshName()];
    expect(await store.read(stream, 0, 10)).toEqual([]);
    await store.append(stream, 0, events(3));
    expect(await store.read(stream, 3, 10)).toEqual([]);
    expect(await store.read(stream, 1_000_000, 10)).toEqual([]);
    expect(await store.read(`${stream}-`, 0, 10)).toEqual([]);
  });

  test('reads from a revision on, at most as many as asked for', async () => {
    const [store, stream] = [await open(), freshName()];
    await store.append(stream, 0, events(10));
    const revisions = async (from: number, limit: number) =>
      (await store.read(stream, from, limit)).map(({ revision }) => revision);
    expect(await revisions(4, 3)).toEqual([4, 5, 6]);
    expect(await revisions(8, 100)).toEqual([8, 9]);
    expect(await revisions(0, 10)).toHaveLength(10);
  });

  test('ends a page where it is large enough, however many were asked for, and reads on to the end page by page', async () => {
    const [store, prefix] = [await open(), freshName()];
    await store.append(`${prefix}-a`, 0, events(3));
    for (let revision = 3; revision < 12; revision++) {
      const large = { ...event(), data: Buffer.alloc(revision % 2 === 0 ? 800_000 : 300_000, revision) };
      await store.append(`${prefix}-a`, revision, [large]);
    }
    const revisions: number[] = [];
    for (;;) {
      const page = await store.read(`${prefix}-a`, revisions.length, 200);
      if (page.length === 0) break;
      revisions.push(...page.map(({ revision }) => revision));
      const bytes = page.reduce((sum, { data }) => sum + data.byteLength, 0);
      expect(bytes - (page.at(-1)?.data.byteLength ?? 0)).toBeLessThan(PAGE_BYTES); // no more once it holds so many
      for (const { revision, data } of page) if (revision >= 3) expect(data[0]).toBe(revision);
    }
    expect(revisions).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test('gives as many of all streams as asked for, however large they are', async () => {
    const [store, prefix] = [await open(), freshName()];
    for (let revision = 0; revision < 12; revision++) {
      const large = { ...event(), data: Buffer.alloc(800_000, revision) };
      await store.append(`${prefix}-a`, revision, [large]);
    }
    const all = await store.readAll(-1, 11, [prefix]);
    expect(all.map(({ data }) => data[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('reads all streams of a prefix in the order in which they were written', async () => {
    const [store, prefix] = [await open(), freshName()];
    const [a, b, c] = [events(4), events(4), events(1)];
    await store.append(`${prefix}-a-1`, 0, a.slice(0, 2));
    await store.append(`${prefix}-b-1`, 0, b.slice(0, 2));
    await store.append(`${prefix}-c`, 0, c);
    await store.append(`other-${prefix}-a`, 0, events(1));
    await store.append(`${prefix}-a-1`, 2, a.slice(2));
    await store.append(`${prefix}-b-1`, 2, b.slice(2));

    const all = await store.readAll(-1, 100, [prefix]);
    const order = [...a.slice(0, 2), ...b.slice(0, 2), ...c, ...a.slice(2), ...b.slice(2)];
    expect(ids(all)).toEqual(ids(order));
    const positions = all.map(({ position }) => position);
    expect(positions).toEqual([...new Set(positions)].sort((x, y) => x - y));

    expect(ids(await store.readAll(-1, 100, [`${prefix}-a`, `${prefix}-c`]))).toEqual(
      ids([...a.slice(0, 2), ...c, ...a.slice(2)]),
    );
    expect(ids(await store.readAll(positions[3] ?? 0, 3, [prefix]))).toEqual(ids(order.slice(4, 7)));
    expect(await store.readAll(positions[8] ?? 0, 100, [prefix])).toEqual([]);
    expect(await store.readAll(-1, 100, [])).toEqual([]);
    expect(await store.readAll(-1, 100, [`${prefix}-A`, `${prefix}-%`, `${prefix}-*`])).toEqual([]);
  });

  test('reads the whole log where no prefix is given', async () => {
    const [store, stream] = [await open(), freshName()];
    const [first] = [await store.append(stream, 0, events(1)), await store.append(stream, 1, events(1))];
    const next = await store.readAll(first.position, 1);
    expect(next[0]?.position).toBeGreaterThan(first.position);
  });
};

const following = (open: Open): void => {
  const until = new AbortController().signal; // these end by leaving the loop

  test('gives what is there, then what comes', async () => {
    const [store, stream, list] = [await open(), freshName(), events(6)];
    await store.append(stream, 0, list.slice(0, 3));
    const pages = store.follow(stream, 1, until)[Symbol.asyncIterator]();
    const followed: StoredEvent[] = [];
    // Where pages end is the store's to choose: over a network an append may come in several.
    const upTo = async (count: number): Promise<void> => {
      while (followed.length < count) followed.push(...((await pages.next()).value as StoredEvent[]));
    };
    await upTo(2);
    expect(ids(followed)).toEqual(ids(list.slice(1, 3)));
    const waiting = upTo(5);
    await store.append(stream, 3, list.slice(3));
    await waiting;
    expect(ids(followed)).toEqual(ids(list.slice(1)));
    await pages.return?.();
  });

  test('waits for the first event of a stream, whatever happens to others', async () => {
    const [store, stream, list] = [await open(), freshName(), events(2)];
    const followed = take(store.follow(stream, 0, until), 2);
    await store.append(`${stream}-other`, 0, events(2));
    await store.append(stream, 0, list);
    expect(ids(await followed)).toEqual(ids(list));
  });

  test('loses and repeats nothing where it begins while appends go on', async () => {
    const [store, stream, list] = [await open(), freshName(), events(200)];
    const followers: Promise<readonly StoredEvent[]>[] = [];
    for (const [revision, each] of list.entries()) {
      const appended = store.append(stream, revision, [each]);
      if (revision % 20 === 5) followers.push(take(store.follow(stream, 0, until), list.length));
      if (revision % 20 === 15) followers.push(take(store.followAll(-1, [stream], until), list.length));
      await appended;
    }
    for (const followed of await Promise.all(followers)) expect(ids(followed)).toEqual(ids(list));
  });

  test('follows all streams of some prefixes in global order, after a position', async () => {
    const [store, prefix] = [await open(), freshName()];
    const write = async (stream: string): Promise<void> => {
      for (let revision = 0; revision < 40; revision += 2) await store.append(stream, revision, events(2));
    };
    const { position } = await store.append(`${prefix}-a-0`, 0, events(1));
    const followed = take(store.followAll(position, [`${prefix}-a`, `${prefix}-b`], until), 120);
    await Promise.all(['a-1', 'other', 'a-2', 'b'].map((name) => write(`${prefix}-${name}`)));
    const expected = await store.readAll(position, 1000, [`${prefix}-a`, `${prefix}-b`]);
    expect(expected).toHaveLength(120);
    expect(await followed).toEqual(expected);
  });

  test('goes at the pace of its reader, in pages of bounded size', async () => {
    const [store, stream] = [await open(), freshName()];
    const pages = store.follow(stream, 0, until)[Symbol.asyncIterator]();
    const list = events(3 * PAGE_EVENTS_MAX + 1);
    await store.append(stream, 0, list.slice(0, 1));
    const read = [...((await pages.next()).value as StoredEvent[])];
    for (let revision = 1; revision < list.length; revision += 100) {
      await store.append(stream, revision, list.slice(revision, revision + 100));
    }
    while (read.length < list.length) {
      const page = (await pages.next()).value as StoredEvent[];
      expect(page.length).toBeLessThanOrEqual(PAGE_EVENTS_MAX);
      read.push(...page);
    }
    expect(ids(read)).toEqual(ids(list));
    await pages.return?.();
  });
};

const ending = (open: Open): void => {
  type Follow = (store: EventStore, name: string, signal: AbortSignal) => AsyncIterable<readonly StoredEvent[]>;
  const ways: [string, Follow][] = [
    ['a stream', (store, name, signal) => store.follow(name, 0, signal)],
    ['all streams', (store, name, signal) => store.followAll(-1, [name], signal)],
  ];

  test.each(ways)('ends at once where the signal has aborted already, following %s', async (_, follow) => {
    const [store, stream] = [await open(), freshName()];
    await store.append(stream, 0, events(1));
    expect(await take(follow(store, stream, AbortSignal.abort()), 1)).toEqual([]);
  });

  test.each(ways)('ends when the signal aborts while it waits, following %s', async (_, follow) => {
    const [store, stream, abort] = [await open(), freshName(), new AbortController()];
    await store.append(stream, 0, events(1));
    const pages = follow(store, stream, abort.signal)[Symbol.asyncIterator]();
    await pages.next();
    const waiting = pages.next();
    await store.head(stream); // the follower has had the time to find nothing, and to wait
    const aborted = performance.now();
    abort.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(performance.now() - aborted).toBeLessThan(AT_ONCE_MAX_MS);
  });

  test('leaves nothing behind on the signal', async () => {
    const [store, stream, abort] = [await open(), freshName(), new AbortController()];
    const followers = Array.from({ length: 30 }, (_, index) =>
      take(store.follow(stream, 0, abort.signal), index < 15 ? 1 : 2),
    );
    await store.append(stream, 0, events(1));
    await Promise.all(followers.slice(0, 15));
    expect(getEventListeners(abort.signal, 'abort').length).toBeLessThanOrEqual(15);
    abort.abort();
    await Promise.all(followers);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });

  test.each(ways)('gives no page after the abort, though there are more, following %s', async (_, follow) => {
    const [store, stream, abort] = [await open(), freshName(), new AbortController()];
    for (let revision = 0; revision < 2 * PAGE_EVENTS_MAX; revision += 250) {
      await store.append(stream, revision, events(250));
    }
    const pages = follow(store, stream, abort.signal)[Symbol.asyncIterator]();
    await pages.next();
    abort.abort();
    expect(await pages.next()).toEqual({ done: true, value: undefined });
  });
};
