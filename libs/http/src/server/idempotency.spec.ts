import fc from 'fast-check';
import type { FastifyRequest } from 'fastify';
import { canonicalJson, requestHash } from './idempotency';

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => [key, shuffled(inner)] as const)
      .reverse(),
  );
};
const hash = (method: string, url: string, body: unknown): string =>
  requestHash({ method, url, body } as FastifyRequest);

test('one text per content, whatever the order of keys', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value))));
});

test('other content has another text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      fc.pre(JSON.stringify(shuffled(a)) !== JSON.stringify(shuffled(b)));
      expect(JSON.parse(canonicalJson(a))).toEqual(JSON.parse(JSON.stringify(a)));
    }),
  );
});

test('method, path and body count, the query does not', () => {
  const same = hash('POST', '/v1/a?x=1', { b: 1 });
  expect(hash('POST', '/v1/a', { b: 1 })).toBe(same);
  expect(hash('POST', '/v1/b', { b: 1 })).not.toBe(same);
  expect(hash('PUT', '/v1/a', { b: 1 })).not.toBe(same);
  expect(hash('POST', '/v1/a', { b: '1' })).not.toBe(same);
  expect(hash('POST', '/v1/a', undefined)).toBe(hash('POST', '/v1/a', {}));
});
