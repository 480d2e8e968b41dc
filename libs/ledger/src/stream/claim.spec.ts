import { inProcessStream, type Stream, type StreamRecord } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { storeIdOf } from '../store-header';
import { claimTopics, TopicsOfAnotherStore } from './claim';
import { STORE_TOPIC } from './topics';

const text = (record: string): StreamRecord => ({ key: null, value: Buffer.from(record), headers: {} });

test('a store has one name for its life, and no other store has it', async () => {
  const store = inMemoryEventStore();
  const names = await Promise.all([storeIdOf(store), storeIdOf(store), storeIdOf(store)]);
  expect(new Set([...names, await storeIdOf(store)]).size).toBe(1);
  expect(names).not.toContain(await storeIdOf(inMemoryEventStore()));
});

test('all processes of a store may claim its topics, as often as they start', async () => {
  const [stream, store] = [inProcessStream(), inMemoryEventStore()];
  await Promise.all([claimTopics(stream, store), claimTopics(stream, store)]);
  const [claimed] = await stream.boundsOf(STORE_TOPIC);
  for (let start = 0; start < 3; start++) await claimTopics(stream, store);
  expect(await stream.boundsOf(STORE_TOPIC)).toEqual([claimed]); // no record more, for ever
});

test('the topics of a store are refused to every other one, by both names', async () => {
  const [stream, first, second] = [inProcessStream(), inMemoryEventStore(), inMemoryEventStore()];
  await claimTopics(stream, first);
  const refused = claimTopics(stream, second);
  await expect(refused).rejects.toThrow(TopicsOfAnotherStore);
  await expect(refused).rejects.toThrow(await storeIdOf(first));
  await expect(refused).rejects.toThrow(await storeIdOf(second));
  await claimTopics(stream, first);
});

test('of two stores that claim them at the same moment one is refused', async () => {
  const inner = inProcessStream();
  let waiting: (() => void)[] = [];
  // Both have seen that there is no claim before either sends its own.
  const together = Object.assign(Object.create(inner) as Stream, {
    send: async (topic: string, partition: number, records: readonly StreamRecord[]) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < 2) return;
        for (const go of waiting) go();
        waiting = [];
      });
      await inner.send(topic, partition, records);
    },
  });
  const stores = [inMemoryEventStore(), inMemoryEventStore()];
  const outcomes = await Promise.allSettled(stores.map((store) => claimTopics(together, store)));
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test.each(['', 'no JSON', '{}', 'null'])('a claim that cannot be read is nobody’s: %j', async (claim) => {
  const stream = inProcessStream();
  await stream.ensureTopic(STORE_TOPIC, 1);
  await stream.send(STORE_TOPIC, 0, [text(claim)]);
  await expect(claimTopics(stream, inMemoryEventStore())).rejects.toThrow(TopicsOfAnotherStore);
});
