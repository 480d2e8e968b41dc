import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { status } from '@grpc/grpc-js';
import { asFailure, failure } from './answers';
import type { EventLog } from './event-log';
import type { LoggedEvent } from './logged-event';
import type { Faults, Subscriber } from './faults';
import { caughtUp, checkpoint, confirmation, eventAnswer, firstFrom, type ReadCall, send } from './read-answers';
import type { ReadRequest } from './read-request';
import { firstVisible } from './stream-metadata';

/** Events without a match that are looked at before others get a turn. */
const SCAN_EVENTS = 2_000;

/**
 * A live subscriber that is further behind than this is caught up once more, and hears so at the end of it (Enumerators: the
 * live channel of 32 events, since 24.2). That it fell behind nobody is told (Streams.Read.cs, `SubscriptionFellBehind => null`).
 */
const BEHIND_EVENTS = 32;

/** Events that a fault can have repeated (FLT-27). */
const REPEATED_MAX = 1_000;

/** Enumerator.StreamSubscription and Enumerator.AllSubscriptionFiltered: confirmation, what there is, `caught_up`, what comes. */
export const subscribe = async (call: ReadCall, log: EventLog, faults: Faults, request: ReadRequest): Promise<void> => {
  faults.subscriptions += 1;
  const live = new LiveSubscription(call, log, request);
  faults.subscribers.add(live);
  try {
    await live.run();
  } finally {
    faults.subscribers.delete(live);
  }
};

class LiveSubscription implements Subscriber {
  private readonly gone = new AbortController();
  private readonly list: readonly LoggedEvent[];
  /** Index of the next event to look at. */
  private next: number;
  private seen = 0;
  private silent = false;
  private readonly sent: LoggedEvent[] = [];
  private repetitions = 0;

  constructor(
    private readonly call: ReadCall,
    private readonly log: EventLog,
    private readonly request: ReadRequest,
  ) {
    const leave = (): void => this.gone.abort();
    call.on('cancelled', leave).on('close', leave).on('error', leave);
    this.list = request.stream === undefined ? log.all : log.stream(request.stream);
    this.next = startOf(this.list, request);
  }

  async run(): Promise<void> {
    const { stream } = this.request;
    await send(this.call, confirmation(randomUUID()));
    let live = false;
    while (!this.gone.signal.aborted) {
      // Enumerator.StreamSubscription: a missing stream is waited for, a tombstoned one ends the call.
      if (stream !== undefined && this.log.isTombstoned(stream)) {
        this.call.emit('error', asFailure('stream deleted', { stream, expected: 'any', current: -1 }));
        return;
      }
      const pending = this.events.length - this.next;
      if (pending > BEHIND_EVENTS) live = false;
      await this.pass();
      if (!live && this.next >= this.events.length) {
        await this.say(caughtUp());
        live = true;
      }
      if (this.next >= this.events.length && this.repetitions === 0) await this.log.news(this.gone.signal);
    }
  }

  end(code?: status): void {
    if (code === undefined) this.call.end();
    else this.call.emit('error', failure(code, 'Failed on command'));
    this.gone.abort();
  }

  silence(): void {
    this.silent = true;
  }

  repeat(count: number): void {
    this.repetitions = count;
  }

  /** A stream that did not exist had no list yet. */
  private get events(): readonly LoggedEvent[] {
    return this.request.stream === undefined ? this.list : this.log.stream(this.request.stream);
  }

  private async pass(): Promise<void> {
    const repeated = this.repetitions > 0 ? this.sent.slice(-this.repetitions) : [];
    this.repetitions = 0;
    for (const event of repeated) await this.say(eventAnswer(this.log, event, this.request));
    const { filter, stream } = this.request;
    // Hidden events are skipped without a word.
    const visible = stream === undefined ? 0 : firstVisible(this.events, this.log.metadataOfStream(stream));
    this.next = Math.max(this.next, Math.min(visible, this.events.length));
    for (; this.next < this.events.length && !this.gone.signal.aborted; this.next++) {
      const event = this.events[this.next];
      if (event === undefined) return;
      if (filter?.matches(event) ?? true) {
        if (this.sent.push(event) > REPEATED_MAX) this.sent.shift();
        await this.say(eventAnswer(this.log, event, this.request));
      }
      this.seen += 1;
      if (filter !== undefined && this.seen % filter.checkpointEvents === 0) await this.say(checkpoint(event.position));
      if (this.seen % SCAN_EVENTS === 0) await turn();
    }
  }

  private async say(answer: Parameters<typeof send>[1]): Promise<void> {
    if (!this.silent && !(await send(this.call, answer))) this.gone.abort();
  }
}

/** The start of a subscription is exclusive: the last event that was processed (docs: clients, "Subscribing from a position"). */
const startOf = (list: readonly LoggedEvent[], { start, stream }: ReadRequest): number => {
  if (start === 'start') return 0;
  if (start === 'end') return list.length;
  return stream === undefined ? firstFrom(list, start + 1) : start + 1;
};
