import { BadServerSettings, readServerSettings } from './server-settings';

const plain = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'me', KAFKA_SASL_PASSWORD: 'secret' };

test('without variables every part is embedded', () => {
  expect(readServerSettings({ KAFKA_BROKERS: '', DATABASE_URL: '' })).toEqual({
    ...{ eventStoreUrl: null, kafka: null, databaseUrl: null, databaseConnections: 10, shards: null },
    newTopics: new Set(),
  });
});

test('each server is named by itself', () => {
  expect(
    readServerSettings({
      EVENTSTORE_URL: 'esdb://localhost:2113?tls=false',
      KAFKA_BROKERS: 'one:9092, [::1]:9093',
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256',
      KAFKA_SASL_USERNAME: 'me',
      KAFKA_SASL_PASSWORD: 'it is me',
      KAFKA_TLS: '1',
      KAFKA_REPLICATION: '2',
      DATABASE_URL: 'postgres://localhost/db',
      DRAWDOWN_SHARDS: '8',
      DRAWDOWN_NEW_TOPICS: 'drawdown.usage.v1@AbC-_1, other@2',
    }),
  ).toEqual({
    eventStoreUrl: 'esdb://localhost:2113?tls=false',
    kafka: {
      brokers: ['one:9092', '[::1]:9093'],
      sasl: { mechanism: 'scram-sha-256', username: 'me', password: 'it is me' },
      ssl: {},
      replicas: 2,
    },
    databaseUrl: 'postgres://localhost/db',
    databaseConnections: 10,
    shards: 8,
    newTopics: new Set(['drawdown.usage.v1@AbC-_1', 'other@2']),
  });
});

test('tokens for Kafka are got from an endpoint', () => {
  const oauth = { KAFKA_SASL_MECHANISM: 'OAUTHBEARER', KAFKA_SASL_USERNAME: 'me', KAFKA_SASL_PASSWORD: 'it is me' };
  const at = { KAFKA_BROKERS: 'a:1', ...oauth, KAFKA_SASL_TOKEN_URL: 'https://login.example.com/token' };
  const sasl = { mechanism: 'oauthbearer', username: 'me', password: 'it is me', tokenUrl: at.KAFKA_SASL_TOKEN_URL };
  expect(readServerSettings(at).kafka).toMatchObject({ sasl });
  expect(readServerSettings({ ...at, KAFKA_SASL_SCOPE: 'kafka' }).kafka).toMatchObject({
    sasl: { ...sasl, scope: 'kafka' },
  });
  for (const url of [undefined, 'http://login.example.com/secret', 'https://', 'secret']) {
    const read = (): unknown => readServerSettings({ ...at, KAFKA_SASL_TOKEN_URL: url });
    expect(read).toThrow('needs KAFKA_SASL_TOKEN_URL');
    expect(read).not.toThrow('secret');
  }
});

test.each([
  'esdb://one:2113,two:2113?tls=true',
  'esdb+discover://admin:p%40ss@store.example:2113?keepAliveInterval=10000&NodePreference=Leader',
  'esdb://127.0.0.1:2113/?tls=false',
])('the event store may be at %s', (url) => {
  expect(readServerSettings({ EVENTSTORE_URL: url }).eventStoreUrl).toBe(url);
});

test.each([
  'postgres://u:p%40ss@host:5432/db?sslmode=verify-full',
  'postgresql:///db?host=/var/run',
  'postgres://%2Frun/db',
  'postgres://u:pw@/db?host=/tmp',
])('the database may be at %s', (url) => {
  expect(readServerSettings({ DATABASE_URL: url }).databaseUrl).toBe(url);
});

