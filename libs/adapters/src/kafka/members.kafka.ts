import { type Metrics, type Offsets, type RecordBatch, type Stream } from '@drawdown/ports';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { allowance } from '../testing/allowance';
import { openKafkaStream } from './kafka-stream';
import { MEMBER_CLIENT_ID, startMember } from './testing/member-process';
import { newName, record, until } from './testing/reading';
import { sharedBroker } from './testing/shared-broker';

const PARTITIONS = 4;
/** Session timeout of our members. */
const SESSION_MS = 6_000;
/** FLT-32, on a machine that does nothing else. */
const MOVED_MAX_MS = SESSION_MS + 5_000;
/** FLT-09: so long a process that is asked to stop may take, on such a machine. */
const STOP_MAX_MS = 10_000;

class Counts implements Metrics {
  readonly counts = new Map<string, number>();
  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
  observe(): void {
    // not looked at
  }
  gauge(): void {
    // not looked at
  }
}

/** A member of this process. */
const member = (handle: (batch: RecordBatch) => Promise<void> = async () => undefined) => {
  const owned = new Set<number>();
  const got: string[] = [];
  return {
    owned,
    got,
    assigned: async (partition: number): Promise<Offsets> => {
      owned.add(partition);
      return {};
    },
    revoked: async (partition: number): Promise<void> => void owned.delete(partition),
    handle: async (batch: RecordBatch): Promise<void> => {
      await handle(batch);
      got.push(...batch.records.map(({ value }) => value?.toString() ?? ''));
    },
  };
};

