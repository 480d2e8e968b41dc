import { type Stream, type StreamRecord, StreamUnavailable } from './stream';
import { following } from './stream-follow.conformance';
import { groupsAndConsumers, rejectionsAreRepeated } from './stream-groups.conformance';
import { ownership } from './stream-owners.conformance';
import {
  collector,
  groupOf,
  newTopic,
  numbersTo,
  record,
  records,
  textOf,
  until,
  WAIT_MS,
} from './stream-samples.conformance';

/** What every stream must do, with no exceptions: where two differ, the adapter translates. */
export const streamConformance = (open: () => Promise<Stream>): void => {
  describe('as a stream', () => {
    let stream: Stream;
    beforeAll(async () => {
      stream = await open();
    }, WAIT_MS);
    afterAll(() => stream.close());

    recordsArrive(() => stream);
    rejectionsAreRepeated(() => stream);
    groupsAndConsumers(() => stream);
    ownership(() => stream);
    following(() => stream, open);
    endings(() => stream, open);
  });
};

const recordsArrive = (stream: () => Stream): void => {
  test(
    'gives the records of each partition in order, once, with consecutive offsets',
    async () => {
      const topic = await newTopic(stream(), 3);
      for (const part of [0, 1, 2, 3]) {
        for (const p of [0, 1, 2]) await stream().send(topic, p, records(`${String(p)}/${String(part)}/`, 50));
      }
      const seen = collector();
      const consumption = await stream().consume([topic], groupOf(topic), seen);
      await until('all have arrived', () => seen.count() >= 600);
      await stream().send(topic, 1, [record('1/later')]);
      await until('the later one has arrived', () => seen.count() >= 601);
      await consumption.stop();
      for (const p of [0, 1, 2]) {
        const sent = [0, 1, 2, 3].flatMap((part) =>
          numbersTo(50).map((i) => `${String(p)}/${String(part)}/${String(i)}`),
        );
        if (p === 1) sent.push('1/later');
        expect(seen.of(p).map(textOf)).toEqual(sent);
        const first = seen.of(p)[0]?.offset ?? -1;
        expect(seen.of(p).map(({ offset }) => offset - first)).toEqual(numbersTo(sent.length));
      }
      expect(seen.faults).toEqual([]);
      expect(seen.batches.every((batch) => batch.topic === topic)).toBe(true);
    },
    WAIT_MS,
  );

  test(
    'gives key, value and headers as they were sent',
    async () => {
      const topic = await newTopic(stream(), 1);
      const binary = Buffer.from([0, 255, 10, 13, 128]);
      const sent: StreamRecord[] = [
        { key: 'org_acme', value: binary, headers: { 'ce-id': 'req-1', 'content-type': 'application/json; ü' } },
        { key: null, value: Buffer.alloc(0), headers: {} },
        { key: '', value: null, headers: { empty: '' } },
      ];
      await stream().send(topic, 0, sent);
      const seen = collector();
      const consumption = await stream().consume([topic], groupOf(topic), seen);
      await until('all have arrived', () => seen.count() >= 3);
      await consumption.stop();
      expect(seen.of(0).map(({ key, value, headers }) => ({ key, value, headers }))).toEqual(sent);
    },
    WAIT_MS,
  );

  test(
    'has what was sent at the time: a buffer used again by its sender changes nothing',
    async () => {
      const topic = await newTopic(stream(), 1);
      const buffer = Buffer.from('first');
      await stream().send(topic, 0, [{ key: null, value: buffer, headers: {} }]);
      buffer.write('other');
      const seen = collector();
      const consumption = await stream().consume([topic], groupOf(topic), seen);
      await until('it has arrived', () => seen.count() >= 1);
      await consumption.stop();
      expect(seen.of(0).map(textOf)).toEqual(['first']);
    },
    WAIT_MS,
  );

  test(
    'makes a topic once; sending nothing is nothing',
    async () => {
      const topic = await newTopic(stream(), 3);
      await stream().ensureTopic(topic, 3);
      expect(await stream().partitionsOf(topic)).toBe(3);
      await stream().send(topic, 0, []);
    },
    WAIT_MS,
  );
};

const endings = (stream: () => Stream, open: () => Promise<Stream>): void => {
  test(
    'stop waits for the batch in hand, which counts as consumed, and gives no other',
    async () => {
      const topic = await newTopic(stream(), 1);
      let finish = (): void => undefined;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const seen = collector(() => finished);
      await stream().send(topic, 0, [record('a')]);
      const consumption = await stream().consume([topic], groupOf(topic), seen);
      await until('a batch is in hand', () => seen.active.size === 1);
      await stream().send(topic, 0, [record('b')]);
      let stopped = false;
      const stopping = consumption.stop().then(() => (stopped = true));
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect([stopped, seen.count()]).toEqual([false, 0]);
      finish();
      await stopping;
      expect(seen.of(0).map(textOf)).toEqual(['a']);
      const next = collector();
      const after = await stream().consume([topic], groupOf(topic), next);
      await until('the next has arrived', () => next.count() >= 1);
      await after.stop();
      await after.stop();
      expect(next.of(0).map(textOf)).toEqual(['b']);
    },
    WAIT_MS,
  );

  test(
    'once closed it rejects what is sent as unavailable, after the batches in hand',
    async () => {
      const other = await open();
      const topic = await newTopic(other, 1);
      let finish = (): void => undefined;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const seen = collector(() => finished);
      await other.send(topic, 0, [record('a')]);
      await other.consume([topic], groupOf(topic), seen);
      await until('a batch is in hand', () => seen.active.size === 1);
      const closing = other.close();
      finish();
      await closing;
      expect(seen.count()).toBe(1);
      await expect(other.send(topic, 0, [record('b')])).rejects.toBeInstanceOf(StreamUnavailable);
      await expect(other.consume([topic], groupOf(topic), seen)).rejects.toBeInstanceOf(StreamUnavailable);
      await other.close();
    },
    WAIT_MS,
  );
};
