/** How kafkajs is set up here, and how a client of it is ended for certain. */
import net from 'node:net';
import tls from 'node:tls';
import { type Log, type Metrics, NO_LOG, NO_METRICS } from '@drawdown/ports';
import { type Cluster, Kafka, type KafkaConfig, logLevel, type RetryOptions } from 'kafkajs';
import { type OAuthClient, OAuthTokens } from './oauth-tokens';
import { reasonOf } from './refusal';
import { letEmptyQueuesRest } from './resting-queue';

/** A broker answers in milliseconds; one that is silent so long is asked again (with the same sequence numbers). */
const REQUEST_MAX_MS = 5_000;
const CONNECT_MAX_MS = 1_000;
const KEEP_ALIVE_MS = 60_000;
/** kafkajs says the same several times a second while a broker is away. */
const SAY_AGAIN_MS = 30_000;
const KINDS_KEPT = 1_000;

export type KafkaSasl = PasswordLogin | TokenLogin;

interface PasswordLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

interface TokenLogin extends OAuthClient {
  readonly mechanism: 'oauthbearer';
}

/** PEM texts. */
export interface KafkaTls {
  /** Certificates of who is trusted; the system's where there are none. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface KafkaOptions {
  /** `host:port` of some brokers; they name the others. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly sasl?: KafkaSasl;
  /** TLS, which is off without it. */
  readonly ssl?: KafkaTls;
  /** Of the topics that are made here; else three, or as many as there are brokers. */
  readonly replicas?: number;
  /**
   * By topic: how long after few records the next ones gather before they are asked for, in milliseconds. Brokers, and who
   * handles the records, pay per request; a record that comes after a while of silence never waits.
   */
  readonly gatherMs?: Readonly<Record<string, number>>;
  readonly log?: Log;
  readonly metrics?: Metrics;
}

export interface Client {
  readonly kafka: Kafka;
  /**
   * Cuts all its connections and lets it make no other. `disconnect()` is not enough where something may still be sent:
   * a `send` that kafkajs repeats would connect again, and its records arrive after whoever sent them gave up.
   */
  destroy(): void;
}

export const openClient = (options: KafkaOptions, retry: RetryOptions): Client => {
  letEmptyQueuesRest();
  const sockets = new Set<net.Socket>();
  let destroyed = false;
  const socketFactory: KafkaConfig['socketFactory'] = ({ host, port, ssl, onConnect }) => {
    if (destroyed) throw new Error('this client was given up');
    // kafkajs gives options for TLS where it is on, whatever its types say.
    const secured = ssl as tls.ConnectionOptions | null;
    const name = net.isIP(host) === 0 ? { servername: host } : {};
    const socket = secured
      ? tls.connect({ host, port, ...name, ...secured }, onConnect)
      : net.connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const kafka = new Kafka({
    clientId: options.clientId,
    // No broker is an error that kafkajs does not try to mend: its endless retries end there.
    brokers: () => (destroyed ? [] : [...options.brokers]),
    connectionTimeout: CONNECT_MAX_MS,
    requestTimeout: REQUEST_MAX_MS,
    retry,
    socketFactory,
    ...security(options),
    ...quietLog(options.log ?? NO_LOG, () => destroyed),
  });
  const destroy = (): void => {
    destroyed = true;
    for (const socket of sockets) socket.destroy(new Error('this client was given up'));
  };
  return { kafka, destroy };
};

/** A view on the cluster without a group: an assigner is given one, and this consumer never runs. */
export const clusterOf = (kafka: Kafka): Cluster => {
  const found: Cluster[] = [];
  const noAssigner = { name: 'none', version: 1, protocol: () => ({ name: 'none', metadata: Buffer.alloc(0) }) };
  kafka.consumer({
    groupId: 'none',
    // Else who asks for a topic that is not there has brokers make it as they like.
    allowAutoTopicCreation: false,
    partitionAssigners: [
      ({ cluster }) => {
        found.push(cluster);
        return { ...noAssigner, assign: async () => [] };
      },
    ],
  });
  const [cluster] = found;
  if (cluster === undefined) throw new Error('kafkajs no longer gives assigners their cluster: see kafka-client.ts');
  return cluster;
};

const security = ({ sasl, ssl }: KafkaOptions): Pick<KafkaConfig, 'sasl' | 'ssl'> => ({
  ...(ssl === undefined ? {} : { ssl: { ...ssl } }),
  ...(sasl === undefined ? {} : { sasl: saslOf(sasl) }),
});

/** Clients come and go, and log in with the same token. */
const tokens = new WeakMap<KafkaSasl, OAuthTokens>();

const saslOf = (sasl: KafkaSasl): NonNullable<KafkaConfig['sasl']> => {
  const { username, password } = sasl;
  switch (sasl.mechanism) {
    case 'plain':
      return { mechanism: sasl.mechanism, username, password };
    case 'scram-sha-256':
      return { mechanism: sasl.mechanism, username, password };
    case 'scram-sha-512':
      return { mechanism: sasl.mechanism, username, password };
    case 'oauthbearer': {
      const source = tokens.get(sasl) ?? new OAuthTokens(sasl);
      tokens.set(sasl, source);
      return {
        mechanism: sasl.mechanism,
        oauthBearerProvider: async () => ({ value: await source.token() }),
      };
    }
  }
};

/** An answer to who asks whether a topic is there; where it should be, whoever asks says so. */
const isNoSuchTopic = (message: string, error: unknown): boolean =>
  message.startsWith('Response Metadata') && String(error).includes('does not host this topic-partition');

/** What was said when, by log: clients come and go. */
const said = new WeakMap<Log, Map<string, number>>();

/** kafkajs' own errors, each kind once in a while; of a client that was given up none. */
const quietLog = (log: Log, isOver: () => boolean): Pick<KafkaConfig, 'logLevel' | 'logCreator'> => {
  const when = said.get(log) ?? new Map<string, number>();
  said.set(log, when);
  return {
    logLevel: logLevel.ERROR,
    logCreator: () => (entry) => {
      const { message, error } = entry.log as { readonly message: string; readonly error?: Error | string };
      if (isNoSuchTopic(message, error)) return;
      const now = performance.now();
      if (isOver() || now - (when.get(message) ?? -Infinity) < SAY_AGAIN_MS) return;
      if (when.size > KINDS_KEPT) when.clear();
      when.set(message, now);
      log.warn(
        { from: entry.namespace, ...(error === undefined ? {} : { error: String(error) }) },
        `kafka: ${message}`,
      );
    },
  };
};

/** Whether Kafka answers; says so once when that changes. */
export class Health {
  private state: boolean | undefined;
  private readonly log: Log;
  readonly metrics: Metrics;

  constructor({ log = NO_LOG, metrics = NO_METRICS }: KafkaOptions) {
    this.log = log;
    this.metrics = metrics;
  }

  up(): void {
    if (this.state === false) this.log.info({}, 'Kafka answers again');
    this.turn(true);
  }

  down(error: unknown): void {
    if (this.state !== false) this.log.error({ error: reasonOf(error) }, 'Kafka does not answer; it is tried again');
    this.turn(false);
  }

  private turn(state: boolean): void {
    if (this.state === state) return;
    this.state = state;
    this.metrics.gauge('dependency_up', state ? 1 : 0, { dependency: 'kafka' });
  }
}
