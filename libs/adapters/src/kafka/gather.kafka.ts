import type { Stream } from '@drawdown/ports';
import { openKafkaStream } from './kafka-stream';
import { newName, record } from './testing/reading';
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

test('a record after a silence is read at once; those that come soon after it are read together, and none is missing', async () => {
  const following = new AbortController();
  const batches: string[][] = [];
  let firstReadAt = 0;
  const follow = async (): Promise<void> => {
    for await (const { records } of stream.follow(topic, 0, 0, following.signal)) {
      firstReadAt ||= performance.now();
      batches.push(records.map(({ value }) => String(value)));
      if (batches.flat().length === RECORDS) return;
    }
  };
  const done = follow();
  const from = performance.now();
  let firstSentAt = 0;
  for (let i = 0; i < RECORDS; i++) {
    if (i === 1) firstSentAt = performance.now();
    await stream.send(topic, 0, [record(String(i))]);
  }
  await done;
  const seconds = (performance.now() - from) / 1000;
  following.abort();
  expect(batches.flat()).toEqual(Array.from({ length: RECORDS }, (_, i) => String(i)));
  expect(batches[0]?.length).toBeLessThan(RECORDS);
  expect(firstReadAt - firstSentAt).toBeLessThan(GATHER_MS / 2);
  // One, and one more in each time that they gather.
  expect(batches.length).toBeLessThanOrEqual(2 + (seconds * 1000) / GATHER_MS);
});
