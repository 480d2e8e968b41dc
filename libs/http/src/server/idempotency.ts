import { createHash } from 'node:crypto';
import type { Idempotency } from '@drawdown/commands';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problems/problem';

const KEY = /^[\x20-\x7e]{1,255}$/;

/** The request's Idempotency-Key, checked; null without one where it is not required. */
export const idempotencyKeyOf = (request: FastifyRequest, need: 'required' | 'accepted'): string | null => {
  const key = request.headers['idempotency-key'];
  if (key === undefined) {
    if (need === 'accepted') return null;
    throw new Problem(
      'idempotency_key_required',
      'credits move: send an Idempotency-Key, so that a retry is recognised',
    );
  }
  if (typeof key === 'string' && KEY.test(key)) return key;
  throw new Problem('invalid_header', 'Idempotency-Key is 1 to 255 printable ASCII characters');
};

/** The text of JSON in one form: keys sorted at every level. The body is known not to be deep. */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const object = value as Readonly<Record<string, unknown>>;
  const members = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`);
  return `{${members.join(',')}}`;
};

/** What a key stands for: method, path (with its ids) and body. The same key with another hash is another request. */
export const requestHash = (request: FastifyRequest): string =>
  createHash('sha256')
    .update(`${request.method} ${request.url.split('?', 1)[0] ?? ''}\n${canonicalJson(request.body ?? {})}`)
    .digest('base64url');

/** Under which key a request may be repeated; null where it carries none. */
export const idempotencyOf = (request: FastifyRequest): Idempotency | null => {
  const key = idempotencyKeyOf(request, 'accepted');
  return key === null ? null : { key, hash: requestHash(request) };
};
