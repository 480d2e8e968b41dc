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
