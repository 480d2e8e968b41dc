import { type Instant, shift } from '@drawdown/kernel';
import { type Clock, type Log, RecordTooLarge, type Stream, StreamGap, StreamUnavailable } from '@drawdown/ports';
import { createHash, randomUUID } from 'node:crypto';
import { LedgerUnavailable, OrganizationIsFrozen, TooLargeForStream } from '../ledger';
import { realSleep, type Sleep } from '../sleep';
import type { ReplyAddress } from '../stream/headers';
import { readReplyRecord, type Reply } from '../stream/reply-record';
import { REPLIES_TOPIC, SHARED_PARTITIONS } from '../stream/topics';

/** Pause before the reply topic is followed again after it could not be. */
const FOLLOW_AGAIN_MS = 500;

/** Calls that may wait at a time; what comes on top is refused with 503. */
const CALLS_MAX = 20_000;

const UNKNOWN = 'the ledger did not answer in time; the outcome is unknown, send it again with the same key';

/** Where the records of one call are to be answered. */
export type AddressOf = (place: number) => ReplyAddress;

/** So long the answer to a call is still heard of that nobody waits for: then it is lost, with its worker perhaps. */
const LATE_MS = 15_000;

type Answered = (reply: Reply) => void;

export interface RepliesPorts {
  readonly stream: Stream;
  readonly clock: Clock;
  readonly log: Log;
  readonly sleep?: Sleep;
}

/** Calls that wait for replies: follows one partition of the reply topic and picks out what is for this process. */
export class Replies {
  private readonly instance = randomUUID();
  /** By call, of those that somebody waits for, and of those that are late. */
  private readonly waiting = new Map<string, Answered>();
  private readonly late = new Map<string, Answered>();
  private readonly stopping = new AbortController();
  private readonly sleep: Sleep;
  private partition = 0;
  private following: Promise<void> | null = null;

  constructor(private readonly ports: RepliesPorts) {
    this.sleep = ports.sleep ?? realSleep;
  }

  /** From here on replies are seen; those to earlier processes are nobody's. */
  async start(): Promise<void> {
    const { stream } = this.ports;
    await stream.ensureTopic(REPLIES_TOPIC, SHARED_PARTITIONS);
    const partitions = await stream.partitionsOf(REPLIES_TOPIC);
    this.partition = createHash('sha256').update(this.instance).digest().readUInt32BE(0) % partitions;
    this.following = this.follow(await this.end());
  }

  /** Tells everybody who waits that the outcome is unknown. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.following;
  }

  /**
   * Sends records that ask for replies and waits until `collect` has made a result of those that came. Rejects with
   * `LedgerUnavailable` where that takes longer than `ms`, or where sending fails: what was asked may happen all the same.
   * Where it takes longer `late` is called, and what that gives once the answer came after all, or is lost.
   */
  async call<T>(
    ms: number,
    send: (addressOf: AddressOf) => Promise<void>,
    collect: (reply: Reply) => T | undefined,
    late?: () => () => void,
  ): Promise<T> {
    if (this.waiting.size >= CALLS_MAX) throw new LedgerUnavailable('too many calls wait; send it again in a moment');
    const call = randomUUID();
    const deadline = shift(this.ports.clock.now(), BigInt(ms) * 1000n);
    const done = new AbortController();
    const stop = AbortSignal.any([done.signal, this.stopping.signal]);
    try {
      return await new Promise<T>((resolve, reject) => {
        const answered = (reply: Reply): void => {
          const result = reply.kind === 'unavailable' ? notDecided(reply) : collect(reply);
          if (result instanceof LedgerUnavailable) reject(result);
          else if (result !== undefined) resolve(result);
        };
        this.waiting.set(call, answered);
        const unknown = (): void => reject(new LedgerUnavailable(UNKNOWN));
        const overdue = (): void => {
          unknown();
          if (late !== undefined) this.hearLate(call, collect, late());
        };
        this.sleep(ms, { signal: stop, ref: false }).then(overdue, unknown);
        send(this.addressOf(call, deadline)).catch((error: unknown) => reject(unavailable(error)));
      });
    } finally {
      this.waiting.delete(call);
      done.abort();
    }
  }

  /** Calls `over` once the answer to a call that nobody waits for any more is complete, or is not to be expected. */
  private hearLate(call: string, collect: (reply: Reply) => unknown, over: () => void): void {
    const done = new AbortController();
    const stop = AbortSignal.any([done.signal, this.stopping.signal]);
    const answered = (reply: Reply): void => {
      if (reply.kind === 'unavailable' || collect(reply) !== undefined) done.abort();
    };
    const end = (): void => {
      this.late.delete(call);
      over();
    };
    this.late.set(call, answered);
    this.sleep(LATE_MS, { signal: stop, ref: false }).then(end, end);
  }

  /** Rejects with `LedgerUnavailable` where something takes longer than `ms`; it may happen all the same. */
  inTime<T>(ms: number, something: Promise<T>): Promise<T> {
    const done = new AbortController();
    const late = new Promise<never>((_, reject) => {
      const over = (): void => reject(new LedgerUnavailable(UNKNOWN));
      this.sleep(ms, { signal: done.signal, ref: false }).then(over, () => undefined);
    });
    return Promise.race([something, late]).finally(() => done.abort());
  }

  private addressOf(call: string, deadline: Instant): AddressOf {
    const { partition, instance } = this;
    return (place) => ({ partition, instance, call, place, deadline });
  }

  private async end(): Promise<number> {
    const bounds = await this.ports.stream.boundsOf(REPLIES_TOPIC);
    return bounds[this.partition]?.end ?? 0;
  }

  private async follow(from: number): Promise<void> {
    const { signal } = this.stopping;
    for (let next = from; !signal.aborted;) {
      try {
        for await (const { records } of this.ports.stream.follow(REPLIES_TOPIC, this.partition, next, signal)) {
          for (const record of records) {
            next = record.offset + 1;
            this.deliver(readReplyRecord(record));
          }
        }
      } catch (error) {
        this.ports.log.warn({ topic: REPLIES_TOPIC, error: String(error) }, 'replies cannot be followed');
        await this.sleep(FOLLOW_AGAIN_MS, { signal, ref: false }).catch(() => undefined); // stopped meanwhile
        // Those who wait for what is gone are told that the outcome is unknown.
        if (error instanceof StreamGap) next = error.bounds.end;
      }
    }
  }

  private deliver(received: ReturnType<typeof readReplyRecord>): void {
    if (received?.to.instance !== this.instance) return;
    const { to, reply } = received;
    (this.late.get(to.call) ?? this.waiting.get(to.call))?.(reply);
  }
}

const notDecided = ({ code, detail }: Extract<Reply, { readonly kind: 'unavailable' }>): LedgerUnavailable =>
  code === 'organization_frozen' ? new OrganizationIsFrozen() : new LedgerUnavailable(detail);

/** What a caller is told where the stream did not take what was asked: it may have, all the same. */
export const unavailable = (error: unknown): Error => {
  if (error instanceof StreamUnavailable) {
    return new LedgerUnavailable('the stream cannot be reached; send it again with the same key', { cause: error });
  }
  // Whoever runs this has to see to it: what was sent is no larger than we say that it may be.
  if (error instanceof RecordTooLarge) return new TooLargeForStream(error.message, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
};