test.each([
  [{ EVENTSTORE_URL: 'http://secret' }, 'EVENTSTORE_URL'],
  [{ EVENTSTORE_URL: 'kurrent://secret' }, 'EVENTSTORE_URL'],
  [{ EVENTSTORE_URL: 'esdb://me:secret@host?tls=false' }, 'EVENTSTORE_URL'],
  [{ EVENTSTORE_URL: 'esdb://admin:secret@host:port' }, 'EVENTSTORE_URL'],
  [{ EVENTSTORE_URL: 'esdb://admin:se@cret@host:2113' }, 'EVENTSTORE_URL'],
  [{ EVENTSTORE_URL: 'esdb://admin:secret@host:2113?tlss=false' }, 'EVENTSTORE_URL'],
  [{ EVENTSTORE_URL: 'esdb://admin:secret@host:2113?tls=no' }, 'EVENTSTORE_URL'],
  [{ EVENTSTORE_URL: 'esdb://admin:secret@host:2113?tlsVerifyCert=false' }, 'EVENTSTORE_URL'],
  [{ DATABASE_URL: 'postgres://drawdown:secret@host:port/db' }, 'DATABASE_URL'],
  [{ DATABASE_URL: 'postgres://drawdown:secret/1@host/db' }, 'DATABASE_URL'],
  [{ DRAWDOWN_NEW_TOPICS: 'drawdown.usage.v1' }, 'DRAWDOWN_NEW_TOPICS'],
  [{ KAFKA_BROKERS: 'secret' }, 'KAFKA_BROKERS'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_TLS_CA: '/secret.pem' }, 'KAFKA_TLS_CA'],
  [{ KAFKA_BROKERS: 'a:1,' }, 'KAFKA_BROKERS'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SASL_MECHANISM: 'secret' }, 'KAFKA_SASL_MECHANISM'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'secret' }, 'KAFKA_SASL_PASSWORD'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SASL_PASSWORD: 'secret' }, 'KAFKA_SASL_PASSWORD'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SASL_USERNAME: 'secret' }, 'KAFKA_SASL_USERNAME'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_SASL_TOKEN_URL: 'https://secret' }, 'KAFKA_SASL_TOKEN_URL'],
  [{ KAFKA_BROKERS: 'a:1', ...plain, KAFKA_SASL_TOKEN_URL: 'https://secret' }, 'KAFKA_SASL_TOKEN_URL'],
  [{ KAFKA_BROKERS: 'a:1', ...plain, KAFKA_SASL_SCOPE: 'secret' }, 'KAFKA_SASL_SCOPE'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_TLS: 'yes' }, 'KAFKA_TLS'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_TLS: '1', KAFKA_TLS_CA: '/secret/file' }, 'KAFKA_TLS_CA'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_TLS_CERT: '/secret.pem', KAFKA_TLS_KEY: '/secret.key' }, 'KAFKA_TLS_CERT'],
  [{ KAFKA_TLS_KEY: '/secret.key' }, 'KAFKA_TLS_KEY'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_TLS: '1', KAFKA_TLS_CERT: '/secret/file' }, 'KAFKA_TLS_CERT'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_TLS: '1', KAFKA_TLS_KEY: __filename }, 'KAFKA_TLS_CERT'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_TLS: '1', KAFKA_TLS_CERT: __filename, KAFKA_TLS_KEY: __filename }, 'KAFKA_TLS_KEY'],
  [{ KAFKA_BROKERS: 'a:1', KAFKA_REPLICATION: '0' }, 'KAFKA_REPLICATION'],
  [{ KAFKA_REPLICATION: '3' }, 'KAFKA_REPLICATION'],
  [{ DATABASE_URL: 'secret' }, 'DATABASE_URL'],
  [{ DRAWDOWN_DATABASE_CONNECTIONS: '1' }, 'DRAWDOWN_DATABASE_CONNECTIONS'],
  [{ DRAWDOWN_SHARDS: '0' }, 'DRAWDOWN_SHARDS'],
  [{ DRAWDOWN_SHARDS: '2.5' }, 'DRAWDOWN_SHARDS'],
])('what cannot be meant is refused by the name of its variable, never with its value (%j)', (environment, name) => {
  const read = (): unknown => readServerSettings(environment);
  expect(read).toThrow(BadServerSettings);
  expect(read).toThrow(name);
  expect(read).not.toThrow('secret');
});