describe('members of a group', () => {
  let stream: Stream;
  let metrics: Counts;
  let topic: string;
  let group: string;
  let admin: Admin;

  beforeAll(async () => {
    admin = new Kafka({ brokers: [sharedBroker()], clientId: 'operator', logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
  });
  afterAll(() => admin.disconnect());
  beforeEach(async () => {
    metrics = new Counts();
    stream = openKafkaStream({ brokers: [sharedBroker()], clientId: 'members', metrics });
    topic = newName('members');
    group = newName('group');
    await stream.ensureTopic(topic, PARTITIONS);
  });
  afterEach(() => stream.close());

  /** The clients whom the broker counts among the group. */
  const clientsInGroup = async (): Promise<readonly string[]> =>
    (await admin.describeGroups([group])).groups.flatMap(({ members }) => members.map(({ clientId }) => clientId));

  const sendToAll = async (text: string): Promise<void> => {
    for (let p = 0; p < PARTITIONS; p++) await stream.send(topic, p, [record(`${text}/${String(p)}`)]);
  };

  test('FLT-32: what a killed member owned moves within the session timeout and five seconds, and nothing is lost', async () => {
    const here = member();
    await stream.consume([topic], group, here);
    await until('it has all', () => here.owned.size === PARTITIONS);
    const there = startMember(sharedBroker(), group, [topic]);
    await until('they share', () => there.owned() === 2 && here.owned.size === 2);
    await sendToAll('before');
    const rebalances = metrics.counts.get('kafka_rebalances_total') ?? 0;
    await there.kill('SIGKILL');
    await Promise.all([
      sendToAll('after'),
      until('it has all again', () => here.owned.size === PARTITIONS, MOVED_MAX_MS * allowance()),
    ]);
    expect(metrics.counts.get('kafka_rebalances_total')).toBeGreaterThan(rebalances);
    await until('all has arrived', () => here.got.filter((text) => text.startsWith('after')).length === PARTITIONS);
    const handled = new Set(there.lines.filter((line) => line.startsWith('got')).map((line) => line.split(' ')[2]));
    for (let p = 0; p < PARTITIONS; p++) {
      expect(here.got.includes(`before/${String(p)}`) || handled.has(String(p))).toBe(true);
    }
  });

  test('a member that stops in order hands over at once, and its process ends by itself', async () => {
    const here = member();
    await stream.consume([topic], group, here);
    await until('it has all', () => here.owned.size === PARTITIONS);
    const there = startMember(sharedBroker(), group, [topic]);
    await until('they share', () => there.owned() === 2 && here.owned.size === 2);
    expect(await clientsInGroup()).toContain(MEMBER_CLIENT_ID);
    const { code, tookMs } = await there.kill('SIGTERM');
    // One that does not say that it leaves is counted for a session.
    expect(await clientsInGroup()).not.toContain(MEMBER_CLIENT_ID);
    expect([code, there.owned()]).toEqual([0, 0]);
    expect(tookMs).toBeLessThan(STOP_MAX_MS * allowance());
    await until('it has all again', () => here.owned.size === PARTITIONS);
  });

  test('FLT-36: a slow consumer is not expelled, holds one batch, and its other partitions go on', async () => {
    const large = { key: null, value: Buffer.alloc(500_000, 'x'), headers: {} };
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const batches: number[] = [];
    const slow = member(async ({ partition }) => {
      batches.push(partition);
      if (partition === 0) await finished;
    });
    await stream.consume([topic], group, slow);
    await until('it has all', () => slow.owned.size === PARTITIONS);
    for (let n = 0; n < 100; n++) await stream.send(topic, 0, [large]);
    await until('a batch is in hand', () => batches.includes(0));
    const before = process.memoryUsage().arrayBuffers;
    let largest = 0;
    for (const end = performance.now() + 2 * SESSION_MS; performance.now() < end;) {
      const count = slow.got.length;
      await stream.send(topic, 1, [record('quick')]);
      await until('the other partition has gone on', () => slow.got.length > count);
      largest = Math.max(largest, process.memoryUsage().arrayBuffers);
    }
    expect(batches.filter((partition) => partition === 0).length).toBe(1);
    expect(largest - before).toBeLessThan(30_000_000);
    expect(metrics.counts.get('kafka_rebalances_total')).toBe(1);
    finish();
    await until('the slow ones have arrived', () => slow.got.filter((text) => text !== 'quick').length === 100);
    expect(metrics.counts.get('kafka_rebalances_total')).toBe(1);
  });

  test('partitions that are added to one topic are consumed within seconds, and to the other one once it has them, too', async () => {
    const other = newName('other');
    await stream.ensureTopic(other, PARTITIONS);
    const widen = (name: string): Promise<boolean> =>
      admin.createPartitions({ topicPartitions: [{ topic: name, count: PARTITIONS + 1 }] });
    const here = member();
    await stream.consume([topic, other], group, here);
    await until('it has all', () => here.owned.size === PARTITIONS);
    await stream.boundsOf(topic);
    await widen(topic);
    await until('it is known here', async () => (await stream.boundsOf(topic)).length > PARTITIONS);
    await stream.send(topic, PARTITIONS, [record('in the first')]);
    await until('it has arrived', () => here.got.includes('in the first'));
    await widen(other);
    await until('it is known here', async () => (await stream.boundsOf(other)).length > PARTITIONS);
    await stream.send(other, PARTITIONS, [record('in the second')]);
    await until('it has arrived', () => here.got.includes('in the second'));
    await stream.send(topic, 0, [record('on')]);
    await until('the others go on', () => here.got.includes('on'));
  });

  test('a rebalance waits for what is in hand, though not for ever: then the next owner is given it', async () => {
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    let inHand = 0;
    const stuck = member(async () => {
      inHand += 1;
      await finished;
    });
    const first = await stream.consume([topic], group, stuck);
    await until('it has all', () => stuck.owned.size === PARTITIONS);
    await sendToAll('x');
    await until('it is stuck on all of them', () => inHand === PARTITIONS);
    const next = member();
    await stream.consume([topic], group, next);
    await until('the next owner was given its share', () => next.got.length === 2);
    await until('each has one owner', () => [...next.owned, ...stuck.owned].sort().join() === '0,1,2,3');
    finish();
    await until('the rest is handled', () => stuck.got.length === PARTITIONS);
    await first.stop();
    await until('the other has all', () => next.owned.size === PARTITIONS);
    await sendToAll('y');
    await until('all has arrived', () => next.got.length === 2 + PARTITIONS);
    // The two that were stuck on what they kept had it counted as consumed; the two that were lost had not.
    expect(next.got.filter((text) => text.startsWith('x')).length).toBe(2);
  });
});
