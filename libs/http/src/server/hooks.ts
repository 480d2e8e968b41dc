import { CALLER_ID, pointerPart, USER_ID } from '@drawdown/kernel';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Gate } from '../access/gate';
import { type RouteRights, ROUTES } from '../access/routes';
import type { Caller } from '../access/caller'; // and what requests carry
import { refuseMediaType } from '../body/media-type';
import type { BodyRoom } from '../body/body-room';
import { parseBody, parseEvents } from '../body/parse-body';
import { BODY_BYTES_MAX, readBody, tooLarge } from '../body/read-body';
import { finding, notFound, Problem, quoted } from '../problems/problem';
import { idempotencyKeyOf } from './idempotency';
import type { HttpLog } from './http-log';
import type { PrometheusMetrics } from './metrics';
import { Pipelines } from './pipelines';

export interface HookParts {
  readonly gate: Gate;
  readonly log: HttpLog;
  readonly metrics: PrometheusMetrics;
  readonly room: BodyRoom;
  /** True once the process has begun to stop. */
  readonly isStopping: () => boolean;
  /** True until the process has what it needs. */
  readonly isStarting: () => boolean;
}

/** Everything that happens to every request around its controller. Added before Nest registers its routes. */
export const addHooks = (server: FastifyInstance, parts: HookParts): void => {
  const routes = new RouteList();
  const pipelines = new Pipelines();
  server.decorateRequest('caller', null);
  server.decorateRequest('organization', null);
  server.decorateRequest('rawBody', null);
  server.decorateRequest('leaveRoom', null);
  server.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      // HEAD comes with each GET and is the same to the table.
      const rights = ROUTES[`${method === 'HEAD' ? 'GET' : method} ${route.url}`];
      if (rights === undefined) throw new Error(`${method} ${route.url} has no entry in the table of rights`);
      route.config = { ...route.config, rights };
      routes.add(method, route.url);
      if (rights === 'public') continue;
      // Only where there is something to do: every hook costs every request of its route.
      if (rights.body !== undefined || rights.idempotency !== undefined || rights.query !== true)
        route.preValidation = checkForm(rights);
      if (method !== 'GET' && method !== 'HEAD') route.preSerialization = showPosition;
      if (rights.body !== undefined) route.onSend = letGoOfBody;
    }
  });
  server.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    try {
      pipelines.enter(request.raw.socket);
      const admitted = letIn(request, routes, parts);
      if (admitted === undefined) done();
      else admitted.then(() => done(), done);
    } catch (error) {
      done(error as Error);
    }
  });
  addParser(server, parts.room);
  server.addHook('onResponse', (request, reply, done) => {
    pipelines.leave(request.raw.socket);
    report(request, reply, parts);
    done();
  });
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Lets a request in, at once or after a look at its organization; throws or rejects with the problem of one that is not. */
const letIn = (
  request: FastifyRequest,
  routes: RouteList,
  { gate, room, isStopping, isStarting }: HookParts,
): Promise<void> | undefined => {
  if (request.headers.host === undefined) refuseHostless(request);
  const { rights } = request.routeOptions.config;
  if (rights === 'public') return undefined;
  if (isStopping()) {
    throw new Problem('unavailable', 'shutting down', { headers: { 'retry-after': '1', connection: 'close' } });
  }
  if (isStarting()) {
    throw new Problem('unavailable', 'starting: /readyz says what it waits for', { headers: { 'retry-after': '1' } });
  }
  if (rights === undefined) return refuseUnrouted(request, routes, gate);
  const caller = gate.identify(request);
  if (caller instanceof Promise) return caller.then((person) => admit(request, person, rights, { gate, room }));
  return admit(request, caller, rights, { gate, room });
};

const admit = (
  request: FastifyRequest,
  caller: Caller,
  rights: RouteRights,
  { gate, room }: Pick<HookParts, 'gate' | 'room'>,
): Promise<void> | undefined => {
  if (request.url.includes('%00')) refuseNul(pathOf(request));
  const { org } = request.params as { readonly org?: string };
  if (org === undefined) gate.admit(request, caller, rights);
  else if (!gate.admitAtOnce(org, request, caller, rights))
    return gate.admitTo(org, request, caller, rights).then(() => admitBody(request, rights, room));
  admitBody(request, rights, room);
  return undefined;
};

/**
 * What is no id names nothing: told before a body is read, and before the ledger or the log are asked for it. The
 * organization's is looked at by the gate.
 */
const refuseNoIds = (request: FastifyRequest): void => {
  const ids = request.params as Readonly<Record<string, string>>;
  for (const name in ids) if (!(name === 'user' ? USER_ID : CALLER_ID).test(ids[name] ?? '')) throw notFound();
};

const admitBody = (request: FastifyRequest, { body }: RouteRights, room: BodyRoom): void => {
  refuseNoIds(request);
  if (body === undefined) return;
  refuseMediaType(body, request.headers);
  const declared = Number(request.headers['content-length'] ?? 0);
  // One that is too large is too large however much room there is.
  if (declared <= BODY_BYTES_MAX) room.check(declared, isAwaited(request));
};

/** Whether its sender waits until usage is charged. */
const isAwaited = ({ query }: FastifyRequest): boolean =>
  (query as Readonly<Record<string, unknown>>)['wait'] === 'charged';

