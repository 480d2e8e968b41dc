import { NO_LOG } from '@drawdown/ports';
import type { KafkaOptions } from './kafka-client';
import { openKafkaStream } from './kafka-stream';

const user = { username: 'me', password: 'secret' };

test.each<[string, Pick<KafkaOptions, 'sasl' | 'ssl'>, number]>([
  ['plain without TLS', { sasl: { mechanism: 'plain', ...user } }, 1],
  ['plain over TLS', { sasl: { mechanism: 'plain', ...user }, ssl: {} }, 0],
  ['scram, which sends no password', { sasl: { mechanism: 'scram-sha-512', ...user } }, 0],
  ['a token without TLS', { sasl: { mechanism: 'oauthbearer', ...user, tokenUrl: 'https://login' } }, 1],
  ['a token over TLS', { sasl: { mechanism: 'oauthbearer', ...user, tokenUrl: 'https://login' }, ssl: {} }, 0],
  ['nobody', {}, 0],
])('a password in clear text is warned of, and not said: %s', async (_, security, times) => {
  const warn = jest.fn();
  const stream = openKafkaStream({ brokers: ['127.0.0.1:1'], clientId: 'spec', log: { ...NO_LOG, warn }, ...security });
  await stream.close();
  expect(warn).toHaveBeenCalledTimes(times);
  expect(JSON.stringify(warn.mock.calls)).not.toContain('secret');
});
