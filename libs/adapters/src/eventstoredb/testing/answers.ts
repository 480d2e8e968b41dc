import { Metadata, status } from '@grpc/grpc-js';
import {
  AccessDenied,
  AllStreamPosition,
  Empty as ClientEmpty,
  MaximumAppendSizeExceeded,
  StreamDeleted,
  StreamIdentifier,
  Timeout,
  UUID,
  WrongExpectedVersion,
} from '@eventstore/db-client/generated/shared_pb';
import { Status } from '@eventstore/db-client/generated/status_pb';
import type { Message } from 'google-protobuf';
import { Any } from 'google-protobuf/google/protobuf/any_pb';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';
import type { Expected } from './expected-revision';

/** Default of MaxAppendSize up to 25.0 (docs: configuration.md): data, metadata and 2 × type length since 24.10. */
export const APPEND_SIZE_MAX = 1024 * 1024;

/** Why an append is refused, before or without touching the log. */
export type Refusal =
  'wrong version' | 'stream deleted' | 'access denied' | 'timeout' | 'too large' | 'event too large' | 'not ready';

/** uint64 `current` of a stream that has none is absent on the protocol. */
export interface RefusalFacts {
  readonly stream: string;
  readonly expected: Expected;
  readonly current: number;
}

export const identifier = (stream: string): StreamIdentifier => {
  const bytes = new Uint8Array(Buffer.from(stream, 'utf8'));
  return new StreamIdentifier().setStreamName(bytes);
};

export const streamName = (given: StreamIdentifier | undefined): string =>
  Buffer.from(given?.getStreamName_asU8() ?? new Uint8Array(0)).toString('utf8');

export const allPosition = (position: number): AllStreamPosition =>
  new AllStreamPosition().setCommitPosition(String(position)).setPreparePosition(String(position));

/** Both forms are accepted everywhere (Services/Transport/Grpc/Uuid.cs, `Uuid.FromDto`). */
export const uuidOf = (text: string, structured: boolean): UUID => {
  if (!structured) return new UUID().setString(text);
  const hex = text.replaceAll('-', '');
  const bits = (half: string): string => BigInt.asIntN(64, BigInt(`0x${half}`)).toString();
  const both = new UUID.Structured().setMostSignificantBits(bits(hex.slice(0, 16)));
  return new UUID().setStructured(both.setLeastSignificantBits(bits(hex.slice(16))));
};

/**
 * In-band answers of BatchAppend: a google.rpc.Status with one Any
 * (Services/Transport/Grpc/Streams.BatchAppend.cs, `ClientMessage.WriteEventsCompleted` → `BatchAppendResp.Types`).
 */
export const inBand = (refusal: Refusal, facts: RefusalFacts): Status => {
  switch (refusal) {
    case 'wrong version':
      return rpcStatus(status.ALREADY_EXISTS, 'WrongExpectedVersion', wrongVersion(facts));
    case 'stream deleted': {
      const details = new StreamDeleted().setStreamIdentifier(identifier(facts.stream));
      return rpcStatus(status.NOT_FOUND, 'StreamDeleted', details);
    }
    case 'access denied':
      return rpcStatus(status.PERMISSION_DENIED, 'AccessDenied', new AccessDenied());
    case 'timeout':
      return rpcStatus(status.DEADLINE_EXCEEDED, 'Timeout', new Timeout());
    case 'too large': {
      const details = new MaximumAppendSizeExceeded().setMaxappendsize(APPEND_SIZE_MAX);
      return rpcStatus(status.INVALID_ARGUMENT, 'MaximumAppendSizeExceeded', details);
    }
    case 'event too large': {
      // Status.cs, `MaximumAppendEventSizeExceeded`, since 24.10.4: the client has no such message, and none is read.
      const details = new Any();
      details.pack(new Uint8Array(0), 'event_store.client.MaximumAppendEventSizeExceeded');
      const answer = new Status().setCode(Number(status.INVALID_ARGUMENT)).setDetails(details);
      return answer.setMessage('MaximumAppendEventSizeExceeded');
    }
    case 'not ready': {
      // `ClientMessage.NotHandled`: no code, and the details are an empty message, which the client does not recognise.
      const details = new Any();
      details.pack(new Empty().serializeBinary(), 'google.protobuf.Empty');
      return new Status().setMessage('Server Is Not Ready').setDetails(details);
    }
  }
};

const rpcStatus = (code: status, name: string, details: Message): Status => {
  const any = new Any();
  any.pack(details.serializeBinary(), `event_store.client.${name}`);
  return new Status().setCode(Number(code)).setMessage(name).setDetails(any);
};

const wrongVersion = ({ expected, current }: RefusalFacts): WrongExpectedVersion => {
  const details = new WrongExpectedVersion();
  if (current < 0) details.setCurrentNoStream(new Empty());
  else details.setCurrentStreamRevision(String(current));
  if (expected === 'no_stream') return details.setExpectedNoStream(new Empty());
  if (expected === 'any') return details.setExpectedAny(new Empty());
  if (expected === 'stream_exists') return details.setExpectedStreamExists(new Empty());
  return details.setExpectedStreamPosition(String(expected));
};

/** How a whole call ends. */
export interface CallFailure {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What a whole call fails with: status and the trailer `exception` (Services/Transport/Grpc/RpcExceptions.cs). */
export const failure = (
  code: status,
  details: string,
  trailers: Readonly<Record<string, string>> = {},
): CallFailure => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
  return { code, details, metadata };
};

/** The forms of {@link Refusal} on calls other than BatchAppend. */
export const asFailure = (refusal: Refusal, { stream, expected, current }: RefusalFacts): CallFailure => {
  switch (refusal) {
    case 'wrong version':
      return failure(status.FAILED_PRECONDITION, 'Append failed due to WrongExpectedVersion.', {
        exception: 'wrong-expected-version',
        'stream-name': stream,
        'expected-version': String(expected),
        'actual-version': String(current),
      });
    case 'stream deleted':
      return failure(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
        exception: 'stream-deleted',
        'stream-name': stream,
      });
    case 'access denied':
      return failure(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' });
    case 'timeout':
      return failure(status.ABORTED, 'Operation timed out'); // RpcExceptions.Timeout
    case 'too large':
      return failure(status.INVALID_ARGUMENT, 'Maximum Append Size Exceeded', {
        exception: 'maximum-append-size-exceeded',
        'maximum-append-size': String(APPEND_SIZE_MAX),
      });
    case 'event too large':
      return failure(status.INVALID_ARGUMENT, 'Maximum Append Event Size Exceeded', {
        exception: 'maximum-append-event-size-exceeded',
      });
    case 'not ready':
      return failure(status.UNAVAILABLE, 'Server Is Not Ready');
  }
};

/** RpcExceptions.LeaderInfo: the client moves to the endpoint named in the trailers. */
export const notLeader = (host: string, port: number): CallFailure =>
  failure(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': host,
    'leader-endpoint-port': String(port),
  });

export const clientEmpty = (): ClientEmpty => new ClientEmpty();
