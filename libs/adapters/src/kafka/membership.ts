/**
 * Membership in a group: who owns which partition. kafkajs joins, sends heartbeats and commits, and fetches nothing: all
 * partitions are paused for it, so that its heartbeats depend on nobody's work. Records come from {@link TopicSource}.
 */
import { type Log, NO_LOG } from '@drawdown/ports';
import type { Consumer as KafkaConsumer } from 'kafkajs';
import { type Claim, coPartition } from './co-partition';
import { GrowingPause } from './growing-pause';
import { inTime } from './in-time';
import { type Client, type KafkaOptions, openClient } from './kafka-client';
import { reasonOf } from './refusal';
import { Session } from './session';

/** A member that is not heard of for so long is dead to its group. */
const SESSION_MS = 6_000;
const HEARTBEAT_MS = 500;
/** How long the group waits, in a rebalance, for members that do not join again. */
const REBALANCE_MS = 5_000;
/** How long a member puts off joining again for the batches that it has in hand: well below the limits above. */
const HAND_OVER_MS = 3_000;
/** The beat of kafkajs' loop. */
const BEAT_MS = 250;
/**
 * A member that has heard nothing of its group for so long starts afresh: by then its partitions are given to others, and
 * kafkajs has been seen to wait for ever for an answer of a broker that was killed. So does one whose join has led to
 * nothing: refused while its coordinator loads, kafkajs goes back to heartbeats, which are answered, and never joins.
 */
const STUCK_MS = 15_000;
const LEAVE_MAX_MS = 5_000;
/** How soon a group notices that a topic has more partitions; kafkajs itself looks every five minutes. */
const PARTITIONS_SEEN_MS = 10_000;
const REJOIN_FIRST_MS = 200;
const REJOIN_LONGEST_MS = 5_000;
/** For about as long as a session; then it is better to start afresh. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 10 };

export interface Member {
  /** Batches in hand, and what they have consumed but is not committed. */
  busy(): boolean;
  /** No batch may be handed out from now on, until `joined`. */
  rebalancing(): void;
  /** Nothing is its own from now on, until `joined`. */
  lost(): void;
  /** `afresh`: as a new member, so that somebody else may have owned anything in between. */
  joined(partitions: readonly number[], afresh: boolean): void;
}

export class Membership {
  private client: Client | undefined;
  private consumer: KafkaConsumer | undefined;
  /** Attempts to be a member, of which only the newest counts. */
  private generation = 0;
  private memberId = '';
  private readonly session = new Session(SESSION_MS);
  private claim: Claim = { partitions: [], since: 0 };
  /** When the rebalance that is under way was noticed. */
  private handingOver: number | undefined;
  private readonly stopping = new AbortController();
  private readonly pause = new GrowingPause(REJOIN_FIRST_MS, REJOIN_LONGEST_MS);
  private readonly log: Log;
  private startedAt = performance.now();
  private readonly watch = setInterval(() => this.look(), BEAT_MS).unref();

  constructor(
    private readonly options: KafkaOptions,
    private readonly group: string,
    private readonly topics: readonly string[],
    private readonly member: Member,
  ) {
    this.log = options.log ?? NO_LOG;
    this.run();
  }

  /** False where the group may have given its partitions to others by now. */
  get heard(): boolean {
    return this.session.isHeld;
  }

  /** Commits what comes next; only a hint for those who begin where they know better. */
  async commit(
    offsets: readonly { readonly topic: string; readonly partition: number; readonly next: number }[],
  ): Promise<void> {
    const consumer = this.consumer;
    if (consumer === undefined) throw new Error('not a member at the moment');
    const committed = consumer.commitOffsets(offsets.map(({ next, ...of }) => ({ ...of, offset: String(next) })));
    await inTime(committed, HAND_OVER_MS, () => new Error('the group did not answer'));
  }

