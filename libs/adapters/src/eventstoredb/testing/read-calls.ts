import { setImmediate as turn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { ReadResp } from '@eventstore/db-client/generated/streams_pb';
import { asFailure, failure, identifier, notLeader } from './answers';
import type { EventLog } from './event-log';
import type { LoggedEvent } from './logged-event';
import type { Faults } from './faults';
import { eventAnswer, firstFrom, type ReadCall, send } from './read-answers';
import { type ReadRequest, readRequest, type Start } from './read-request';
import { firstVisible, isSoftDeleted } from './stream-metadata';
import { subscribe } from './subscription';

/** Events without a match that are looked at before others get a turn. */
const SCAN_EVENTS = 2_000;

/** Streams/Read (Services/Transport/Grpc/Streams.Read.cs and Enumerators/): reads and subscriptions, of a stream or of `$all`. */
export const read =
  (log: EventLog, faults: Faults) =>
  (call: ReadCall): void => {
    const request = readRequest(call.request);
    if (typeof request === 'string') {
      call.emit('error', failure(status.INVALID_ARGUMENT, request));
    } else if (faults.readsFail !== undefined) {
      call.emit('error', failure(faults.readsFail, 'Failed on command'));
    } else if (faults.readsNotLeader !== undefined && call.metadata.get('requires-leader').length > 0) {
      call.emit('error', notLeader(faults.readsNotLeader.host, faults.readsNotLeader.port));
    } else if (!faults.silent) {
      const run = request.subscription ? subscribe(call, log, faults, request) : readOnce(call, log, request);
      run.catch((error: unknown) => call.destroy(error as Error));
    } else if (request.subscription) faults.subscriptions += 1;
  };

const readOnce = async (call: ReadCall, log: EventLog, request: ReadRequest): Promise<void> => {
  const { stream } = request;
  // Enumerator.ReadStreamForwards: StreamDeleted is an error with a trailer, NoStream an answer in band, then OK.
  if (stream !== undefined && log.isTombstoned(stream)) {
    call.emit('error', asFailure('stream deleted', { stream, expected: 'any', current: -1 }));
    return;
  }
  if (stream !== undefined && isMissing(log, stream)) {
    await send(call, new ReadResp().setStreamNotFound(notFound(stream)));
  } else await sendEvents(call, log, request);
  call.end();
};

export const isMissing = (log: EventLog, stream: string): boolean =>
  log.stream(stream).length === 0 || isSoftDeleted(log.metadataOfStream(stream));

const notFound = (stream: string): ReadResp.StreamNotFound =>
  new ReadResp.StreamNotFound().setStreamIdentifier(identifier(stream));

/** Reads are inclusive (docs: clients, "Reading events"). */
const sendEvents = async (call: ReadCall, log: EventLog, request: ReadRequest): Promise<void> => {
  const { stream, filter, count, backwards, start } = request;
  const list = stream === undefined ? log.all : log.stream(stream);
  const end = list.length; // what is committed while it is read is left to the next read
  const first = stream === undefined ? 0 : firstVisible(log.stream(stream), log.metadataOfStream(stream));
  const from = Math.max(indexOf(list, start, backwards, stream !== undefined), backwards ? -1 : first);
  let sent = 0;
  for (let index = from, seen = 1; sent < count && index >= first && index < end; index += backwards ? -1 : 1, seen++) {
    const event = list[index];
    if (event !== undefined && (filter?.matches(event) ?? true)) {
      if (!(await send(call, eventAnswer(log, event, request)))) return;
      sent += 1;
    } else if (seen % SCAN_EVENTS === 0) await turn();
  }
};

const indexOf = (list: readonly LoggedEvent[], start: Start, backwards: boolean, ofStream: boolean): number => {
  if (start === 'start') return 0;
  if (start === 'end') return backwards ? list.length - 1 : list.length;
  if (ofStream) return backwards ? Math.min(start, list.length - 1) : start;
  const at = firstFrom(list, start);
  return backwards ? (list[at]?.position === start ? at : at - 1) : at;
};
