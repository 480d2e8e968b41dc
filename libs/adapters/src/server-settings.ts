import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { BadConnectionString, checkConnectionString } from './eventstoredb/connection-string';
import type { KafkaOptions, KafkaTls } from './kafka/kafka-client';

/** The servers that stores may live on, by environment variable; each may be left out where a part is embedded. */
export const SERVER_VARIABLES = {
  EVENTSTORE_URL: 'EventStoreDB that holds the log, esdb://host:port, of a cluster all hosts, separated by commas',
  KAFKA_BROKERS: 'brokers of a Kafka, host:port, separated by commas',
  KAFKA_SASL_MECHANISM: 'plain, scram-sha-256, scram-sha-512 or oauthbearer; without it nobody logs in',
  KAFKA_SASL_USERNAME: 'who logs in; with oauthbearer the id of the client',
  KAFKA_SASL_PASSWORD: 'and the password, or the secret of the client',
  KAFKA_SASL_TOKEN_URL: 'where oauthbearer gets its tokens, https://… (client credentials grant)',
  KAFKA_SASL_SCOPE: 'what is asked for there, if anything',
  KAFKA_TLS: '1 or 0: whether connections to the brokers are encrypted (default 0)',
  KAFKA_TLS_CA: 'file of the certificates that are trusted, instead of the system’s',
  KAFKA_TLS_CERT: 'file of our certificate, and those between it and the authority, where the brokers want one',
  KAFKA_TLS_KEY: 'file of its key',
  KAFKA_REPLICATION: 'replicas of the topics that are made, 1 to 9 (default 3, or as many as there are brokers)',
  DATABASE_URL: 'PostgreSQL for the read models and the snapshots of workers',
  DRAWDOWN_DATABASE_CONNECTIONS: 'how many connections to that PostgreSQL there are at most, 2 to 100 (default 10)',
  DRAWDOWN_SHARDS: 'number of shards of a new store, 1 to 1024; of one that exists it must be the same, or absent',
  DRAWDOWN_NEW_TOPICS: 'topics made anew that may be read from their beginning: NAME@IDENTITY, separated by commas',
} as const;

/** A store cannot have more shards than a topic may sensibly have partitions. */
const SHARDS_MAX = 1_024;
const CONNECTIONS_USUALLY = 10;
const REPLICAS_MAX = 9;

export interface ServerSettings {
  readonly eventStoreUrl: string | null;
  readonly kafka: Pick<KafkaOptions, 'brokers' | 'sasl' | 'ssl' | 'replicas'> | null;
  readonly databaseUrl: string | null;
  readonly databaseConnections: number;
  /** Null: as many as the store has. */
  readonly shards: number | null;
  /** Topics with their identities, as `topic@identity`. */
  readonly newTopics: ReadonlySet<string>;
}

/** A setting of the servers is wrong; the message names the variable, never its value. */
export class BadServerSettings extends Error {
  readonly code = 'bad_settings';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An empty variable is as good as none: compose files pass those. */
const given = (environment: Environment, name: keyof typeof SERVER_VARIABLES): string | undefined =>
  environment[name] || undefined;

/** Throws {@link BadServerSettings}. */
export const readServerSettings = (environment: Environment): ServerSettings => ({
  eventStoreUrl: eventStoreOf(given(environment, 'EVENTSTORE_URL')),
  kafka: kafkaOf(environment),
  databaseUrl: databaseOf(given(environment, 'DATABASE_URL')),
  databaseConnections: numberOf(environment, 'DRAWDOWN_DATABASE_CONNECTIONS', 2, 100) ?? CONNECTIONS_USUALLY,
  shards: numberOf(environment, 'DRAWDOWN_SHARDS', 1, SHARDS_MAX),
  newTopics: newTopicsOf(given(environment, 'DRAWDOWN_NEW_TOPICS')),
});

const newTopicsOf = (text = ''): ReadonlySet<string> => {
  const topics = text.split(',').flatMap((topic) => topic.trim() || []);
  if (topics.every((topic) => /^[\w.-]{1,249}@[\w-]{1,64}$/.test(topic))) return new Set(topics);
  throw new BadServerSettings('DRAWDOWN_NEW_TOPICS must be NAME@IDENTITY, several separated by commas');
};

const eventStoreOf = (text: string | undefined): string | null => {
  if (text === undefined) return null;
  try {
    checkConnectionString(text);
    return text;
  } catch (error) {
    if (error instanceof BadConnectionString) throw new BadServerSettings(`EVENTSTORE_URL ${error.message}`);
    throw error;
  }
};

/**
 * What its client can read: with another one it does not begin either, and is asked again and again. No host after a
 * password is one to it (pg-connection-string): the host is an option then.
 */
const databaseOf = (text: string | undefined): string | null => {
  if (text === undefined) return null;
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text.replace('@/', '@host/'))) return text;
  throw new BadServerSettings(
    'DATABASE_URL must be postgres://USER:PASSWORD@HOST:PORT/DATABASE, with what is special in the password percent-encoded',
  );
};

const numberOf = (
  environment: Environment,
  name: 'DRAWDOWN_SHARDS' | 'DRAWDOWN_DATABASE_CONNECTIONS' | 'KAFKA_REPLICATION',
  least: number,
  most: number,
): number | null => {
  const text = given(environment, name);
  if (text === undefined) return null;
  const number = /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new BadServerSettings(`${name} must be a number between ${String(least)} and ${String(most)}`);
};