  /** Leaves the group, so that others need not wait for the end of the session. */
  async leave(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.watch);
    const left = this.consumer?.disconnect() ?? Promise.resolve();
    try {
      await inTime(left, LEAVE_MAX_MS, () => new Error('the group did not answer'));
    } catch (error) {
      this.log.warn({ group: this.group, error: String(error) }, 'a consumer ends without leaving its group');
    }
    this.client?.destroy();
  }

  private look(): void {
    if (this.session.lapses()) {
      const { partitions } = this.claim;
      const what = 'a consumer hears nothing of its group; what it owned is let go of, since others may own it by now';
      this.log.warn({ group: this.group, partitions }, what);
      this.member.lost();
    }
    const { silentMs, joiningMs } = this.session;
    if (Math.min(Math.max(silentMs, joiningMs), performance.now() - this.startedAt) < STUCK_MS) return;
    const what = silentMs < STUCK_MS ? 'a join leads to nothing' : 'a consumer hears nothing of its group';
    this.log.warn({ group: this.group }, `${what}; it starts afresh`);
    this.startAfresh();
  }

  private startAfresh(): void {
    this.member.rebalancing();
    this.giveUp();
    this.run(true);
  }

  /** Without `disconnect` kafkajs would go on with the heartbeats of a client that cannot connect any more. */
  private giveUp(): void {
    const failed = (error: unknown): void => this.log.info({ error: String(error) }, 'a consumer was given up');
    this.consumer?.disconnect().catch(failed);
    this.client?.destroy();
    this.consumer = undefined;
    this.client = undefined;
  }

  /** Joins, again and again until it has succeeded; from then on kafkajs sees to it, unless it gives up. */
  private run(again = false): void {
    this.startedAt = performance.now();
    const joined = async (): Promise<void> => {
      const generation = (this.generation += 1);
      const over = (): boolean => this.stopping.signal.aborted || this.generation !== generation;
      if (again) await this.pause.pause(this.stopping.signal);
      while (!over()) {
        try {
          return await this.join();
        } catch (error) {
          if (over()) return;
          const fields = { group: this.group, error: reasonOf(error) };
          this.log.error(fields, 'a consumer cannot join its group; it tries again');
          this.giveUp();
          await this.pause.pause(this.stopping.signal);
        }
      }
    };
    joined().catch((error: unknown) =>
      this.log.error({ group: this.group, error: String(error) }, 'a consumer gave up'),
    );
  }

  private async join(): Promise<void> {
    const client = openClient(this.options, RETRY);
    this.client = client;
    const consumer = client.kafka.consumer({
      groupId: this.group,
      partitionAssigners: [coPartition(() => this.claimToJoin())],
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: REBALANCE_MS,
      maxWaitTimeInMs: BEAT_MS,
      metadataMaxAge: PARTITIONS_SEEN_MS,
      allowAutoTopicCreation: false,
      retry: { ...RETRY, restartOnFailure: async () => false },
    });
    this.listen(consumer, client);
    this.consumer = consumer;
    await consumer.connect();
    await consumer.subscribe({ topics: [...this.topics], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => undefined });
  }

  private listen(consumer: KafkaConsumer, client: Client): void {
    const { GROUP_JOIN, HEARTBEAT, REBALANCING, CRASH } = consumer.events;
    const isOurs = (): boolean => this.client === client;
    consumer.on(GROUP_JOIN, ({ payload }) => {
      if (!isOurs()) return;
      consumer.pause(this.topics.map((topic) => ({ topic })));
      const partitions = new Set(Object.values(payload.memberAssignment).flat());
      this.joined(
        payload.memberId,
        [...partitions].sort((a, b) => a - b),
      );
    });
    consumer.on(HEARTBEAT, () => {
      if (isOurs()) this.answered();
    });
    consumer.on(REBALANCING, () => {
      if (isOurs()) this.member.rebalancing();
    });
    consumer.on(CRASH, ({ payload: { error } }) => {
      if (!isOurs() || this.stopping.signal.aborted) return;
      this.log.error({ group: this.group, error: String(error) }, 'a consumer lost its group; it joins again');
      this.startAfresh();
    });
  }

  private answered(): void {
    if (!this.session.answered()) return;
    const { partitions } = this.claim;
    this.log.info(
      { group: this.group, partitions },
      'a consumer hears of its group again, which it is still a member of',
    );
    this.member.joined(partitions, true);
  }

  private joined(memberId: string, partitions: readonly number[]): void {
    const afresh = memberId !== this.memberId;
    this.memberId = memberId;
    this.session.joined();
    this.handingOver = undefined;
    this.pause.reset();
    this.claim = { partitions, since: Date.now() };
    this.options.metrics?.count('kafka_rebalances_total', { group: this.group });
    this.log.info({ group: this.group, partitions, afresh }, 'a consumer joined its group');
    this.member.joined(partitions, afresh);
  }

  /**
   * kafkajs asks for this in the moment before it joins. To join is to give one's partitions up: who still has batches in
   * hand puts it off, by an error that kafkajs answers with another try, lest the next owner is given the same records.
   */
  private claimToJoin(): Claim {
    this.member.rebalancing();
    this.handingOver ??= performance.now();
    if (this.member.busy() && performance.now() - this.handingOver < HAND_OVER_MS) {
      throw Object.assign(new Error('batches are still in hand'), { type: 'REBALANCE_IN_PROGRESS' });
    }
    this.session.joins();
    return this.claim;
  }
}
