import { fastify } from 'fastify';
import { pino } from 'pino';
import type { Gate } from '../access/gate';
import { BodyRoom } from '../body/body-room';
import { addHooks } from './hooks';
import { PrometheusMetrics } from './metrics';

test('INV-TEN-3: a route without an entry in the table of rights does not start', () => {
  const server = fastify();
  const metrics = new PrometheusMetrics();
  const log = pino({ level: 'silent' });
  const room = new BodyRoom(metrics);
  addHooks(server, { gate: {} as Gate, log, metrics, room, isStopping: () => false, isStarting: () => false });
  expect(() => server.get('/livez', () => 'alive')).not.toThrow();
  expect(() => server.get('/v1/secrets', () => 'all of them')).toThrow(/GET \/v1\/secrets .*table of rights/);
  expect(() => server.delete('/v1/organizations/:org', () => 'gone')).toThrow(/table of rights/);
  metrics.close();
});

test.each([
  ['JSON', '/v1/rate-cards', '{"key":"a"}', false],
  ['events', '/v1/events', '[{"specversion":"1.0"}]', false],
  ['a body whose controller fails', '/v1/rate-cards', '{"key":"a"}', true],
])('a request lets go of its body once it is answered: %s', async (_, url, payload, fails) => {
  const server = fastify();
  const metrics = new PrometheusMetrics();
  const log = pino({ level: 'silent' });
  const room = new BodyRoom(metrics);
  const gate = { identify: () => ({}), admit: () => undefined } as unknown as Gate;
  addHooks(server, { gate, log, metrics, room, isStopping: () => false, isStarting: () => false });
  const seen: unknown[] = [];
  server.addHook('onResponse', ({ body, rawBody }, __, done) => {
    seen.push([typeof body, rawBody]);
    done();
  });
  server.post(url, (request) => {
    seen.push([typeof request.body, request.rawBody?.toString()]);
    if (fails) throw new Error('a bug');
    return {};
  });
  const type = url === '/v1/events' ? 'application/cloudevents-batch+json' : 'application/json';
  const headers = { 'content-type': type, 'idempotency-key': 'once' };
  const answer = await server.inject({ method: 'POST', url, headers, payload });
  expect(answer.statusCode).toBe(fails ? 500 : 200);
  expect(seen).toEqual([
    ['object', payload],
    ['undefined', null],
  ]);
  metrics.close();
});
