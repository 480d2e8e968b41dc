import { type sendUnaryData, type ServerUnaryCall, status } from '@grpc/grpc-js';
import {
  type DeleteReq,
  DeleteResp,
  type TombstoneReq,
  TombstoneResp,
} from '@eventstore/db-client/generated/streams_pb';
import { asFailure, clientEmpty, failure, streamName } from './answers';
import { expectedOf } from './append-calls';
import type { EventLog, Written } from './event-log';
import type { Expected } from './expected-revision';
import { isSoftDeleted, softDeletion } from './stream-metadata';

interface Target {
  readonly stream: string;
  readonly expected: Expected;
}

/** Streams/Delete (StorageWriterService.cs, `Handle(WriteDelete)`): `$tb` in `$$S`; the events stay, so does the numbering. */
export const softDelete =
  (log: EventLog) =>
  (call: ServerUnaryCall<DeleteReq, DeleteResp>, answer: sendUnaryData<DeleteResp>): void => {
    const options = call.request.getOptions();
    if (options === undefined) return answer(failure(status.INVALID_ARGUMENT, 'Delete without options'));
    const target = { stream: streamName(options.getStreamIdentifier()), expected: expectedOf(options) };
    const refused = refusal(log, target);
    if (refused !== undefined) return answer(refused);
    log.append(`$$${target.stream}`, 'any', [softDeletion()]).then(
      () => answer(null, new DeleteResp().setNoPosition(clientEmpty())),
      (error: unknown) => answer(error as Error),
    );
  };

/** Streams/Tombstone (`HardDelete`): the name has ended for ever. */
export const tombstone =
  (log: EventLog) =>
  (call: ServerUnaryCall<TombstoneReq, TombstoneResp>, answer: sendUnaryData<TombstoneResp>): void => {
    const options = call.request.getOptions();
    if (options === undefined) return answer(failure(status.INVALID_ARGUMENT, 'Tombstone without options'));
    const target = { stream: streamName(options.getStreamIdentifier()), expected: expectedOf(options) };
    log.tombstone(target.stream, target.expected).then(
      (written) => answerTombstone(written, target, answer),
      (error: unknown) => answer(error as Error),
    );
  };

const answerTombstone = (written: Written, target: Target, answer: sendUnaryData<TombstoneResp>): void => {
  if (written.outcome === 'wrong version') {
    answer(asFailure('wrong version', { ...target, current: written.current }));
  } else if (written.outcome === 'stream deleted') answer(asFailure('stream deleted', { ...target, current: -1 }));
  else answer(null, new TombstoneResp().setNoPosition(clientEmpty()));
};

/** Version errors of Delete are trailers; the rules are those of an append (IndexWriter.cs, `CheckCommit`). */
const refusal = (log: EventLog, { stream, expected }: Target): ReturnType<typeof asFailure> | undefined => {
  const current = log.stream(stream).length - 1;
  const facts = { stream, expected, current };
  if (log.isTombstoned(stream)) return asFailure('stream deleted', facts);
  const missing = current < 0 || isSoftDeleted(log.metadataOfStream(stream));
  const wrong =
    (typeof expected === 'number' && expected !== current) ||
    (expected === 'no_stream' && !missing) ||
    (expected === 'stream_exists' && missing);
  return wrong ? asFailure('wrong version', facts) : undefined;
};
