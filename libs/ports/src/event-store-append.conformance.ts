import { randomBytes } from 'node:crypto';
import { APPEND_BYTES_MAX, appendBytes, type EventStore, type NewEvent, StreamConflict } from './event-store';
import { event, events, freshName, ids, type Open } from './event-store-samples.conformance';

export const appendConformance = (open: Open): void => {
  describe('appending', () => appending(open));
  describe('refusing', () => refusing(open));
  describe('repeating', () => repeating(open));
  describe('racing', () => racing(open));
};

const appending = (open: Open): void => {
  test('numbers the events of a stream from 0, without holes', async () => {
    const [store, stream] = [await open(), freshName()];
    const [first, second] = [events(3), events(2)];
    expect(await store.append(stream, 0, first)).toMatchObject({ revision: 2, repeated: false });
    expect(await store.append(stream, 3, second)).toMatchObject({ revision: 4, repeated: false });
    const stored = await store.read(stream, 0, 100);
    expect(stored.map(({ revision }) => revision)).toEqual([0, 1, 2, 3, 4]);
    expect(ids(stored)).toEqual(ids([...first, ...second]));
    expect(stored.every((each) => each.stream === stream)).toBe(true);
  });

  test('answers with the position of the last event', async () => {
    const [store, stream] = [await open(), freshName()];
    const { position } = await store.append(stream, 0, events(3));
    expect((await store.read(stream, 2, 1))[0]?.position).toBe(position);
  });

  test('keeps every byte of the data', async () => {
    const [store, stream] = [await open(), freshName()];
    const contents = [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, index) => index),
      randomBytes(100_000),
      new Uint8Array(Buffer.from('…before é 😀 after…')).subarray(3, 12), // a view into a larger buffer
    ];
    const appended = contents.map((data) => ({ ...event(), data }));
    await store.append(stream, 0, appended);
    const stored = await store.read(stream, 0, 10);
    expect(stored.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(
      contents.map((data) => Buffer.from(data).toString('hex')),
    );
    expect(appended.map(({ data }) => data.byteLength)).toEqual([0, 256, 100_000, 9]); // not taken from the caller
  });

  test('keeps metadata with its keys in order, and any text in it', async () => {
    const [store, stream] = [await open(), freshName()];
    const metadata = {
      zebra: 1,
      apple: { nested: [null, true, -0.5, { y: 1, x: 2 }] },
      'ключ 😀 "quoted" \\ \n': 'é \u0000 \u2028 😀 \ud800',
      mango: '',
    };
    await store.append(stream, 0, [event('', metadata), event('', {})]);
    const stored = await store.read(stream, 0, 2);
    expect(stored.map((each) => JSON.stringify(each.metadata))).toEqual([JSON.stringify(metadata), '{}']);
  });

  test('keeps its own copy of what it was given', async () => {
    const [store, stream] = [await open(), freshName()];
    const data = Buffer.from('before');
    const appended = store.append(stream, 0, [{ ...event(), data }]);
    data.fill('x');
    await appended;
    const [stored] = await store.read(stream, 0, 1);
    expect(stored && Buffer.from(stored.data).toString()).toBe('before');
  });
};

