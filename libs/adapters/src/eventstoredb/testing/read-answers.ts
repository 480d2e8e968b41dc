import { once } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { type ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb';
import { identifier, uuidOf } from './answers';
import type { EventLog } from './event-log';
import type { LoggedEvent } from './logged-event';
import type { ReadRequest } from './read-request';

export type ReadCall = ServerWritableStream<ReadReq, ReadResp>;

/** Revision of a tombstone on the protocol (Data/EventNumber.cs, `DeletedStream`). */
const DELETED_STREAM = '9223372036854775807';

/** Index of the first event at or after a position. */
export const firstFrom = (list: readonly LoggedEvent[], position: number): number => {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.position ?? Infinity) < position) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Sends at the client's pace; false where the client is gone. */
export const send = async (call: ReadCall, answer: ReadResp): Promise<boolean> => {
  if (call.cancelled || call.destroyed || call.writableEnded) return false;
  if (!call.write(answer)) {
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    call.once('cancelled', leave).once('close', leave);
    try {
      await once(call, 'drain', { signal: gone.signal });
    } catch {
      return false; // cancelled, or ended by a fault
    } finally {
      call.off('cancelled', leave).off('close', leave);
    }
  }
  return !call.cancelled;
};

/** Commit and prepare position are equal for everything that is written today (Services/Storage/AllReader.cs). */
export const eventAnswer = (log: EventLog, event: LoggedEvent, { structuredIds }: ReadRequest): ReadResp => {
  const position = String(event.position);
  const recorded = new ReadResp.ReadEvent.RecordedEvent()
    .setId(uuidOf(event.id, structuredIds))
    .setStreamIdentifier(identifier(event.stream))
    .setStreamRevision(event.revision < 0 ? DELETED_STREAM : String(event.revision))
    .setCommitPosition(position)
    .setPreparePosition(position)
    .setCustomMetadata(plain(log.metadataOf(event)))
    .setData(plain(log.dataOf(event)));
  recorded
    .getMetadataMap()
    .set('type', event.type)
    .set('content-type', event.contentType)
    .set('created', event.created);
  return new ReadResp().setEvent(new ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(position));
};

/** The generated classes take Buffers for something else. */
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);

export const caughtUp = (): ReadResp => new ReadResp().setCaughtUp(new ReadResp.CaughtUp());
export const confirmation = (id: string): ReadResp =>
  new ReadResp().setConfirmation(new ReadResp.SubscriptionConfirmation().setSubscriptionId(id));
export const checkpoint = (position: number): ReadResp => {
  const at = String(position);
  return new ReadResp().setCheckpoint(new ReadResp.Checkpoint().setCommitPosition(at).setPreparePosition(at));
};
