import { setImmediate as turn } from 'node:timers/promises';
import type { RecordedEvent, ResolvedEvent } from '@eventstore/db-client';
import { PAGE_BYTES } from '@drawdown/ports';
import type { Waker } from './waker';

/** How much may be taken: events, and bytes of their data after which no more are. */
export interface Room {
  readonly events: number;
  readonly bytes: number;
}

/** Bytes of an event's data. */
export const bytesOf = ({ data }: RecordedEvent): number => (data instanceof Uint8Array ? data.byteLength : 0);

/** A read or a subscription of the client, as far as it is used. */
export interface Source {
  on(event: string, listener: (error?: Error) => void): unknown;
  read(): unknown;
  destroy(): unknown;
  /** A read. */
  cancel?(): Promise<void>;
  /** A subscription. */
  unsubscribe?(): Promise<void>;
}

export type Arrival =
  | { readonly kind: 'events'; readonly events: readonly RecordedEvent[] }
  /** All that was there when the subscription began, or came since, has arrived. Told once each time. */
  | { readonly kind: 'caught up' }
  /** Nothing more will come; without an error where the server says so politely. */
  | { readonly kind: 'end'; readonly error: Error | undefined }
  /** Nothing came for so long. */
  | { readonly kind: 'silence' }
  | { readonly kind: 'stopped' };

/**
 * What comes from the server, taken at the reader's pace: nothing is read ahead but what the client's own small buffers
 * hold, and then the server has to wait.
 */
export class Incoming {
  private caughtUp = false;
  private ended = false;
  private error: Error | undefined;
  /** The server has said that the subscription stands. */
  confirmed = false;

  constructor(
    private readonly source: Source,
    private readonly waker: Waker,
  ) {
    const wake = (): void => waker.wake();
    source.on('readable', wake);
    source.on('confirmation', () => (this.confirmed = true));
    source.on('caughtUp', () => {
      this.caughtUp = true;
      wake();
    });
    const end = (error?: Error): void => {
      this.error ??= error;
      this.ended = true;
      wake();
    };
    // The listener for errors stays after `close`: a late one without a listener would end the process.
    source.on('error', end);
    source.on('end', () => end());
    source.on('close', () => end());
  }

  async next(room: Room, silenceMs: number, stopped: () => boolean): Promise<Arrival> {
    for (;;) {
      if (stopped()) return { kind: 'stopped' };
      const events = await this.take(room);
      if (stopped()) return { kind: 'stopped' };
      if (events.length > 0) return { kind: 'events', events };
      if (this.ended) return { kind: 'end', error: this.error };
      if (this.caughtUp) {
        this.caughtUp = false;
        return { kind: 'caught up' };
      }
      if (!(await this.waker.wait(silenceMs))) return { kind: 'silence' };
    }
  }

  /** Ends the call; what has arrived is dropped. */
  close(): void {
    this.ended = true;
    const cancelled = this.source.cancel?.() ?? this.source.unsubscribe?.();
    cancelled?.catch(() => undefined); // it never began, which is as good as ended
    this.source.destroy();
  }

  /** What is there. While more keeps coming within a turn of the event loop, the page grows. */
  private async take(room: Room): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    const most = Math.min(room.bytes, PAGE_BYTES);
    let bytes = 0;
    for (let before = -1; events.length > before && events.length < room.events && bytes < most;) {
      before = events.length;
      while (events.length < room.events && bytes < most) {
        const resolved = this.source.read() as ResolvedEvent | null;
        if (resolved === null) break;
        if (resolved.event === undefined) continue; // a link to an event that is gone; ours have none
        events.push(resolved.event);
        bytes += bytesOf(resolved.event);
      }
      if (events.length > 0) await turn();
    }
    return events;
  }
}
