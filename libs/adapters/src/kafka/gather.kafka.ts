import { setTimeout as pause } from 'node:timers/promises';
import type { Stream } from '@drawdown/ports';
import { openKafkaStream } from './kafka-stream';
import { newName, record, until } from './testing/reading';
import { sharedBroker } from './testing/shared-broker';

const GATHER_MS = 300;
const RECORDS = 40;

let stream: Stream;
let topic: string;
beforeEach(async () => {
  topic = newName('gather');
  stream = openKafkaStream({ brokers: [sharedBroker()], clientId: 'gather', gatherMs: { [topic]: GATHER_MS } });
  await stream.ensureTopic(topic, 1);
});
afterEach(() => stream.close());

/** A busy machine may hold up any record for as long as they gather: the quickest of a few counts. */
const TRIES_MAX = 5;

test('a record after a silence is read at once; those that come soon after it are read together, and none is missing', async () => {
  const following = new AbortController();
  const batches: { readonly texts: readonly string[]; readonly at: number }[] = [];
  const follow = async (): Promise<void> => {
    for await (const { records } of stream.follow(topic, 0, 0, following.signal))
      batches.push({ texts: records.map(({ value }) => String(value)), at: performance.now() });
  };
  const read = (): string[] => batches.flatMap(({ texts }) => texts);
  const sent: string[] = [];
  const send = async (): Promise<void> => {
    const text = String(sent.length);
    sent.push(text);
    await stream.send(topic, 0, [record(text)]);
  };
  const allIsRead = (): Promise<void> => until('all is read', () => read().length === sent.length);
  const done = follow();
  done.catch(() => undefined); // rejects after a failure of the test: the stream is closed under it
  await send();
  await allIsRead();

  const delays: number[] = [];
  while (delays.length < TRIES_MAX && !delays.some((ms) => ms < GATHER_MS / 2)) {
    await pause(2 * GATHER_MS); // a silence
    await send();
    const from = performance.now();
    await allIsRead();
    delays.push((batches.at(-1)?.at ?? Infinity) - from);
  }
  expect(Math.min(...delays)).toBeLessThan(GATHER_MS / 2);

  const [before, from] = [batches.length, performance.now()];
  for (let i = 0; i < RECORDS; i++) await send();
  await allIsRead();
  // One, and one more in each time that they gather.
  expect(batches.length - before).toBeLessThanOrEqual(2 + (performance.now() - from) / GATHER_MS);
  expect(read()).toEqual(sent);
  following.abort();
  await done;
});
