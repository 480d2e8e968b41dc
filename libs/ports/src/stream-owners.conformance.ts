/** The part of the stream suite about who owns which partition of several topics. */
import type { Consumer, Offsets, RecordBatch, Stream } from './stream';
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

/** A consumer that writes down what it owns, and notices what may never be. */
const owner = (more: Partial<Consumer> = {}) => {
  const owned = new Set<number>();
  const faults: string[] = [];
  const moves: string[] = [];
  const seen = collector(({ partition }) => {
    if (!owned.has(partition)) faults.push(`a batch of partition ${String(partition)}, which is not owned`);
  });
  const assigned = async (partition: number): Promise<Offsets> => {
    if (owned.has(partition)) faults.push(`partition ${String(partition)} assigned twice`);
    const starts = (await more.assigned?.(partition)) ?? {};
    owned.add(partition);
    moves.push(`+${String(partition)}`);
    return starts;
  };
  const revoked = async (partition: number): Promise<void> => {
    if (!owned.delete(partition)) faults.push(`partition ${String(partition)} revoked, which is not owned`);
    moves.push(`-${String(partition)}`);
    await more.revoked?.(partition);
  };
  const allFaults = (): string[] => [...faults, ...seen.faults];
  return { ...seen, assigned, revoked, owned, moves, allFaults };
};

const numbers = (of: Iterable<number>): number[] => [...of].sort((a, b) => a - b);

