import { randomUUID } from 'node:crypto';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { type NewEvent, StoreUnavailable } from '@drawdown/ports';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb';
import { BatchAppendReq, type BatchAppendResp } from '@eventstore/db-client/generated/streams_pb';
import { StreamIdentifier, UUID } from '@eventstore/db-client/generated/shared_pb';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';
import { metadataBytes, OCTET_STREAM } from './stored-events';
import { reason, refused } from './failures';

/** An append as it goes to the server. */
export interface SentAppend {
  readonly name: string;
  /** How many events the stream has; `any` where that does not matter. */
  readonly expected: number | 'any';
  readonly messages: BatchAppendReq.ProposedMessage[];
}

/** With copies of our bytes: it may have to wait before it goes out. */
export const sentAppend = (
  name: string,
  expected: SentAppend['expected'],
  events: readonly NewEvent[],
): SentAppend => ({ name, expected, messages: events.map(proposed) });

/** What the server says to an append that is stored; also where it was stored before. */
export interface AppendSuccess {
  readonly lastRevision: bigint;
  /** Commit and prepare; absent where it was stored before and is hidden now (IndexWriter.cs, `IdempotentLogPosition`). */
  readonly position: { readonly commit: bigint; readonly prepare: bigint } | undefined;
}

/** The append has no answer, and never will have one here. */
export class NoAnswer extends Error {}

type Call = ClientDuplexStream<BatchAppendReq, BatchAppendResp>;

interface Unanswered {
  readonly resolve: (success: AppendSuccess) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * One BatchAppend call: appends go out over it, answers come back in any order and find their append by its id.
 *
 * The client's own `appendToStream` is not used. Its table of waiting appends is one for the whole process, is emptied by
 * the failure of any call of any client object, and ends the process where an answer comes for what was thrown out of it
 * (batchAppend.ts, 6.2.1). Here each call has its own table, and an answer that nobody waits for is nobody's.
 */
export class BatchStream {
  private readonly unanswered = new Map<string, Unanswered>();
  /** Why nothing more can be sent. */
  private over: Error | undefined;

  private constructor(private readonly call: Call) {
    call.on('data', (response: BatchAppendResp) => this.answered(response));
    call.on('error', (error: Error) => this.fail(error));
    call.on('end', () => this.end('the server has ended the stream'));
  }

  /** Rejects with `StoreUnavailable` where the server cannot be reached. */
  static async open(client: EventStoreDBClient): Promise<BatchStream> {
    try {
      // Fails at once where nobody listens, so that what was never sent is known not to be stored.
      await client['capabilities'];
      const open = client['GRPCStreamCreator'](StreamsClient, 'batchAppend', (streams) =>
        streams.batchAppend(...client['callArguments']({}, { deadline: Infinity })),
      );
      return new BatchStream((await open()) as Call);
    } catch (error) {
      throw new StoreUnavailable(`the event store cannot be reached: ${reason(error)}`, { cause: error });
    }
  }

  get isOver(): boolean {
    return this.over !== undefined;
  }

  /**
   * Resolves when the server has stored it. Rejects with `AppendRefused` where the server says why not, with what
   * ended the call, or with {@link NoAnswer}: then it may be stored, or still will be.
   */
  append(append: SentAppend, timeoutMs: number): Promise<AppendSuccess> {
    if (this.over !== undefined) return Promise.reject(new StoreUnavailable('not sent', { cause: this.over }));
    const id = randomUUID();
    return new Promise<AppendSuccess>((resolve, reject) => {
      const late = (): void => {
        this.unanswered.delete(id);
        reject(new NoAnswer(`no answer within ${String(timeoutMs)} ms`));
      };
      const timer = setTimeout(late, timeoutMs);
      this.unanswered.set(id, {
        resolve: (success) => {
          clearTimeout(timer);
          resolve(success);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.call.write(request(id, append));
    });
  }

  /** Ends the call now; what waits is rejected. */
  end(why: string): void {
    if (this.over !== undefined) return;
    this.fail(new NoAnswer(why));
    this.call.cancel();
  }

  private fail(error: Error): void {
    this.over ??= error;
    const all = [...this.unanswered.values()];
    this.unanswered.clear();
    for (const { reject } of all) reject(error);
  }

  private answered(response: BatchAppendResp): void {
    const id = uuidText(response.getCorrelationId());
    const waiting = this.unanswered.get(id);
    if (waiting === undefined) return; // it came too late
    this.unanswered.delete(id);
    const error = response.getError();
    if (error !== undefined) waiting.reject(refused(error));
    else waiting.resolve(success(response.getSuccess()));
  }
}

/** A UUID of the protocol, which has two forms: text, or two signed halves. */
export const uuidText = (uuid: UUID | undefined): string => {
  const structured = uuid?.getStructured();
  if (structured === undefined) return uuid?.getString().toLowerCase() ?? '';
  const half = (bits: string): string => BigInt.asUintN(64, BigInt(bits)).toString(16).padStart(16, '0');
  const hex = half(structured.getMostSignificantBits()) + half(structured.getLeastSignificantBits());
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

const success = (answer: BatchAppendResp.Success | undefined): AppendSuccess => {
  const position = answer?.getPosition();
  return {
    lastRevision: BigInt(answer?.getCurrentRevision() ?? 0),
    position: position && {
      commit: BigInt(position.getCommitPosition()),
      prepare: BigInt(position.getPreparePosition()),
    },
  };
};

/**
 * One frame: an append is smaller than 1 MiB, a message may have nearly 16. Without a deadline: the server's own time-out
 * for writes (2 s) holds in any case (Streams.BatchAppend.cs, `GetRequestedTimeout`), and a deadline, being a point in time
 * of our clock, has every append fail where that is behind.
 */
const request = (id: string, { name, expected, messages }: SentAppend): BatchAppendReq => {
  const options = new BatchAppendReq.Options().setStreamIdentifier(
    new StreamIdentifier().setStreamName(Buffer.from(name)),
  );
  if (expected === 'any') options.setAny(new Empty());
  else if (expected === 0) options.setNoStream(new Empty());
  else options.setStreamPosition(String(expected - 1));
  return new BatchAppendReq()
    .setCorrelationId(new UUID().setString(id))
    .setOptions(options)
    .setProposedMessagesList(messages)
    .setIsFinal(true);
};

const proposed = ({ id, type, data, metadata }: NewEvent): BatchAppendReq.ProposedMessage => {
  const message = new BatchAppendReq.ProposedMessage()
    .setId(new UUID().setString(id))
    .setData(new Uint8Array(data))
    .setCustomMetadata(metadataBytes(metadata));
  message.getMetadataMap().set('type', type).set('content-type', OCTET_STREAM);
  return message;
};