/** HTTP/1.1 must say whom it means (RFC 9112, 3.2); HTTP/1.0 had no such header. */
const refuseHostless = ({ raw }: FastifyRequest): void => {
  if (raw.httpVersion !== '1.0') throw new Problem('invalid_header', 'HTTP/1.1 needs a Host header; send one');
};

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

const refuseNul = (path: string): void => {
  if (path.includes('%00')) throw new Problem('invalid_id', 'a path contains no NUL');
};

/** No route has this method and path: the method may be wrong, for everyone; a path below /v1 is told to callers only. */
const refuseUnrouted = async (request: FastifyRequest, routes: RouteList, gate: Gate): Promise<never> => {
  const path = pathOf(request);
  routes.refuseMethod(path);
  if (path.startsWith('/v1/')) await gate.identify(request);
  refuseNul(path);
  throw notFound();
};

/** Whose part of the room a body takes while it comes: that of the organization, where its key is bound to one. */
const sharerOf = ({ caller }: FastifyRequest): string =>
  caller?.key?.organizationId ?? caller?.key?.id ?? caller?.person ?? '';

const addParser = (server: FastifyInstance, room: BodyRoom): void => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', async (request: FastifyRequest, stream: FastifyRequest['raw']) => {
    const { rights } = request.routeOptions.config;
    const { body: kind, bodyBytesMax } = rights === undefined || rights === 'public' ? {} : rights;
    const body = await readBody(stream, room, sharerOf(request));
    if (kind === undefined || (kind === 'optional' && body.length === 0)) return undefined;
    request.leaveRoom = room.take(body.length, isAwaited(request));
    request.rawBody = body;
    if (kind === 'events') return parseEvents(body, request.headers);
    const json = parseBody(body);
    if (bodyBytesMax !== undefined && body.length > bodyBytesMax) refuseTooLong(json, bodyBytesMax);
    return json;
  });
};

/** What is kept of a body carries no white space: how it is laid out is its sender's business. */
const refuseTooLong = (json: unknown, most: number): void => {
  if (Buffer.byteLength(JSON.stringify(json)) > most) throw tooLarge(most, ', white space between values not counted');
};

/** What is about the form of a request and needs no controller. */
const checkForm =
  (rights: RouteRights) =>
  (request: FastifyRequest, _: FastifyReply, done: (error?: Error) => void): void => {
    if (rights.body === 'optional' && request.body === undefined) request.body = {};
    if (rights.idempotency !== undefined) idempotencyKeyOf(request, rights.idempotency);
    const [unknown] = rights.query === true ? [] : Object.keys(request.query as object);
    if (unknown !== undefined) {
      throw finding('unknown_parameter', `/${pointerPart(unknown)}`, `there is no parameter ${quoted(unknown)} here`);
    }
    done();
  };

/**
 * The answer is made: nothing of the body is needed any more. It is let go of here, for the request itself lives on until
 * V8 collects everything: Fastify binds its parser to each by `AsyncResource.bind`, which in Node 20 gives the function an
 * accessor of its own, and with it a hidden class, which is old from the start. All that was read from the body would be
 * kept with it, and copied twice.
 */
const letGoOfBody = (
  request: FastifyRequest,
  _: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void => {
  request.leaveRoom?.();
  request.body = undefined;
  request.rawBody = null;
  done(null, payload);
};

/** An answer that wrote something says in a header, too, where. */
const showPosition = (
  _: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: Error | null, payload: unknown) => void,
): void => {
  const position: unknown = isRecord(payload) ? payload['position'] : undefined;
  if (typeof position === 'string') reply.header('drawdown-position', position);
  done(null, payload);
};

const report = (request: FastifyRequest, reply: FastifyReply, { log, metrics }: HookParts): void => {
  const route = request.routeOptions.url ?? 'unknown';
  const labels = { method: knownMethod(request.method), route, status: String(reply.statusCode) };
  metrics.count('http_requests_total', labels);
  metrics.observe('http_request_duration_seconds', reply.elapsedTime / 1000, { method: labels.method, route });
  if (log.isLevelEnabled('debug')) {
    log.debug({ request_id: request.id, ...labels, duration_ms: Math.round(reply.elapsedTime) }, 'request');
  }
};

/** Methods as a label: what callers make up must not make new time series. */
const knownMethod = (method: string): string =>
  /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method) ? method : 'other';

/** The routes there are, to tell a wrong method from a wrong path. */
class RouteList {
  private readonly routes: { readonly pattern: RegExp; readonly methods: Set<string> }[] = [];
  private readonly byUrl = new Map<string, Set<string>>();

  add(method: string, url: string): void {
    const methods = this.byUrl.get(url) ?? new Set<string>();
    if (methods.size === 0) {
      this.byUrl.set(url, methods);
      this.routes.push({
        pattern: new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`),
        methods,
      });
    }
    methods.add(method);
  }

  /** Throws where the path exists with other methods. */
  refuseMethod(path: string): void {
    const allowed = new Set(
      this.routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]),
    );
    if (allowed.size === 0) return;
    const allow = [...allowed].sort().join(', ');
    throw new Problem('method_not_allowed', `allowed here: ${allow}`, { headers: { allow } });
  }
}
