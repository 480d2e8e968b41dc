import type { ApiKey, Sender } from '@drawdown/commands';
import type { Role } from '@drawdown/domain';
import type { Instant, Position } from '@drawdown/kernel';
import type { FastifyRequest } from 'fastify';
import type { RouteRights } from './routes';

/** Who sends a request: a key, and the person it acts for, where it does; or a person with a token, and no key. */
export interface Caller {
  readonly key: ApiKey | null;
  readonly person: string | null;
  /** The person's role in the organization of the path; null without one. */
  readonly role: Role | null;
}

/** The organization of a request's path, seen when its caller was let in. */
export interface PathOrganization {
  readonly id: string;
  readonly now: Instant;
  /**
   * How far the ledger was when the caller was let in, for an organization on a test clock; null for others. Whoever
   * moves a clock looks at once at what that led to, and read models are a moment behind.
   */
  readonly head: Position | null;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    rights?: RouteRights | 'public';
  }
  interface FastifyRequest {
    caller: Caller | null;
    organization: PathOrganization | null;
    /** The bytes of the body, as they came. */
    rawBody: Buffer | null;
    /** Gives back the room that its body takes; null where it takes none. */
    leaveRoom: (() => void) | null;
  }
}

/** The caller of a route that is not public. */
export const callerOf = (request: FastifyRequest): Caller => {
  if (request.caller === null) throw new Error('a public route asked for its caller');
  return request.caller;
};

/** The key of a caller, on a route that admits keys only. */
export const keyOf = (request: FastifyRequest): ApiKey => {
  const { key } = callerOf(request);
  if (key === null) throw new Error('a route that admits people asked for a key');
  return key;
};

/** The id in the path of a request, which may be anything. */
export const organizationIdOf = (request: FastifyRequest): string => {
  const { org } = request.params as { readonly org?: string };
  if (org === undefined) throw new Error('a route without an organization in its path asked for it');
  return org;
};

/** The organization in the path of a request. Not known to routes that are answered from the ledger's memory. */
export const organizationOf = (request: FastifyRequest): PathOrganization => {
  if (request.organization === null) throw new Error('the gate did not look at the organization of this route');
  return request.organization;
};

/** Who caused what follows from a request (INV-AUD-3). */
export const senderOf = (request: FastifyRequest): Sender => {
  const { person, role } = callerOf(request);
  if (person !== null) return { actor: { type: 'user', id: person, role }, requestId: request.id };
  const { id, scopes } = keyOf(request);
  return { actor: { type: 'key', id, role: scopes.join(' ') }, requestId: request.id };
};
