import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpLog } from '../server/http-log';
import type { ProblemCode } from './codes';
import { invalidCursor, notFound, Problem, PROBLEM_TYPE, problemDocument } from './problem';

/** Errors of the layers below, by their `code`: http knows neither their classes nor their libs. */
const ERRORS_BELOW: Readonly<Record<string, () => Problem>> = {
  unavailable: () => unavailable(),
  store_unavailable: () => unavailable(),
  stream_unavailable: () => unavailable(),
  database_unavailable: () => unavailable(),
  // No Retry-After: until somebody has acted it stays so.
  organization_frozen: () =>
    new Problem(
      'organization_frozen',
      'the books of this organization did not add up, and nothing is decided for it since. Sending this again does not ' +
        'help: tell the operator of this installation (runbook DrawdownOrganizationFrozen)',
    ),
  record_too_large: () =>
    new Problem(
      'unavailable',
      'this is larger than its topic is set to take: whoever runs this can change that; send it again then, with the same key',
      { headers: { 'retry-after': '60' } },
    ),
  read_model_behind: () =>
    new Problem('read_model_behind', 'what you have seen is not shown yet; ask again', {
      headers: { 'retry-after': '1' },
    }),
  answer_too_large: () => new Problem('range_too_large', 'more than one answer should hold; ask for less'),
  invalid_cursor: invalidCursor,
};

const unavailable = (): Problem =>
  new Problem(
    'unavailable',
    'a part that this needs is away; send it again with the same key: it happens once, whatever became of this one',
    {
      headers: { 'retry-after': '1' },
    },
  );

/** What Fastify and Nest refuse by themselves, by status. */
const BY_STATUS: Readonly<Record<number, [ProblemCode, string]>> = {
  400: ['invalid_value', 'the request is malformed'],
  408: ['request_timeout', 'the request took too long to arrive'],
  413: ['payload_too_large', 'the body is too large'],
  414: ['invalid_value', 'the address is too long'],
  415: ['unsupported_media_type', 'this media type is not read here'],
  431: ['headers_too_large', 'the headers are too large'],
  503: ['unavailable', 'shutting down'],
};

/** The problem that an error amounts to; `undefined` where it is a bug. */
export const problemOf = (error: unknown): Problem | undefined => {
  if (error instanceof Problem) return error;
  if (error instanceof HttpException) {
    const known = BY_STATUS[error.getStatus()];
    if (error.getStatus() === 404) return notFound();
    return known === undefined ? undefined : new Problem(...known);
  }
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && Object.hasOwn(ERRORS_BELOW, code) ? ERRORS_BELOW[code]?.() : undefined;
};

/** Answers every error as a problem; one that nobody foresaw is logged whole and told as little as possible about. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: HttpLog) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent) return;
    const problem = problemOf(error) ?? new Problem('internal_error', 'the request met a bug; its id is in the log');
    if (problem.code === 'internal_error') this.log.error({ err: error, request_id: request.id }, 'bug');
    if (problem.status === 503) this.log.warn({ err: error, request_id: request.id }, 'unavailable');
    void reply
      .code(problem.status)
      .headers(problem.headers)
      .type(PROBLEM_TYPE)
      .send(JSON.stringify(problemDocument(problem, request.id)));
  }
}
