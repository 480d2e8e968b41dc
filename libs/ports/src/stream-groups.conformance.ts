/** The part of the stream suite about rejections, groups and consumers. */
import type { RecordBatch, Stream } from './stream';
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

export const rejectionsAreRepeated = (stream: () => Stream): void => {
  test(
    'gives a rejected batch again before what follows it, while other partitions go on',
    async () => {
      const topic = await newTopic(stream(), 2);
      await stream().send(topic, 0, records('a', 10));
      await stream().send(topic, 1, records('b', 10));
      let rejections = 0;
      const seen = collector(({ partition }) => {
        if (partition === 0 && rejections < 2) {
          rejections += 1;
          throw new Error('not now');
        }
      });
      const consumption = await stream().consume([topic], groupOf(topic), seen);
      await until('it was rejected', () => rejections > 0);
      await stream().send(topic, 0, records('c', 5));
      await stream().send(topic, 1, records('d', 5));
      await until('all have arrived', () => seen.count() >= 30);
      await consumption.stop();
      expect(rejections).toBe(2);
      expect(seen.of(0).map(textOf)).toEqual([...records('a', 10), ...records('c', 5)].map(({ key }) => key));
      expect(seen.of(1).map(textOf)).toEqual([...records('b', 10), ...records('d', 5)].map(({ key }) => key));
      const firsts = seen.batches.filter(({ partition }) => partition === 0).map((batch) => batch.records[0]?.offset);
      expect(new Set(firsts.slice(0, 3)).size).toBe(1);
      expect(seen.faults).toEqual([]);
    },
    WAIT_MS,
  );

  test(
    'a handler that throws before it returns a promise is a rejection too',
    async () => {
      const topic = await newTopic(stream(), 1);
      await stream().send(topic, 0, [record('x')]);
      let calls = 0;
      const consumption = await stream().consume([topic], groupOf(topic), {
        handle: () => {
          calls += 1;
          if (calls === 1) throw new Error('not now');
          return Promise.resolve();
        },
      });
      await until('it came again', () => calls >= 2);
      await consumption.stop();
    },
    WAIT_MS,
  );
};

export const groupsAndConsumers = (stream: () => Stream): void => {
  test(
    'groups are independent: each gets all, from the beginning, whatever the others do',
    async () => {
      const topic = await newTopic(stream(), 2);
      for (const p of [0, 1]) await stream().send(topic, p, records('r', 20));
      const [quick, late] = [collector(), collector()];
      const stuck = collector(() => Promise.reject(new Error('never')));
      const running = [
        await stream().consume([topic], groupOf(topic, 'quick'), quick),
        await stream().consume([topic], groupOf(topic, 'stuck'), stuck),
      ];
      await until('the first group has all', () => quick.count() >= 40);
      running.push(await stream().consume([topic], groupOf(topic, 'late'), late));
      await until('the late group has all', () => late.count() >= 40);
      await Promise.all(running.map((consumption) => consumption.stop()));
      for (const group of [quick, late]) {
        expect([0, 1].map((p) => group.of(p).map(textOf))).toEqual(
          [0, 1].map(() => records('r', 20).map(({ key }) => key)),
        );
      }
      expect(stuck.count()).toBe(0);
    },
    WAIT_MS,
  );

  test(
    'a group that comes back goes on after what it has consumed',
    async () => {
      const topic = await newTopic(stream(), 1);
      await stream().send(topic, 0, records('a', 10));
      const first = collector();
      const before = await stream().consume([topic], groupOf(topic), first);
      await until('all have arrived', () => first.count() >= 10);
      await before.stop();
      await stream().send(topic, 0, records('b', 10));
      const second = collector();
      const after = await stream().consume([topic], groupOf(topic), second);
      await until('the rest has arrived', () => second.count() >= 10);
      await after.stop();
      expect(second.of(0).map(textOf)).toEqual(records('b', 10).map(({ key }) => key));
    },
    WAIT_MS,
  );

  test(
    'what a consumer has rejected when it stops is for the next of its group',
    async () => {
      const topic = await newTopic(stream(), 1);
      await stream().send(topic, 0, records('a', 3));
      let rejections = 0;
      const failing = await stream().consume([topic], groupOf(topic), {
        handle: () => {
          rejections += 1;
          return Promise.reject(new Error('not here'));
        },
      });
      await until('it was rejected', () => rejections > 0);
      await failing.stop();
      const seen = collector();
      const consumption = await stream().consume([topic], groupOf(topic), seen);
      await until('all have arrived', () => seen.count() >= 3);
      await consumption.stop();
      expect(seen.of(0).map(textOf)).toEqual(['a0', 'a1', 'a2']);
    },
    WAIT_MS,
  );

  test(
    'two consumers of a group share the partitions, and the one left takes over all',
    async () => {
      const topic = await newTopic(stream(), 4);
      const overlaps: number[] = [];
      const seen = [collector(), collector()].map((own, i, all) => ({
        ...own,
        handle: async (batch: RecordBatch) => {
          if (all[1 - i]?.active.has(batch.partition) === true) overlaps.push(batch.partition);
          await own.handle(batch);
        },
      }));
      const [one, two] = seen as [(typeof seen)[number], (typeof seen)[number]];
      const first = await stream().consume([topic], groupOf(topic), one);
      const second = await stream().consume([topic], groupOf(topic), two);
      let rounds = 0;
      const send = async (): Promise<void> => {
        for (const p of [0, 1, 2, 3]) await stream().send(topic, p, [record(`${String(p)}/${String(rounds)}`)]);
        rounds += 1;
      };
      const arrived = (): Set<string> =>
        new Set([one, two].flatMap((c) => [0, 1, 2, 3].flatMap((p) => c.of(p).map(textOf))));
      for (const end = performance.now() + WAIT_MS / 2; one.count() === 0 || two.count() === 0;) {
        await send();
        await until('a round has arrived', () => arrived().size === rounds * 4);
        if (performance.now() > end) throw new Error('one of two consumers got nothing');
      }
      await first.stop();
      const before = one.count();
      for (let i = 0; i < 5; i++) await send();
      await until('all have arrived', () => arrived().size === rounds * 4);
      await second.stop();
      expect(one.count()).toBe(before);
      expect([...overlaps, ...one.faults, ...two.faults]).toEqual([]);
      for (const p of [0, 1, 2, 3]) {
        const offsets = [...new Set([...one.of(p), ...two.of(p)].map(({ offset }) => offset))].sort((a, b) => a - b);
        expect(offsets.map((offset) => offset - (offsets[0] ?? 0))).toEqual(numbersTo(rounds));
      }
    },
    2 * WAIT_MS,
  );
};
