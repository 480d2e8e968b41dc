/** The part of the stream suite about bounds, and about reading a partition without a group. */
import { RECORD_BYTES_MAX, RecordTooLarge, type Stream, StreamGap, StreamUnavailable } from './stream';
import { newTopic, numbersTo, record, records, textOf, until, WAIT_MS } from './stream-samples.conformance';

/** Reads until it has so many records, or until it is aborted. */
const read = async (
  stream: Stream,
  topic: string,
  from: number,
  count: number,
  signal: AbortSignal,
): Promise<string[]> => {
  const got: string[] = [];
  for await (const batch of stream.follow(topic, 0, from, signal)) {
    got.push(...batch.records.map(textOf));
    if (got.length >= count) break;
  }
  return got;
};
const unaborted = (): AbortSignal => new AbortController().signal;

export const following = (stream: () => Stream, open: () => Promise<Stream>): void => {
  test(
    'knows the oldest record of each partition, and the offset of the next',
    async () => {
      const topic = await newTopic(stream(), 2);
      const before = await stream().boundsOf(topic);
      expect(before.map(({ oldest, end }) => end - oldest)).toEqual([0, 0]);
      await stream().send(topic, 1, records('a', 3));
      expect((await stream().boundsOf(topic)).map(({ end }, p) => end - (before[p]?.end ?? -1))).toEqual([0, 3]);
    },
    WAIT_MS,
  );

  test(
    'a topic has an identity that stays, and that no other topic has',
    async () => {
      const [one, other] = [await newTopic(stream(), 1), await newTopic(stream(), 1)];
      const identity = await stream().identityOf(one);
      expect(identity).toMatch(/^[\w-]{8,64}$/);
      await stream().ensureTopic(one, 1);
      expect(await stream().identityOf(one)).toBe(identity);
      expect(await stream().identityOf(other)).not.toBe(identity);
    },
    WAIT_MS,
  );

  test(
    'who follows gets all from an offset on, in order, what comes later too, until it aborts',
    async () => {
      const topic = await newTopic(stream(), 1);
      await stream().send(topic, 0, records('a', 20));
      const { oldest = 0 } = (await stream().boundsOf(topic))[0] ?? {};
      const [got, offsets]: [string[], number[]] = [[], []];
      const abort = new AbortController();
      const reading = (async () => {
        for await (const batch of stream().follow(topic, 0, oldest + 5, abort.signal)) {
          got.push(...batch.records.map(textOf));
          offsets.push(...batch.records.map(({ offset }) => offset));
          expect([batch.topic, batch.partition]).toEqual([topic, 0]);
        }
      })();
      await until('the old ones are read', () => got.length === 15);
      for (const n of numbersTo(10)) await stream().send(topic, 0, [record(`b${String(n)}`)]);
      await until('the new ones are read', () => got.length === 25);
      abort.abort();
      await reading;
      expect(got).toEqual([...records('a', 20).slice(5), ...records('b', 10)].map(({ key }) => key));
      expect(offsets).toEqual(numbersTo(25).map((n) => oldest + 5 + n));
    },
    WAIT_MS,
  );

  test(
    'followers of one partition go each its own way',
    async () => {
      const topic = await newTopic(stream(), 1);
      await stream().send(topic, 0, records('a', 10));
      const { oldest = 0 } = (await stream().boundsOf(topic))[0] ?? {};
      const waiting = read(stream(), topic, oldest + 10, 1, unaborted());
      for (const from of [0, 4, 0]) {
        expect(await read(stream(), topic, oldest + from, 10 - from, unaborted())).toEqual(
          records('a', 10)
            .slice(from)
            .map(({ key }) => key),
        );
      }
      await stream().send(topic, 0, [record('b')]);
      expect(await waiting).toEqual(['b']);
    },
    WAIT_MS,
  );

  test(
    'to follow from where nothing is, is a gap that says what there is',
    async () => {
      const topic = await newTopic(stream(), 1);
      await stream().send(topic, 0, records('a', 3));
      const bounds = (await stream().boundsOf(topic))[0];
      const lost = read(stream(), topic, 1_000, 1, unaborted());
      await expect(lost).rejects.toBeInstanceOf(StreamGap);
      await expect(lost).rejects.toMatchObject({ topic, partition: 0, from: 1_000, bounds });
    },
    WAIT_MS,
  );

  test(
    'what can never be sent is refused before anything is',
    async () => {
      const topic = await newTopic(stream(), 2);
      const large = { key: null, value: Buffer.alloc(RECORD_BYTES_MAX + 1), headers: {} };
      await expect(stream().send(topic, 0, [record('a'), large])).rejects.toBeInstanceOf(RecordTooLarge);
      await expect(stream().send(topic, 2, [record('a')])).rejects.toBeInstanceOf(RangeError);
      await expect(stream().send(topic, -1, [record('a')])).rejects.toBeInstanceOf(RangeError);
      const largest = { key: 'k', value: Buffer.alloc(RECORD_BYTES_MAX - 1), headers: {} };
      await stream().send(topic, 0, [largest]);
      await stream().send(topic, 1, [record('b')]);
      expect((await stream().boundsOf(topic)).map(({ oldest, end }) => end - oldest)).toEqual([1, 1]);
    },
    WAIT_MS,
  );

  test(
    'who follows a stream that is closed is told so',
    async () => {
      const other = await open();
      const topic = await newTopic(other, 1);
      const reading = read(other, topic, 0, 1, unaborted());
      reading.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await other.close();
      await expect(reading).rejects.toBeInstanceOf(StreamUnavailable);
    },
    WAIT_MS,
  );
};
