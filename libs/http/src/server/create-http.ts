import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { CALLER_ID } from '@drawdown/kernel';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { Logger } from 'nestjs-pino';
import { Gate } from '../access/gate';
import { BodyRoom, LIMITS_ELSEWHERE } from '../body/body-room';
import { ShapePipe } from '../fields/shape.pipe';
import { OpenApi } from '../openapi/openapi';
import { ProblemFilter } from '../problems/problem.filter';
import { answerClientError, answerUnroutable } from '../problems/socket-problems';
import { addHooks } from './hooks';
import { HttpLog } from './http-log';
import { PrometheusMetrics } from './metrics';
import { HttpSettings } from './settings';
import { Stopping } from './stopping';
import { closeUnread } from './unread';

/** All headers of a request together; bad-input rule 5. */
const HEADER_BYTES_MAX = 16 * 1024;
/** From a request's first byte to its last. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Times that of its request, for an answer to be read: some megabytes over a slow line. */
const ANSWER_TIMES = 2;
/** How often Node looks for requests over the limit: also how much later than it they may be answered. */
const TIMEOUT_CHECK_MS = 1_000;
/** Longer than what load balancers commonly keep idle connections, so that they close first. */
const KEEP_ALIVE_MS = 65_000;
/** Longest segment of a path that is looked at: an id is 128 characters, percent-encoded at worst three times that. */
const PATH_SEGMENT_MAX = 512;

const requestId = (request: Pick<IncomingMessage, 'headers'>): string => {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && CALLER_ID.test(given) ? given : `req_${randomUUID()}`;
};

const createAdapter = (requestTimeoutMs: number): FastifyAdapter =>
  new FastifyAdapter({
    logger: false,
    genReqId: requestId,
    requestIdHeader: false,
    return503OnClosing: false, // it would be no problem document; a hook answers while stopping
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      maxHeaderSize: HEADER_BYTES_MAX,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // Node swaps the two where this one, by default 60 s, is the longer.
      headersTimeout: requestTimeoutMs,
      requireHostHeader: false, // Node's own refusal has no body; a hook answers it as a problem
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerUnroutable,
    routerOptions: { maxParamLength: PATH_SEGMENT_MAX },
    skipMiddie: true, // no middleware: everything around a controller is a hook
  });

/** Open ones, whatever they are doing: many that do nothing are an attack, or a caller that never closes (FLT-82). */
const countConnections = (server: Server, metrics: PrometheusMetrics): void => {
  let open = 0;
  const count = (by: number): void => metrics.gauge('http_connections', (open += by));
  count(0);
  server.on('connection', (socket: Socket) => {
    count(1);
    socket.once('close', () => count(-1));
  });
};

/**
 * The HTTP side of a composition as a Nest application that is ready to listen, or to be asked by `inject`. The
 * module must import {@link HttpModule}. `requestTimeoutMs`: from a request's first byte to its last; its answer is to be
 * read within twice that.
 */
export const createHttp = async (
  module: Type | DynamicModule,
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
): Promise<NestFastifyApplication> => {
  const app = await NestFactory.create<NestFastifyApplication>(module, createAdapter(requestTimeoutMs), {
    bodyParser: false,
    bufferLogs: true,
    abortOnError: false,
  });
  app.useLogger(app.get(Logger));
  app.useGlobalFilters(new ProblemFilter(app.get<HttpLog>(HttpLog)));
  app.useGlobalPipes(new ShapePipe());
  const stopping = app.get(Stopping);
  addHooks(app.getHttpAdapter().getInstance() as unknown as FastifyInstance, {
    gate: app.get(Gate),
    log: app.get<HttpLog>(HttpLog),
    metrics: app.get(PrometheusMetrics),
    room: new BodyRoom(app.get(PrometheusMetrics), app.get(HttpSettings).ownsLedger ? undefined : LIMITS_ELSEWHERE),
    isStopping: () => stopping.begun,
    isStarting: app.get(HttpSettings).isStarting,
  });
  const server = app.getHttpServer() as Server;
  countConnections(server, app.get(PrometheusMetrics));
  closeUnread(server, ANSWER_TIMES * requestTimeoutMs, app.get(PrometheusMetrics));
  app.get(OpenApi).describe(app);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
};