const refusing = (open: Open): void => {
  const conflict = async (append: Promise<unknown>): Promise<{ expected: number; head: number }> => {
    const error: unknown = await append.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StreamConflict);
    const { expected, head } = error as StreamConflict;
    return { expected, head };
  };

  test('INV-LED-2: refuses other events at a revision that is taken, says where the head is, and keeps what it has', async () => {
    const [store, stream] = [await open(), freshName()];
    await store.append(stream, 0, events(3));
    const before = await store.read(stream, 0, 3);
    expect(await conflict(store.append(stream, 0, events(1)))).toEqual({ expected: 0, head: 2 });
    expect(await conflict(store.append(stream, 2, events(1)))).toEqual({ expected: 2, head: 2 });
    expect(await store.read(stream, 0, 9)).toEqual(before);
  });

  test('refuses an append past the end', async () => {
    const [store, stream] = [await open(), freshName()];
    expect(await conflict(store.append(stream, 1, events(1)))).toEqual({ expected: 1, head: -1 });
    await store.append(stream, 0, events(1));
    expect(await conflict(store.append(stream, 2, events(1)))).toEqual({ expected: 2, head: 0 });
    expect(await conflict(store.append(stream, 1_000_000, events(1)))).toEqual({ expected: 1_000_000, head: 0 });
  });

  test('refuses an append of which only a part is stored', async () => {
    const [store, stream] = [await open(), freshName()];
    const [a, b, c, d] = [event('a'), event('b'), event('c'), event('d')];
    await store.append(stream, 0, [a, b]);
    expect(await conflict(store.append(stream, 0, [a, c]))).toEqual({ expected: 0, head: 1 });
    expect(await conflict(store.append(stream, 0, [c, b]))).toEqual({ expected: 0, head: 1 });
    expect(await conflict(store.append(stream, 0, [b, a]))).toEqual({ expected: 0, head: 1 });
    expect(await conflict(store.append(stream, 0, [a, b, c]))).toEqual({ expected: 0, head: 1 });
    expect(await conflict(store.append(stream, 1, [b, c]))).toEqual({ expected: 1, head: 1 });
    expect(await conflict(store.append(stream, 1, [a]))).toEqual({ expected: 1, head: 1 });
    expect(await conflict(store.append(stream, 3, [d]))).toEqual({ expected: 3, head: 1 });
    expect(ids(await store.read(stream, 0, 10))).toEqual(ids([a, b]));
  });

  test('stores nothing of an append that it refuses', async () => {
    const [store, stream] = [await open(), freshName()];
    await store.append(stream, 0, events(1));
    const refused = events(3);
    await conflict(store.append(stream, 0, refused));
    await conflict(store.append(stream, 5, refused));
    expect(await store.head(stream)).toBe(0);
    expect(await store.append(stream, 1, refused)).toMatchObject({ revision: 3, repeated: false });
  });

  test('takes an append of exactly the largest size and refuses one byte more', async () => {
    const [store, stream] = [await open(), freshName()];
    const other = event('', { key: 'é😀' });
    const room = APPEND_BYTES_MAX - appendBytes([other, event('')]);
    const largest = [{ ...event(), data: randomBytes(room) }, other];
    expect(appendBytes(largest)).toBe(APPEND_BYTES_MAX);
    const larger = [{ ...event(), data: randomBytes(room + 1) }, other];
    await expect(store.append(stream, 0, larger)).rejects.toMatchObject({ code: 'append_too_large' });
    expect(await store.head(stream)).toBe(-1);
    expect(await store.append(stream, 0, largest)).toMatchObject({ revision: 1, repeated: false });
    const [stored] = await store.read(stream, 0, 1);
    expect(stored && Buffer.compare(stored.data, largest[0]?.data ?? Buffer.alloc(0))).toBe(0);
  });

  test.each<[string, Parameters<EventStore['append']>]>([
    ['no events', [freshName(), 0, []]],
    ['a negative revision', [freshName(), -1, events(1)]],
    ['a revision that is no integer', [freshName(), 0.5, events(1)]],
    ['an id that is no UUID', [freshName(), 0, [{ ...event(), id: 'one' }]]],
    ['a stream without a name', ['', 0, events(1)]],
    ['a stream name that not every store can keep', [`${freshName()}\0`, 0, events(1)]],
    ['a stream name of the store itself', [`$$${freshName()}`, 0, events(1)]],
    ['a type of the store itself', [freshName(), 0, [{ ...event(), type: '$metadata' }]]],
    ['a type that not every store can keep', [freshName(), 0, [{ ...event(), type: 'half \ud800 pair' }]]],
  ])('rejects %s as a mistake', async (_, append) => {
    const store = await open();
    await expect(store.append(...append)).rejects.toBeInstanceOf(RangeError);
  });
};

const repeating = (open: Open): void => {
  test('stores an append once, however often it is repeated', async () => {
    const [store, stream] = [await open(), freshName()];
    const append = events(3);
    const first = await store.append(stream, 0, append);
    expect(await store.append(stream, 0, append)).toEqual({ ...first, repeated: true });
    expect(await store.append(stream, 0, append)).toEqual({ ...first, repeated: true });
    expect(ids(await store.read(stream, 0, 10))).toEqual(ids(append));
  });

  test('recognizes a repeated append after later ones', async () => {
    const [store, stream] = [await open(), freshName()];
    const [before, append, after] = [events(2), events(2), events(2)];
    await store.append(stream, 0, before);
    const first = await store.append(stream, 2, append);
    await store.append(stream, 4, after);
    await store.append(freshName(), 0, events(2));
    expect(await store.append(stream, 2, append)).toEqual({ ...first, repeated: true });
    expect(ids(await store.read(stream, 0, 10))).toEqual(ids([...before, ...append, ...after]));
  });
};

const racing = (open: Open): void => {
  test('lets exactly one of many appends at one revision win', async () => {
    const [store, stream] = [await open(), freshName()];
    await store.append(stream, 0, events(1));
    const racers = Array.from({ length: 20 }, () => events(2));
    const outcomes = await Promise.allSettled(racers.map((racer) => store.append(stream, 1, racer)));
    const winners = racers.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'stream_conflict', head: 2 });
    }
    expect(ids(await store.read(stream, 1, 100))).toEqual(ids(winners.flat()));
  });

  test('stores one of many identical appends, and all of them resolve', async () => {
    const [store, stream] = [await open(), freshName()];
    const append = events(2);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => store.append(stream, 0, append)));
    expect(outcomes.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(new Set(outcomes.map(({ position }) => position)).size).toBe(1);
    expect(ids(await store.read(stream, 0, 100))).toEqual(ids(append));
  });

  test('keeps streams apart that are written at the same time', async () => {
    const [store, prefix] = [await open(), freshName()];
    const streams = Array.from({ length: 10 }, (_, index) => `${prefix}-${String(index)}`);
    const write = async (stream: string): Promise<NewEvent[]> => {
      const written = events(15);
      for (let revision = 0; revision < 15; revision += 3) {
        await store.append(stream, revision, written.slice(revision, revision + 3));
      }
      return written;
    };
    const written = await Promise.all(streams.map(write));
    for (const [index, stream] of streams.entries()) {
      expect(ids(await store.read(stream, 0, 100))).toEqual(ids(written[index] ?? []));
    }
    expect(await store.readAll(-1, 1000, [prefix])).toHaveLength(150);
  });
};
