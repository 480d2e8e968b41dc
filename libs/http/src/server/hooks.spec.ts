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

test('an answered request holds nothing of its body: what lives on of it would keep alive all that was read from that', async () => {
  const server = fastify();
  const metrics = new PrometheusMetrics();
  const log = pino({ level: 'silent' });
  const room = new BodyRoom(metrics);
  const gate = { identify: () => ({}), admit: () => undefined } as unknown as Gate;
  addHooks(server, { gate, log, metrics, room, isStopping: () => false, isStarting: () => false });
  const seen: unknown[] = [];
  server.addHook('onResponse', ({ body, rawBody }, _, done) => {
    seen.push({ body, rawBody });
    done();
  });
  server.post('/v1/rate-cards', (request) => {
    seen.push({ body: request.body, rawBody: request.rawBody?.toString() });
    return {};
  });
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'once' };
  const answer = await server.inject({ method: 'POST', url: '/v1/rate-cards', headers, payload: '{"key":"a"}' });
  expect(answer.statusCode).toBe(200);
  expect(seen).toEqual([
    { body: { key: 'a' }, rawBody: '{"key":"a"}' },
    { body: undefined, rawBody: null },
  ]);
  metrics.close();
});
