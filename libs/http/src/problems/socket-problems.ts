import type { Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import type { ConnectionError, FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Problem, PROBLEM_TYPE, problemDocument } from './problem';

/** Methods that some route has; what a verb unknown to HTTP is told. */
export const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';

const REQUEST_LINE = /^[A-Za-z]+ \S+ HTTP\/1\.[01]\r\n/;

/** What Node says of a connection whose bytes made no request. */
type ClientError = Pick<ConnectionError, 'code'> & { readonly rawPacket?: unknown };

const problemOf = ({ code, rawPacket }: ClientError): Problem => {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large', 'at most 16 KiB of headers');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request_timeout', 'the whole request must arrive within 30 s');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new Problem('payload_too_large', 'the chunks carry too much beside the body');
    case 'HPE_INVALID_METHOD':
      return Buffer.isBuffer(rawPacket) && REQUEST_LINE.test(rawPacket.subarray(0, 8192).toString('latin1'))
        ? new Problem('method_not_allowed', 'there is no such method', { headers: { allow: METHODS } })
        : new Problem('invalid_header', 'this is no HTTP request');
    default:
      return new Problem('invalid_header', 'this is no well-formed HTTP request');
  }
};

/** Answers an address that cannot be taken apart: a broken percent escape, or a segment without end. */
export const answerUnroutable = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
  const problem =
    error.code === 'FST_ERR_BAD_URL'
      ? new Problem('invalid_value', 'the path has a broken percent escape')
      : new Problem('not_found', 'there is no such thing here, or it is not yours');
  reply
    .code(problem.status)
    .header('x-request-id', request.id)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemDocument(problem, request.id)));
};

/** Answers what never became a request: the parser refused it, or it did not arrive. The connection is closed. */
export const answerClientError = (error: ClientError, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(error);
  const body = JSON.stringify(problemDocument(problem, `req_${randomUUID()}`));
  const headers = Object.entries({
    ...problem.headers,
    'content-type': PROBLEM_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${String(problem.status)} ${problem.code}\r\n${headers.join('')}\r\n${body}`);
};
