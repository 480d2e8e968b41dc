import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import { asFailure, failure } from './answers';
import type { Faults } from './faults';

/** Somebody whom the double lets in. */
export interface User {
  readonly name: string;
  readonly password: string;
  /** Else only reads, as by an ACL (docs: security.md, "Access control lists"). */
  readonly mayWrite: boolean;
}

/** What a secured server needs; without users everybody may do everything, as with `--insecure` (docs: security.md). */
export interface Security {
  /** Key and certificate, PEM. */
  readonly certificate?: Buffer;
  readonly users?: readonly User[];
}

type Caller = User | 'anonymous' | 'unknown';

/** BasicHttpAuthenticationProvider.cs; a call without credentials is anonymous (AnonymousHttpAuthenticationProvider.cs). */
const callerOf = (users: readonly User[], metadata: Metadata): Caller => {
  const [given] = metadata.get('authorization');
  if (given === undefined) return 'anonymous';
  const text = String(given).replace(/^Basic /, '');
  const login = Buffer.from(text, 'base64').toString('utf8');
  return users.find(({ name, password }) => login === `${name}:${password}`) ?? 'unknown';
};

/** Whether whoever opened the call may write: BatchAppend says so in band, append by append. */
export const mayWrite = (users: readonly User[] | undefined, metadata: Metadata): boolean => {
  if (users === undefined) return true;
  const caller = callerOf(users, metadata);
  return typeof caller === 'object' && caller.mayWrite;
};

const READ = '/event_store.client.streams.Streams/Read';
const DELETIONS = ['/event_store.client.streams.Streams/Delete', '/event_store.client.streams.Streams/Tombstone'];

/**
 * Before any method is asked: UNAUTHENTICATED for credentials that are wrong (AuthenticationMiddleware.cs,
 * `HandleAsGrpcAsync`), access denied for those that lack the right (Streams.Read.cs and Streams.Delete.cs, `CheckAccessAsync`).
 */
export const guard =
  (users: readonly User[], faults: Faults): ServerInterceptor =>
  ({ path }, call) => {
    const refusalOf = (metadata: Metadata): ReturnType<typeof failure> | undefined => {
      const caller = callerOf(users, metadata);
      if (caller !== 'anonymous') faults.credentialsHeard += 1;
      if (caller === 'unknown') return failure(status.UNAUTHENTICATED, 'Unauthenticated');
      const isDenied =
        (path === READ && caller === 'anonymous') || (DELETIONS.includes(path) && !mayWrite(users, metadata));
      return isDenied ? asFailure('access denied', { stream: '', expected: 'any', current: -1 }) : undefined;
    };
    const listener = new ServerListenerBuilder().withOnReceiveMetadata((metadata, next) => {
      const refusal = refusalOf(metadata);
      if (refusal === undefined) next(metadata);
      else call.sendStatus(refusal);
    });
    return new ServerInterceptingCall(call, { start: (next) => next(listener.build()) });
  };