export const ownership = (stream: () => Stream): void => {
  test(
    'partition p of all topics of a group belongs to one consumer; no more of them move than have to',
    async () => {
      const topics = [await newTopic(stream(), 4), await newTopic(stream(), 4)];
      const group = groupOf(topics[0] ?? '');
      const [one, two, three] = [owner(), owner(), owner()];
      const first = await stream().consume(topics, group, one);
      await until('the first has all', () => one.owned.size === 4);
      const second = await stream().consume(topics, group, two);
      await until('they share', () => one.owned.size === 2 && two.owned.size === 2);
      const third = await stream().consume(topics, group, three);
      await until('three share', () => three.owned.size === 1 && one.owned.size + two.owned.size === 3);
      for (const topic of topics) for (const p of numbersTo(4)) await stream().send(topic, p, [record(topic)]);
      await until('all have arrived', () => one.count() + two.count() + three.count() === 8);
      for (const member of [one, two, three]) {
        const got = member.batches.map(({ topic, partition }) => `${String(partition)} ${topic}`);
        const expected = numbers(member.owned).flatMap((p) => topics.map((topic) => `${String(p)} ${topic}`));
        expect(got.sort()).toEqual(expected.sort());
      }
      await third.stop();
      await until('two share again', () => one.owned.size === 2 && two.owned.size === 2);
      await second.stop();
      await until('the first has all again', () => one.owned.size === 4);
      await first.stop();
      expect([one, two, three].flatMap((member) => [...member.owned, ...member.allFaults()])).toEqual([]);
      const moved = [one, two, three].flatMap(({ moves }) => moves).filter((move) => move.startsWith('+'));
      expect(moved.length).toBe(4 + 2 + 1 + 1 + 2);
    },
    2 * WAIT_MS,
  );

  test(
    'nothing of a partition is handled before it was taken up, and a consumer that cannot is asked again',
    async () => {
      const topic = await newTopic(stream(), 2);
      for (const p of [0, 1]) await stream().send(topic, p, [record('x')]);
      let take = (): void => undefined;
      const taken = new Promise<void>((resolve) => (take = resolve));
      let asked = 0;
      const member = owner({
        assigned: async (partition) => {
          if (partition === 1) return {};
          if ((asked += 1) === 1) throw new Error('not yet');
          await taken;
          return {};
        },
      });
      const consumption = await stream().consume([topic], groupOf(topic), member);
      await until('the other has arrived and it was asked again', () => member.of(1).length === 1 && asked === 2);
      expect(member.of(0)).toEqual([]);
      // It is its own all the same, and nobody else's.
      expect(numbers(consumption.partitions())).toEqual([0, 1]);
      take();
      await until('it has arrived', () => member.of(0).length === 1);
      await consumption.stop();
      expect(consumption.partitions()).toEqual([]);
      expect(member.allFaults()).toEqual([]);
    },
    WAIT_MS,
  );

  test(
    'a consumer says where it begins, topic by topic, whatever its group has consumed',
    async () => {
      const topics = [await newTopic(stream(), 1), await newTopic(stream(), 1)];
      const [known = '', hinted = ''] = topics;
      const group = groupOf(known);
      for (const topic of topics) await stream().send(topic, 0, records('a', 10));
      const before = collector();
      const first = await stream().consume(topics, group, before);
      await until('all have arrived', () => before.count() === 20);
      await first.stop();
      await stream().send(hinted, 0, records('b', 2));
      const { oldest = 0 } = (await stream().boundsOf(known))[0] ?? {};
      const member = owner({ assigned: async () => ({ [known]: oldest + 7 }) });
      const second = await stream().consume(topics, group, member);
      await until('the rest has arrived', () => member.count() >= 5);
      await second.stop();
      const of = (topic: string) =>
        member.batches.filter((batch) => batch.topic === topic).flatMap((batch) => batch.records);
      expect(of(known).map(textOf)).toEqual(['a7', 'a8', 'a9']);
      expect(of(hinted).map(textOf)).toEqual(['b0', 'b1']);
    },
    2 * WAIT_MS,
  );

  test(
    'the place of a consumer is its first record that is not consumed, and it has one only in what it owns',
    async () => {
      const [topic, quiet] = [await newTopic(stream(), 1), await newTopic(stream(), 1)];
      await stream().send(topic, 0, records('a', 3));
      let finish = (): void => undefined;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const seen = collector(() => finished);
      const consumption = await stream().consume([topic, quiet], groupOf(topic), seen);
      const next = (of: string): number | undefined => consumption.places().find((place) => place.topic === of)?.next;
      await until('it has records in hand, and waits in the other', () => seen.active.has(0) && next(quiet) === 0);
      await stream().send(topic, 0, records('b', 2));
      expect(consumption.places()).toContainEqual({ topic, partition: 0, next: 0 });
      finish();
      await until('it has consumed all', () => next(topic) === 5);
      expect([seen.count(), next(quiet)]).toEqual([5, 0]);
      await consumption.stop();
      expect(consumption.places()).toEqual([]);
    },
    WAIT_MS,
  );

  test(
    'a start past the end is none: the topic was made anew, and to consume it would skip what comes now',
    async () => {
      const topic = await newTopic(stream(), 1);
      await stream().send(topic, 0, [record('x')]);
      let asked = 0;
      const seen = collector();
      const consumption = await stream().consume([topic], groupOf(topic), {
        handle: seen.handle,
        assigned: async () => ({ [topic]: (asked += 1) === 1 ? 1_000 : 0 }),
      });
      await until('it has arrived', () => seen.count() === 1);
      await consumption.stop();
      expect([asked, seen.of(0).map(textOf)]).toEqual([2, ['x']]);
    },
    WAIT_MS,
  );

  test(
    'a slow partition holds up no other, and is not fetched meanwhile',
    async () => {
      const topic = await newTopic(stream(), 2);
      let finish = (): void => undefined;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const seen = collector(({ partition }: RecordBatch) => (partition === 0 ? finished : undefined));
      const consumption = await stream().consume([topic], groupOf(topic), seen);
      await stream().send(topic, 0, [record('slow')]);
      await until('it is in hand', () => seen.active.has(0));
      for (const round of numbersTo(20)) {
        await stream().send(topic, 0, [record(`later ${String(round)}`)]);
        await stream().send(topic, 1, [record('quick')]);
        await until('the other has arrived', () => seen.of(1).length === round + 1);
      }
      expect(seen.batches.filter(({ partition }) => partition === 0).length).toBe(1);
      finish();
      await until('the slow ones have arrived', () => seen.of(0).length === 21);
      await consumption.stop();
      expect(seen.faults).toEqual([]);
    },
    WAIT_MS,
  );
};
