import { setTimeout as pause } from 'node:timers/promises';
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import { type BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';
import {
  allPosition,
  APPEND_SIZE_MAX,
  failure,
  identifier,
  inBand,
  notLeader,
  type Refusal,
  streamName,
  uuidOf,
} from './answers';
import { uuidText } from '../batch-stream';
import type { EventLog, Written } from './event-log';
import type { ProposedEvent } from './logged-event';
import type { Expected } from './expected-revision';
import { mayWrite, type User } from './access';
import type { AppendFault, Faults } from './faults';

type BatchCall = ServerDuplexStream<BatchAppendReq, BatchAppendResp>;

interface Incoming {
  readonly correlationId: string;
  readonly structured: boolean;
  readonly stream: string;
  readonly expected: Expected;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  readonly events: ProposedEvent[];
}

/** What becomes of an append: an answer, a refusal, the end of the call, or nothing that anybody hears of. */
type Outcome =
  | { readonly written: Written }
  | { readonly refusal: Refusal; readonly current: number }
  | { readonly end: ReturnType<typeof failure> | 'ok' }
  | 'silence';

/** Streams/BatchAppend (Services/Transport/Grpc/Streams.BatchAppend.cs): one long call, many appends, any order of answers. */
export const batchAppend =
  (log: EventLog, faults: Faults, users?: readonly User[]) =>
  (call: BatchCall): void => {
    const open = new Map<string, Incoming>();
    const isDenied = (): boolean => faults.accessDenied || !mayWrite(users, call.metadata);
    faults.batchCalls += 1;
    call.once('close', () => (faults.batchCalls -= 1));
    call.on('data', (frame: BatchAppendReq) => {
      const correlationId = uuidText(frame.getCorrelationId());
      const incoming = open.get(correlationId) ?? begun(frame, correlationId);
      if (incoming === undefined) return; // BatchAppendWorker.Receive: an unknown correlation id without options is ignored
      open.set(correlationId, incoming);
      for (const message of frame.getProposedMessagesList()) incoming.events.push(proposed(message));
      if (!frame.getIsFinal()) return;
      open.delete(correlationId); // whatever comes later under this id is ignored, so none is answered twice
      finish(call, log, faults, isDenied, incoming).catch((error: unknown) => call.destroy(error as Error));
    });
    call.on('end', () => call.end());
    call.on('error', () => call.end());
  };

const begun = (frame: BatchAppendReq, correlationId: string): Incoming | undefined => {
  const options = frame.getOptions();
  if (options === undefined) return undefined;
  const expected = options.hasNoStream()
    ? 'no_stream'
    : options.hasAny()
      ? 'any'
      : options.hasStreamExists()
        ? 'stream_exists'
        : Number(options.getStreamPosition());
  const deadline = options.getDeadline()?.toDate().getTime() ?? Infinity;
  const structured = frame.getCorrelationId()?.hasStructured() ?? false;
  const stream = streamName(options.getStreamIdentifier());
  return { correlationId, structured, stream, expected, deadline, events: [] };
};

const proposed = (message: BatchAppendReq.ProposedMessage): ProposedEvent => ({
  id: uuidText(message.getId()),
  type: message.getMetadataMap().get('type') ?? '',
  contentType: message.getMetadataMap().get('content-type') ?? '',
  metadata: message.getCustomMetadata_asU8(),
  data: message.getData_asU8(),
});

const finish = async (
  call: BatchCall,
  log: EventLog,
  faults: Faults,
  isDenied: () => boolean,
  incoming: Incoming,
): Promise<void> => {
  const outcome = await decided(log, faults, isDenied, incoming);
  if (outcome === 'silence') return;
  if ('end' in outcome) {
    if (outcome.end === 'ok') call.end();
    else call.emit('error', outcome.end);
    return;
  }
  const { correlationId, structured, stream, expected } = incoming;
  const answer = new BatchAppendResp().setCorrelationId(uuidOf(correlationId, structured));
  answer.setStreamIdentifier(identifier(stream));
  if ('refusal' in outcome) {
    answer.setError(inBand(outcome.refusal, { stream, expected, current: outcome.current }));
  } else answer.setSuccess(batchSuccess(outcome.written));
  if (!call.cancelled && call.writable) call.write(answer);
};

const batchSuccess = (written: Written): BatchAppendResp.Success => {
  const success = new BatchAppendResp.Success();
  if (!('revision' in written)) throw new Error(`not a success: ${written.outcome}`);
  if (written.revision < 0) success.setNoStream(new Empty());
  else success.setCurrentRevision(String(written.revision));
  if (written.position === undefined) return success.setNoPosition(new Empty());
  return success.setPosition(allPosition(written.position));
};

const decided = async (
  log: EventLog,
  faults: Faults,
  isDenied: () => boolean,
  incoming: Incoming,
): Promise<Outcome> => {
  const fault = faults.forNextAppend();
  if (faults.silent) return 'silence';
  const current = log.stream(incoming.stream).length - 1;
  if (isDenied()) return { refusal: 'access denied', current };
  const before = fault === undefined ? undefined : insteadOf(fault, current);
  if (before !== undefined) return before;
  // WriteEvents with a deadline that has passed is answered as a time-out and not written (Streams.BatchAppend.cs).
  if (incoming.deadline <= Date.now()) return { refusal: 'timeout', current };
  const bytes = incoming.events.reduce((sum, event) => sum + sizeOf(event), 0);
  if (bytes > APPEND_SIZE_MAX) return { refusal: 'too large', current };
  const written = await log.append(incoming.stream, incoming.expected, incoming.events);
  const after = fault === undefined ? undefined : await insteadOfAnswer(fault, current);
  return after ?? outcomeOf(written, current);
};

const sizeOf = ({ data, metadata, type }: ProposedEvent): number =>
  data.byteLength + metadata.byteLength + 2 * type.length;

const outcomeOf = (written: Written, current: number): Outcome => {
  switch (written.outcome) {
    case 'wrong version':
      return { refusal: 'wrong version', current: written.current };
    case 'stream deleted':
      return { refusal: 'stream deleted', current };
    case 'failed':
      // StorageWriterService.cs: a write that fails ends the process; its clients see their calls break.
      return { end: failure(status.UNAVAILABLE, 'Connection dropped') };
    default:
      return { written };
  }
};

/** What a fault makes of an append that is not to be stored. */
const insteadOf = (fault: AppendFault, current: number): Outcome | undefined => {
  if (fault.kind === 'drop request') return 'silence';
  if (fault.kind === 'refuse') return { refusal: fault.refusal, current: fault.current ?? current };
  if (fault.kind === 'not leader') return { end: notLeader(fault.host, fault.port) };
  if (fault.kind === 'close' && !fault.stored) return { end: 'ok' };
  if (fault.kind === 'fail' && !fault.stored) return { end: failure(fault.code, 'Failed on command') };
  return undefined;
};

/** What a fault makes of the answer to an append that is stored. */
const insteadOfAnswer = async (fault: AppendFault, current: number): Promise<Outcome | undefined> => {
  if (fault.kind === 'drop answer') return 'silence';
  if (fault.kind === 'store and refuse') return { refusal: fault.refusal, current: fault.current ?? current };
  if (fault.kind === 'close') return { end: 'ok' };
  if (fault.kind === 'fail') return { end: failure(fault.code, 'Failed on command') };
  if (fault.kind === 'answer late') await pause(fault.ms);
  return undefined;
};

export const expectedOf = (options: {
  hasNoStream(): boolean;
  hasAny(): boolean;
  hasStreamExists(): boolean;
  getRevision(): string;
}): Expected => {
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasAny()) return 'any';
  return options.hasStreamExists() ? 'stream_exists' : Number(options.getRevision());
};
