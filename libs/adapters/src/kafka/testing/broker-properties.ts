/** Where a broker listens. */
export interface Ports {
  readonly plain: number;
  readonly controller: number;
  /** For clients that go through a proxy … */
  readonly proxied: number;
  /** … on this port, which is the one the broker names to them. */
  readonly proxy: number;
  readonly sasl: number;
  readonly tls: number;
  readonly saslTls: number;
}

/** Who may use the listener that asks for a name and a password. */
export const SASL_USER = { username: 'app', password: 'app-secret' } as const;

/** The mechanisms whose users lie in the broker's own data: they are made when that is formatted. */
export const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

const PLAIN_USERS = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${SASL_USER.username}="${SASL_USER.password}";`;
const SCRAM_USERS = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';

/** Two listeners by TLS: one for everybody, one that asks who it is as well. */
const secured = (keyFile: string): Readonly<Record<string, string>> => ({
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.location': keyFile,
  'listener.name.sasltls.sasl.enabled.mechanisms': ['PLAIN', ...SCRAM].join(','),
  'listener.name.sasltls.plain.sasl.jaas.config': PLAIN_USERS,
  ...Object.fromEntries(
    SCRAM.map((name) => [`listener.name.sasltls.${name.toLowerCase()}.sasl.jaas.config`, SCRAM_USERS]),
  ),
});

/** How a listener is spoken to. */
const PROTOCOLS = {
  ...{ CONTROLLER: 'PLAINTEXT', PLAINTEXT: 'PLAINTEXT', PROXIED: 'PLAINTEXT' },
  ...{ SASL: 'SASL_PLAINTEXT', TLS: 'SSL', SASLTLS: 'SASL_SSL' },
};

export interface BrokerSettings {
  /** Where its data lies. */
  readonly data: string;
  readonly ports: Ports;
  /** Its key and its certificates, as PEM; without them it does not listen by TLS. */
  readonly keyFile: string | null;
  /** Port of the controller whose cluster it joins, and its number there; null where it is the first, and the controller. */
  readonly joins: { readonly controller: number; readonly id: number } | null;
  /** Of Kafka's own names. */
  readonly more: Readonly<Record<string, string>>;
}

/**
 * One broker that is its own controller, unless it joins another one. Without the two `broker.*` lines a restart after SIGKILL takes 11 s instead of
 * 2: its own old registration has to expire first.
 */
export const brokerProperties = ({ data, ports, keyFile, joins, more }: BrokerSettings): string => {
  const byTls = keyFile === null ? {} : { TLS: ports.tls, SASLTLS: ports.saslTls };
  const listeners = { PLAINTEXT: ports.plain, PROXIED: ports.proxied, SASL: ports.sasl, ...byTls };
  const advertised = { ...listeners, PROXIED: ports.proxy };
  return Object.entries({
    'process.roles': joins === null ? 'broker,controller' : 'broker',
    'node.id': String(joins?.id ?? 1),
    listeners: listed(joins === null ? { ...listeners, CONTROLLER: ports.controller } : listeners),
    'advertised.listeners': listed(advertised),
    'listener.security.protocol.map': Object.entries(PROTOCOLS)
      .map(([name, protocol]) => `${name}:${protocol}`)
      .join(','),
    'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl.plain.sasl.jaas.config': PLAIN_USERS,
    ...(keyFile === null ? {} : secured(keyFile)),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.quorum.voters': `1@127.0.0.1:${String(joins?.controller ?? ports.controller)}`,
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'broker.session.timeout.ms': '1000',
    'broker.heartbeat.interval.ms': '200',
    'log.cleaner.dedupe.buffer.size': '2097152',
    ...more,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
};

const listed = (listeners: Readonly<Record<string, number>>): string =>
  Object.entries(listeners)
    .map(([name, port]) => `${name}://127.0.0.1:${String(port)}`)
    .join(',');
