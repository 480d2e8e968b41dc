import { type ConsumerConfig, Kafka } from 'kafkajs';
import { Membership } from './membership';

/** From the catalogue of faults: what a group waits for a member that says nothing, and for what follows it. */
const SESSION_MAX_MS = 10_000;
const MOVED_MAX_MS = 5_000;

test('FLT-32: a group gives away within 10 s what a dead member had, is joined anew within 5 s, and loses nobody for a heartbeat or two', async () => {
  const asked: ConsumerConfig[] = [];
  const consumer = jest.spyOn(Kafka.prototype, 'consumer').mockImplementation((config) => {
    if (config !== undefined) asked.push(config);
    throw new Error('not today');
  });
  const member = { busy: () => false, rebalancing: () => undefined, lost: () => undefined, joined: () => undefined };
  const membership = new Membership({ brokers: ['127.0.0.1:1'], clientId: 'spec' }, 'group', ['topic'], member);
  await membership.leave();
  consumer.mockRestore();
  const [{ sessionTimeout = Infinity, rebalanceTimeout = Infinity, heartbeatInterval = Infinity } = {}] = asked;
  expect(sessionTimeout).toBeLessThanOrEqual(SESSION_MAX_MS);
  expect(rebalanceTimeout).toBeLessThanOrEqual(MOVED_MAX_MS);
  expect(3 * heartbeatInterval).toBeLessThanOrEqual(sessionTimeout);
});
