/** The settings of Kafka, as an environment has them. */
import type { KafkaOptions, KafkaSasl, KafkaTls } from './kafka-client';

/** Every variable that is read, with what it means. */
export const KAFKA_SETTINGS = {
  KAFKA_BROKERS: 'addresses of some brokers, host:port, separated by commas',
  KAFKA_SASL_MECHANISM: 'plain, scram-sha-256 or scram-sha-512 (default plain, where there is a user name)',
  KAFKA_SASL_USERNAME: 'user name; without it no name is given',
  KAFKA_SASL_PASSWORD: 'its password',
  KAFKA_SSL: '1 or 0: whether connections are encrypted (default 1 where one of the next three is set, else 0)',
  KAFKA_SSL_CA: 'PEM text of the certificates that are trusted (default: those that Node trusts)',
  KAFKA_SSL_CERT: 'PEM text of the certificate of this client',
  KAFKA_SSL_KEY: 'PEM text of its key',
} as const;
type Name = keyof typeof KAFKA_SETTINGS;

/** The message names the variable, never its value. */
export class BadKafkaSettings extends Error {
  readonly code = 'bad_settings';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Undefined where there is no Kafka. An empty variable is as good as none: compose files pass those. */
export const kafkaSettings = (environment: Environment): Omit<KafkaOptions, 'clientId'> | undefined => {
  const given = (name: Name): string | undefined => environment[name] || undefined;
  const brokers = given('KAFKA_BROKERS');
  if (brokers === undefined) return undefined;
  const [sasl, ssl] = [saslOf(given), tlsOf(given)];
  return {
    brokers: brokers.split(',').map(brokerOf),
    ...(sasl === undefined ? {} : { sasl }),
    ...(ssl === undefined ? {} : { ssl }),
  };
};

type Given = (name: Name) => string | undefined;

const brokerOf = (text: string): string => {
  const [, host = '', port = ''] = /^([^\s:/]+):(\d{1,5})$/.exec(text.trim()) ?? [];
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) {
    throw new BadKafkaSettings('KAFKA_BROKERS must be addresses like kafka-1:9092,kafka-2:9092');
  }
  return `${host}:${port}`;
};

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

const saslOf = (given: Given): KafkaSasl | undefined => {
  const [username, password] = [given('KAFKA_SASL_USERNAME'), given('KAFKA_SASL_PASSWORD')];
  const named = given('KAFKA_SASL_MECHANISM');
  if (username === undefined && password === undefined && named === undefined) return undefined;
  if (username === undefined || password === undefined) {
    throw new BadKafkaSettings('KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must both be set, or none of KAFKA_SASL_…');
  }
  const mechanism = MECHANISMS.find((known) => known === (named ?? 'plain').toLowerCase());
  if (mechanism === undefined)
    throw new BadKafkaSettings(`KAFKA_SASL_MECHANISM must be one of ${MECHANISMS.join(', ')}`);
  return { mechanism, username, password };
};

const tlsOf = (given: Given): KafkaTls | undefined => {
  const [ca, cert, key] = [given('KAFKA_SSL_CA'), given('KAFKA_SSL_CERT'), given('KAFKA_SSL_KEY')];
  if ((cert === undefined) !== (key === undefined)) {
    throw new BadKafkaSettings('KAFKA_SSL_CERT and KAFKA_SSL_KEY must both be set, or neither');
  }
  const isSet = ca !== undefined || cert !== undefined;
  const ssl = given('KAFKA_SSL') ?? (isSet ? '1' : '0');
  if (ssl !== '1' && ssl !== '0') throw new BadKafkaSettings('KAFKA_SSL must be 1 or 0');
  if (ssl === '0' && isSet) throw new BadKafkaSettings('KAFKA_SSL is 0, but KAFKA_SSL_CA or KAFKA_SSL_CERT is set');
  if (ssl === '0') return undefined;
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined || key === undefined ? {} : { cert, key }) };
};
