import { type Stream, StreamUnavailable } from '@drawdown/ports';
import { allowance } from '../testing/allowance';
import { openKafkaStream } from './kafka-stream';
import { type KafkaBroker, startKafkaBroker } from './testing/broker';
import { newName, record, textsOf, until } from './testing/reading';

const PARTITIONS = 2;
const SENDERS = 4;
const DEATHS = 2;
/** From the catalogue of faults: everything is back by then, on a machine that does nothing else. */
const BACK_MS = 45_000;
/** Twice the time that a send has, and some more: halved, the allowance leaves it as it is on such a machine. */
const REFUSED_MAX_MS = 25_000;

/** Its consumers have a second and its producers two; a process has 10 s for everything. With half the allowance, too. */
const CLOSED_MAX_MS = 6_000;

/** Sends its own numbers, one after the other, to one partition; goes on after what failed. */
class Sender {
  readonly acknowledged: string[] = [];
  unknown = 0;
  private readonly running: Promise<void>;
  private stopped = false;

  constructor(
    private readonly stream: Stream,
    private readonly topic: string,
    private readonly name: string,
    readonly partition: number,
  ) {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async run(): Promise<void> {
    for (let n = 0; !this.stopped; n++) {
      const text = `${this.name}/${String(n)}`;
      try {
        await this.stream.send(this.topic, this.partition, [record(text)]);
        this.acknowledged.push(text);
      } catch (error) {
        if (!(error instanceof StreamUnavailable)) throw error;
        this.unknown += 1;
      }
    }
  }
}

describe('FLT-30: a broker that is killed and comes back', () => {
  let broker: KafkaBroker;
  let stream: Stream;
  let topic: string;

  beforeAll(async () => {
    broker = await startKafkaBroker();
    stream = openKafkaStream({ brokers: [broker.address], clientId: 'death' });
    topic = newName('death');
    await stream.ensureTopic(topic, PARTITIONS);
  }, 120_000);
  afterAll(async () => {
    await stream.close();
    await broker.stop();
  }, 30_000);

  test('nothing acknowledged is lost, all is in order, and whoever consumes and follows goes on', async () => {
    const consumed: string[][] = [[], []];
    const followed: string[] = [];
    const abort = new AbortController();
    await stream.consume([topic], newName('group'), {
      handle: async ({ partition, records }) =>
        void consumed[partition]?.push(...records.map(({ value }) => value?.toString() ?? '')),
    });
    const following = (async () => {
      for await (const { records } of stream.follow(topic, 0, 0, abort.signal)) {
        followed.push(...records.map(({ value }) => value?.toString() ?? ''));
      }
    })();
    const senders = Array.from({ length: SENDERS }, (_, s) => new Sender(stream, topic, String(s), s % PARTITIONS));
    const sent = (): number => senders.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    const received = (): number => consumed.flat().length;
    await until('it flows', () => sent() > 100 && received() > 100);
    for (let death = 0; death < DEATHS; death++) {
      await broker.kill();
      await broker.restart();
      const [sentBefore, receivedBefore] = [sent(), received()];
      await until(
        'it flows again',
        () => sent() > sentBefore + 100 && received() > receivedBefore + 100,
        BACK_MS * allowance(),
      );
    }
    await Promise.all(senders.map((sender) => sender.stop()));

    const logs = await Promise.all([0, 1].map((p) => textsOf(stream, topic, p)));
    await until(
      'all is consumed and followed',
      // Some may be given twice.
      () => new Set(consumed.flat()).size >= logs.flat().length && followed.length === logs[0]?.length,
    );
    abort.abort();
    await following;
    for (const { acknowledged, partition } of senders) {
      const name = acknowledged[0]?.split('/')[0] ?? '';
      const own = (logs[partition] ?? []).filter((text) => text.startsWith(`${name}/`));
      const numbers = own.map((text) => Number(text.split('/')[1]));
      expect(new Set(own).size).toBe(own.length);
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(acknowledged.filter((text) => !own.includes(text))).toEqual([]);
    }
    expect(followed).toEqual(logs[0]);
    // At least once: what was in hand at a death may be given again, never out of order or with a hole.
    expect(consumed.map((texts) => [...new Set(texts)])).toEqual(logs);
  }, 240_000);

  test('while it is away a send is refused within its limit, and memory does not grow with what is refused', async () => {
    await broker.kill();
    const large = { key: null, value: Buffer.alloc(900_000), headers: {} };
    const started = performance.now();
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => stream.send(topic, 0, [large])));
    expect(performance.now() - started).toBeLessThan((REFUSED_MAX_MS * allowance()) / 2);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']));
    const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : ''));
    expect(reasons.filter((reason) => reason.includes('too much waits')).length).toBeGreaterThan(100);
    await broker.restart();
    // A send has ten seconds of its own, in which a slow machine may not get as far.
    const back = async (): Promise<boolean> => {
      try {
        await stream.send(topic, 0, [record('back')]);
        return true;
      } catch (error) {
        if (!(error instanceof StreamUnavailable)) throw error;
        return false;
      }
    };
    await until('it is back', back, BACK_MS * allowance());
    expect((await textsOf(stream, topic, 0)).at(-1)).toBe('back');
  }, 240_000);

  test('it goes while a consumer takes its partitions up: a close of the stream waits for neither', async () => {
    const other = openKafkaStream({ brokers: [broker.address], clientId: 'going' });
    let death: Promise<void> | undefined;
    await other.consume([topic], newName('group'), {
      assigned: async () => {
        await (death ??= broker.kill());
        return {};
      },
      handle: () => Promise.resolve(),
    });
    await until('a partition is taken up', () => death !== undefined, BACK_MS * allowance());
    await death;
    const started = performance.now();
    await other.close();
    expect(performance.now() - started).toBeLessThan((CLOSED_MAX_MS * allowance()) / 2);
    await broker.restart();
  }, 240_000);
});
