import { BadServerSettings } from '@drawdown/adapters/server-settings';
import { BadSettings, readSettings } from './settings';

const ISSUER = { DRAWDOWN_OIDC_ISSUER: 'https://issuer.example/realm' };
const AUDIENCE = { DRAWDOWN_OIDC_AUDIENCE: 'drawdown' };

test('people come with tokens where issuer and audience are set, and not where neither is', () => {
  expect(readSettings({}).oidc).toBeNull();
  expect(readSettings({ DRAWDOWN_OIDC_ISSUER: '', DRAWDOWN_OIDC_AUDIENCE: '' }).oidc).toBeNull();
  expect(readSettings({ ...ISSUER, ...AUDIENCE }).oidc).toEqual({
    issuer: 'https://issuer.example/realm',
    audience: 'drawdown',
    userClaim: 'sub',
  });
  const claim = { DRAWDOWN_OIDC_USER_CLAIM: 'https://acme.example/id' };
  expect(readSettings({ ...ISSUER, ...AUDIENCE, ...claim }).oidc?.userClaim).toBe('https://acme.example/id');
});

test.each([
  ['half of it: no audience', ISSUER, 'DRAWDOWN_OIDC_ISSUER'],
  ['half of it: no issuer', AUDIENCE, 'DRAWDOWN_OIDC_AUDIENCE'],
  ['an issuer without TLS', { ...AUDIENCE, DRAWDOWN_OIDC_ISSUER: 'http://issuer.example' }, 'DRAWDOWN_OIDC_ISSUER'],
  ['an issuer that is no address', { ...AUDIENCE, DRAWDOWN_OIDC_ISSUER: 'issuer' }, 'DRAWDOWN_OIDC_ISSUER'],
  ['a claim without an issuer', { DRAWDOWN_OIDC_USER_CLAIM: 'oid' }, 'DRAWDOWN_OIDC_USER_CLAIM'],
  ['a claim that is none', { ...ISSUER, ...AUDIENCE, DRAWDOWN_OIDC_USER_CLAIM: 'o id' }, 'DRAWDOWN_OIDC_USER_CLAIM'],
  ['a claim that changes', { ...ISSUER, ...AUDIENCE, DRAWDOWN_OIDC_USER_CLAIM: 'email' }, 'DRAWDOWN_OIDC_USER_CLAIM'],
  ['a typo', { DRAWDOWN_OIDC_ISUER: 'x' }, 'DRAWDOWN_OIDC_ISUER'],
  ['what no client reads, either', { DRAWDOWN_KEY: 'x' }, 'DRAWDOWN_KEY'],
])('BAD-120: %s refuses the start and names the variable', (_, environment, name) => {
  expect(() => readSettings(environment)).toThrow(BadSettings);
  expect(() => readSettings(environment)).toThrow(name);
});

test('an issuer on this machine needs no TLS', () => {
  expect(readSettings({ ...AUDIENCE, DRAWDOWN_OIDC_ISSUER: 'http://127.0.0.1:8080/x' }).oidc?.issuer).toMatch(/^http:/);
});

test('each server is given on its own or with others, and what is not given is embedded', () => {
  expect(readSettings({ EVENTSTORE_URL: '' })).toMatchObject({ eventStoreUrl: null, kafka: null, databaseUrl: null });
  const all = {
    EVENTSTORE_URL: 'esdb://127.0.0.1:2113?tls=false',
    KAFKA_BROKERS: '127.0.0.1:9092',
    DATABASE_URL: 'postgres://127.0.0.1/db',
    DRAWDOWN_SHARDS: '8',
  };
  expect(readSettings(all)).toMatchObject({ kafka: { brokers: ['127.0.0.1:9092'] }, shards: 8 });
  expect(readSettings({ KAFKA_BROKERS: all.KAFKA_BROKERS })).toMatchObject({ eventStoreUrl: null, databaseUrl: null });
});

test.each([
  ['a server that is none', { EVENTSTORE_URL: 'http://127.0.0.1' }, 'EVENTSTORE_URL'],
  ['no number', { DRAWDOWN_SHARDS: 'many' }, 'DRAWDOWN_SHARDS'],
  ['a login without a Kafka', { KAFKA_SASL_MECHANISM: 'plain' }, 'KAFKA_BROKERS'],
  ['encryption without a Kafka', { KAFKA_TLS: '1' }, 'KAFKA_BROKERS'],
])('BAD-120: %s refuses the start', (_, environment, name) => {
  expect(() => readSettings(environment)).toThrow(BadServerSettings);
  expect(() => readSettings(environment)).toThrow(name);
});
