import { type ApiKey, CatalogueView, ReadOrganization } from '@drawdown/commands';
import {
  CALLER_ID,
  CATALOGUE,
  parsePosition,
  type Position,
  positionOf,
  USER_ID,
  USER_ID_FORM,
} from '@drawdown/kernel';
import { Inject, Injectable } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { notFound, Problem } from '../problems/problem';
import type { Caller } from './caller';
import { PersonTokens } from './person-tokens';
import type { RouteRights } from './routes';

/** Tokens are longer than keys; the limit of all headers is the server's. */
const BEARER = /^Bearer ([\x21-\x7e]+)$/i;
/** Three parts in base64url, the last of which may be missing: `alg: none` is refused where the others are. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]*$/;

const unauthenticated = (): Problem =>
  new Problem('unauthenticated', 'send a valid credential: Authorization: Bearer <key or token>', {
    headers: { 'www-authenticate': 'Bearer' },
  });
const scopeRequired = (detail: string): Problem => new Problem('scope_required', detail);

/**
 * Lets a request in or says why not, before its body is looked at: credential first, then organization, then scope or
 * role (bad-input order of checks). Nothing is remembered between requests: a revoked key or a lowered role counts at once.
 */
@Injectable()
export class Gate {
  constructor(
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
    @Inject(PersonTokens) private readonly tokens: PersonTokens,
    private readonly queries: QueryBus,
  ) {}

  /** Who a request's credential stands for, at once where it is a key; without a valid one, 401. */
  identify(request: FastifyRequest): Caller | Promise<Caller> {
    const credential = BEARER.exec(request.headers.authorization ?? '')?.[1];
    if (credential === undefined) throw unauthenticated();
    const key = this.catalogue.apiKeys.find(credential);
    if (key !== undefined) return this.withKey(key, request);
    if (!TOKEN.test(credential)) throw unauthenticated();
    return this.withToken(credential, request);
  }

  private async withToken(token: string, request: FastifyRequest): Promise<Caller> {
    const person = await this.tokens.personOf(token);
    if (person === null) throw unauthenticated();
    if (request.headers['drawdown-user'] !== undefined) throw scopeRequired('only a key with admin acts for a person');
    return { key: null, person, role: null };
  }

  private withKey(key: ApiKey, request: FastifyRequest): Caller {
    const person = request.headers['drawdown-user'];
    if (person === undefined) return { key, person: null, role: null };
    if (!key.scopes.includes('admin')) throw scopeRequired('only a key with admin acts for a person');
    if (typeof person !== 'string' || !USER_ID.test(person)) {
      throw new Problem('invalid_header', `Drawdown-User is ${USER_ID_FORM}`);
    }
    return { key, person, role: null };
  }

  /**
   * Admits a key at once where nothing of the organization has to be known for that: the route finds out by itself that
   * there is none, and there is nothing in the request that could be wrong besides. False: {@link admitTo} decides.
   */
  admitAtOnce(organizationId: string, request: FastifyRequest, caller: Caller, rights: RouteRights): boolean {
    const { key, person } = caller;
    if (rights.resident !== true || key === null || person !== null || request.url.includes('?')) return false;
    if (!CALLER_ID.test(organizationId) || (key.organizationId !== null && key.organizationId !== organizationId))
      return false;
    request.caller = caller;
    return rights.scopes.some((scope) => key.scopes.includes(scope));
  }

  /** Admits the caller to a route of one organization; whatever is not the caller's does not exist. */
  async admitTo(organizationId: string, request: FastifyRequest, caller: Caller, rights: RouteRights): Promise<void> {
    const { person } = caller;
    const boundTo = caller.key?.organizationId ?? null;
    if (!CALLER_ID.test(organizationId) || (boundTo !== null && boundTo !== organizationId)) throw notFound();
    const seen = await this.queries.execute(
      new ReadOrganization(organizationId, catalogueSeenBy(request), (organization, now) => ({
        now,
        isOnTestClock: organization.testClock !== null,
        role: person === null ? null : (organization.members.get(person) ?? null),
      })),
    );
    if (seen === undefined) throw notFound();
    const { now, role, isOnTestClock } = seen.value;
    if (person !== null && role === null) throw notFound();
    request.organization = { id: organizationId, now, head: isOnTestClock ? seen.asOf.position : null };
    request.caller = { ...caller, role };
    refuseUnlessAllowed(request.caller, rights);
  }

  /** Admits the caller to a route of the whole installation. */
  admit(request: FastifyRequest, caller: Caller, rights: RouteRights): void {
    request.caller = caller;
    if (caller.person === null) {
      refuseUnlessAllowed(caller, rights);
      if (!rights.bound && caller.key?.organizationId) {
        throw scopeRequired('a key that is bound to an organization cannot do this');
      }
    } else if (!rights.roles.includes('member')) {
      throw new Problem('role_required', 'no role in an organization allows this');
    }
  }
}

/**
 * What the caller has seen of the catalogue: of a test clock that stood elsewhere by then the organization must not be
 * looked at as before (INV-DEL-5). Whether `after` is a position at all is found out later.
 */
const catalogueSeenBy = ({ query }: FastifyRequest): Position | null => {
  const { after } = query as { readonly after?: unknown };
  const seen = typeof after === 'string' ? parsePosition(after)?.get(CATALOGUE) : undefined;
  return seen === undefined ? null : positionOf(CATALOGUE, seen);
};

const refuseUnlessAllowed = ({ key, person, role }: Caller, { scopes, roles }: RouteRights): void => {
  if (person === null) {
    if (scopes.some((scope) => key?.scopes.includes(scope))) return;
    throw scopeRequired(
      scopes.length === 0
        ? 'only a person may do this; a key with admin acts for one with Drawdown-User'
        : `the key needs the scope ${scopes.join(' or ')}`,
    );
  }
  if (role !== null && roles.includes(role)) return;
  throw new Problem(
    'role_required',
    roles.length === 0 ? 'only a key may do this' : `needs the role ${roles.join(' or ')}`,
  );
};