const kafkaOf = (environment: Environment): ServerSettings['kafka'] => {
  const text = given(environment, 'KAFKA_BROKERS');
  if (text === undefined) return noKafka(environment);
  const brokers = text.split(',').map((broker) => broker.trim());
  if (!brokers.every((broker) => /^[^\s:/]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i.test(broker))) {
    throw new BadServerSettings('KAFKA_BROKERS must be host:port, several separated by commas');
  }
  const replicas = numberOf(environment, 'KAFKA_REPLICATION', 1, REPLICAS_MAX);
  return { brokers, ...saslOf(environment), ...tlsOf(environment), ...(replicas === null ? {} : { replicas }) };
};

/** What is said about a Kafka that is not given was meant for one: usage would wait there in vain. */
const noKafka = (environment: Environment): null => {
  const meant = KAFKA_DETAILS.find((name) => (given(environment, name) ?? '0') !== '0');
  if (meant === undefined) return null;
  throw new BadServerSettings(`${meant} is set, KAFKA_BROKERS is not`);
};
const KAFKA_DETAILS = [
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_TLS',
  'KAFKA_TLS_CA',
  'KAFKA_TLS_CERT',
  'KAFKA_TLS_KEY',
  'KAFKA_REPLICATION',
] as const;

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const;

const saslOf = (environment: Environment): Pick<KafkaOptions, 'sasl'> => {
  const text = given(environment, 'KAFKA_SASL_MECHANISM');
  if (text === undefined) return noSasl(environment);
  const mechanism = MECHANISMS.find((known) => known === text.toLowerCase());
  if (mechanism === undefined)
    throw new BadServerSettings(`KAFKA_SASL_MECHANISM must be one of ${MECHANISMS.join(', ')}`);
  const username = given(environment, 'KAFKA_SASL_USERNAME');
  const password = given(environment, 'KAFKA_SASL_PASSWORD');
  if (username === undefined || password === undefined) {
    throw new BadServerSettings('KAFKA_SASL_MECHANISM needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD');
  }
  const tokens = tokensOf(environment, mechanism === 'oauthbearer');
  return {
    sasl:
      mechanism === 'oauthbearer' ? { mechanism, username, password, ...tokens } : { mechanism, username, password },
  };
};

/** To a server elsewhere the secret does not go in clear text. */
const TOKEN_URL = /^(https:\/\/|http:\/\/(127\.0\.0\.1|\[::1\]|localhost)[:/])/;

const tokensOf = (
  environment: Environment,
  isWanted: boolean,
): { readonly tokenUrl: string; readonly scope?: string } => {
  const [tokenUrl, scope] = [given(environment, 'KAFKA_SASL_TOKEN_URL'), given(environment, 'KAFKA_SASL_SCOPE')];
  if (isWanted && (tokenUrl === undefined || !TOKEN_URL.test(tokenUrl) || !URL.canParse(tokenUrl))) {
    throw new BadServerSettings('KAFKA_SASL_MECHANISM oauthbearer needs KAFKA_SASL_TOKEN_URL, https://…');
  }
  if (!isWanted && (tokenUrl ?? scope) !== undefined) {
    const name = tokenUrl === undefined ? 'KAFKA_SASL_SCOPE' : 'KAFKA_SASL_TOKEN_URL';
    throw new BadServerSettings(`${name} is set, KAFKA_SASL_MECHANISM is not oauthbearer`);
  }
  return { tokenUrl: tokenUrl ?? '', ...(scope === undefined ? {} : { scope }) };
};

const SASL_DETAILS = [
  'KAFKA_SASL_PASSWORD',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_TOKEN_URL',
  'KAFKA_SASL_SCOPE',
] as const;

/** Whoever gives a password means to log in: without it the brokers would be met as nobody. */
const noSasl = (environment: Environment): Record<string, never> => {
  const meant = SASL_DETAILS.find((name) => given(environment, name));
  if (meant === undefined) return {};
  throw new BadServerSettings(`${meant} is set, KAFKA_SASL_MECHANISM is not`);
};

/** What is a file of TLS, by what it is there. */
const TLS_FILES = { ca: 'KAFKA_TLS_CA', cert: 'KAFKA_TLS_CERT', key: 'KAFKA_TLS_KEY' } as const;

const tlsOf = (environment: Environment): Pick<KafkaOptions, 'ssl'> => {
  const text = given(environment, 'KAFKA_TLS') ?? '0';
  if (text !== '0' && text !== '1') throw new BadServerSettings('KAFKA_TLS must be 1 or 0');
  const files = Object.entries(TLS_FILES).filter(([, name]) => given(environment, name) !== undefined);
  if (text === '0') {
    const [meant] = files;
    if (meant === undefined) return {};
    throw new BadServerSettings(`${meant[1]} is set, KAFKA_TLS is not 1: connections would not be encrypted`);
  }
  const ssl: KafkaTls = Object.fromEntries(files.map(([what, name]) => [what, textIn(environment, name)]));
  checkOwn(ssl);
  return { ssl };
};

const textIn = (environment: Environment, name: (typeof TLS_FILES)[keyof typeof TLS_FILES]): string => {
  try {
    return readFileSync(given(environment, name) ?? '', 'utf8');
  } catch (error) {
    throw new BadServerSettings(`${name} names a file that cannot be read`, { cause: error });
  }
};

/** Each connection would fail of it, again and again. */
const checkOwn = ({ cert, key }: KafkaTls): void => {
  if (cert === undefined && key === undefined) return;
  if (cert === undefined || key === undefined) {
    throw new BadServerSettings('KAFKA_TLS_CERT and KAFKA_TLS_KEY go together: one of them is not set');
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const what = 'KAFKA_TLS_CERT and KAFKA_TLS_KEY are not a certificate and its key, unencrypted, as PEM';
    throw new BadServerSettings(what, { cause: error });
  }
};
