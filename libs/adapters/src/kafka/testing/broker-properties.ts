/** Where a broker listens. */
export interface Ports {
  readonly plain: number;
  readonly controller: number;
  /** For clients that go through a proxy … */
  readonly proxied: number;
  /** … on this port, which is the one the broker names to them. */
  readonly proxy: number;
  readonly sasl: number;
}

/** Who may use the listener that asks for a name and a password. */
export const SASL_USER = { username: 'app', password: 'app-secret' } as const;

/**
 * One broker that is its own controller. Without the two `broker.*` lines a restart after SIGKILL takes 11 s instead of
 * 2: its own old registration has to expire first.
 */
export const brokerProperties = (data: string, ports: Ports, more: Readonly<Record<string, string>>): string => {
  const listeners = { PLAINTEXT: ports.plain, PROXIED: ports.proxied, SASL: ports.sasl };
  const advertised = { ...listeners, PROXIED: ports.proxy };
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners: listed({ ...listeners, CONTROLLER: ports.controller }),
    'advertised.listeners': listed(advertised),
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SASL:SASL_PLAINTEXT',
    'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${SASL_USER.username}="${SASL_USER.password}";`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.quorum.voters': `1@127.0.0.1:${String(ports.controller)}`,
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
