import { AppendTooLarge, StoreUnavailable } from '@drawdown/ports';
import { convertToCommandError, ErrorType, isCommandError } from '@eventstore/db-client';

/** gRPC's UNAVAILABLE. */
const UNAVAILABLE = 14;

/**
 * What a rejected append means. `unknown` is everything that is not surely one of the others: a failure of any batch
 * stream rejects all appends of the process that wait, whatever became of them.
 */
export type AppendFailure = 'wrong version' | 'nothing stored' | 'too large' | 'never' | 'unknown';

export const appendFailure = (thrown: unknown): AppendFailure => {
  // The call that asks for the server's features comes before anything is sent, and alone rejects with a bare gRPC error.
  if (!isCommand(thrown)) return codeOf(thrown) === UNAVAILABLE || isDiscovery(thrown) ? 'nothing stored' : 'unknown';
  switch (thrown.type) {
    case ErrorType.WRONG_EXPECTED_VERSION:
      return 'wrong version';
    case ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED:
      return 'too large';
    case ErrorType.STREAM_DELETED:
      return 'never';
    case ErrorType.ACCESS_DENIED:
      // Without a code it is the answer to this very append; with one the whole call failed, and others' appends with it.
      return thrown.code === undefined ? 'nothing stored' : 'unknown';
    default:
      return 'unknown';
  }
};

/** True where the server has answered this append, so that the client object is in order. */
export const isAnswer = (failure: AppendFailure, thrown: unknown): boolean =>
  failure !== 'unknown' && (failure !== 'nothing stored' || isCommand(thrown));

/** The error of the port for a failure that says what became of the append. */
export const definite = (
  stream: string,
  failure: Exclude<AppendFailure, 'unknown' | 'wrong version'>,
  cause: unknown,
): Error => {
  switch (failure) {
    case 'nothing stored':
      return unavailable(`${stream}: nothing was stored`, cause);
    case 'too large':
      return new AppendTooLarge(`${stream}: the server takes less than we send; raise its MaxAppendSize to 1 MiB`, {
        cause,
      });
    case 'never':
      return new Error(`${stream}: an append that can never be stored: the stream has been tombstoned`, { cause });
  }
};

export const unavailable = (what: string, cause: unknown): StoreUnavailable =>
  new StoreUnavailable(`${what}: ${reason(cause)}`, { cause });

/** How a failure of the client reads, and what to do where that is not plain. */
export const reason = (thrown: unknown): string => {
  const error = thrown instanceof Error ? convertToCommandError(thrown) : undefined;
  if (!isCommand(error)) return String(thrown);
  if (error.type === ErrorType.ACCESS_DENIED) {
    return 'access denied; look at the credentials of the connection string, at TLS (without it none are sent) and at the ACL';
  }
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

const isDiscovery = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.message.startsWith('Failed to discover');

const isCommand = (thrown: unknown): thrown is Error & { readonly type: ErrorType; readonly code?: number } =>
  thrown instanceof Error && isCommandError(thrown);

const codeOf = (thrown: unknown): unknown =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
