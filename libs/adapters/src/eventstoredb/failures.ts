import { AppendTooLarge, StoreUnavailable } from '@drawdown/ports';
import { WrongExpectedVersion } from '@eventstore/db-client/generated/shared_pb';
import type { Status } from '@eventstore/db-client/generated/status_pb';
import { convertToCommandError, ErrorType, isCommandError } from '@eventstore/db-client';

/** gRPC's UNAVAILABLE. */
const UNAVAILABLE = 14;

/**
 * What a refusal of an append means. `unknown`: it may be stored, or still will be, as with every append that the server
 * does not answer.
 */
export type AppendFailure = 'wrong version' | 'nothing stored' | 'too large' | 'never' | 'unknown';

/** The server's answer to an append that it says it has not stored. */
export class AppendRefused extends Error {
  constructor(
    readonly failure: AppendFailure,
    message: string,
    /** Revision of the stream's last event, as the server says; −1 where there is none, and where it says nothing. */
    readonly current = -1,
  ) {
    super(message);
  }
}

const PACKAGE = 'event_store.client.';
const WRONG_VERSION = `${PACKAGE}WrongExpectedVersion`;
const REFUSALS: Readonly<Record<string, AppendFailure>> = {
  [WRONG_VERSION]: 'wrong version',
  [`${PACKAGE}MaximumAppendSizeExceeded`]: 'too large',
  [`${PACKAGE}MaximumAppendEventSizeExceeded`]: 'too large', // since 24.10.4; the client does not know it
  [`${PACKAGE}StreamDeleted`]: 'never',
  [`${PACKAGE}AccessDenied`]: 'nothing stored',
};

/** Errors of BatchAppend carry their kind as a message of its own (Streams.BatchAppend.cs); `Timeout` and others say nothing. */
export const refused = (answer: Status): AppendRefused => {
  const name = answer.getDetails()?.getTypeName() ?? '';
  const wrong = answer.getDetails()?.unpack((bytes) => WrongExpectedVersion.deserializeBinary(bytes), WRONG_VERSION);
  const current = wrong?.hasCurrentStreamRevision() ? Number(wrong.getCurrentStreamRevision()) : -1;
  return new AppendRefused(REFUSALS[name] ?? 'unknown', answer.getMessage(), current);
};

/** The error of the port for a failure that says what became of the append. */
export const definite = (
  stream: string,
  failure: Exclude<AppendFailure, 'unknown' | 'wrong version'>,
  cause: unknown,
): Error => {
  switch (failure) {
    case 'nothing stored':
      return new StoreUnavailable(`${stream}: nothing was stored: ${DENIED}`, { cause });
    case 'too large':
      return new AppendTooLarge(
        `${stream}: the server takes less than we send; raise its MaxAppendSize and MaxAppendEventSize to 1 MiB`,
        { cause },
      );
    case 'never':
      return new Error(`${stream}: an append that can never be stored: the stream has been tombstoned`, { cause });
  }
};

export const unavailable = (what: string, cause: unknown): StoreUnavailable =>
  new StoreUnavailable(`${what}: ${reason(cause)}`, { cause });

const DENIED = 'access denied; look at user and password in the connection string (EVENTSTORE_URL), and at the ACL';

/** Where to look, by what grpc-js, Node and the client say of a server that does not take us. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/certificate|altnames/i, 'look at tlsCAFile in EVENTSTORE_URL, and at the names in the certificate of the server'],
  [/SSL routines|wrong version number/i, 'look at tls in EVENTSTORE_URL: the server may not speak it'],
  [/Failed to connect|Last error: null/, 'if the server is there, look at tls in EVENTSTORE_URL: it may want it'],
  [
    /^stream-deleted/,
    'somebody has deleted it for ever: take the log from a backup, as in "Backup and restore" of deploy/README.md, and ' +
      'forbid deletion by an ACL',
  ],
  [/Failed to discover/, 'look at hosts, tls and tlsCAFile in EVENTSTORE_URL, and whether the nodes are there'],
];

/** What is said so far says already where to look: a failure may be told as the reason of another. */
const isAdvised = (said: string): boolean =>
  [DENIED, ...ADVICE.map(([, advice]) => advice)].some((advice) => said.includes(advice));

/** How a failure of the client reads, and what to do where that is not plain. */
export const reason = (thrown: unknown): string => {
  const error = thrown instanceof Error ? convertToCommandError(thrown) : undefined;
  const isDenied = isCommand(error) && error.type === ErrorType.ACCESS_DENIED;
  if (isDenied || (error instanceof AppendRefused && error.failure === 'nothing stored')) return DENIED;
  const said = textOf(error, thrown);
  const advice = isAdvised(said) ? undefined : ADVICE.find(([form]) => form.test(said))?.[1];
  return advice === undefined ? said : `${said}; ${advice}`;
};

const textOf = (error: Error | undefined, thrown: unknown): string => {
  if (error instanceof StoreUnavailable) return error.message;
  if (!isCommand(error)) return String(thrown);
  return `${error.type}${error.message === '' ? '' : ` (${error.message})`}`;
};

/** The stream does not exist; a soft-deleted one does not either. */
export const isNotFound = (thrown: unknown): boolean => isCommand(thrown) && thrown.type === ErrorType.STREAM_NOT_FOUND;

/** Worth one more try at once: the client has moved to another node, or has a new connection now. */
export const isTransient = (thrown: unknown): boolean => {
  if (!isCommand(thrown)) return codeOf(thrown) === UNAVAILABLE;
  return [ErrorType.UNAVAILABLE, ErrorType.CANCELLED, ErrorType.NOT_LEADER].includes(thrown.type);
};

/** No wait makes this one pass. */
export const isRefusal = (thrown: unknown): boolean =>
  isCommand(thrown) &&
  [ErrorType.ACCESS_DENIED, ErrorType.STREAM_DELETED, ErrorType.INVALID_ARGUMENT].includes(thrown.type);

/** The same of what comes from the server as it is. */
export const isRefused = (thrown: unknown): boolean =>
  thrown instanceof AppendRefused
    ? thrown.failure === 'nothing stored' || thrown.failure === 'never'
    : isRefusal(thrown instanceof Error ? convertToCommandError(thrown) : thrown);

const isCommand = (thrown: unknown): thrown is Error & { readonly type: ErrorType; readonly code?: number } =>
  thrown instanceof Error && isCommandError(thrown);

const codeOf = (thrown: unknown): unknown =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
