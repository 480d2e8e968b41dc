import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { type EventStoreDbDouble, startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { openKafkaStream } from '@drawdown/adapters/kafka/kafka-stream';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { SASL_USER } from '@drawdown/adapters/kafka/testing/broker-properties';
import { type Certificates, newCertificates } from '@drawdown/adapters/testing/certificates';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { newName, record, textsOf, until } from '@drawdown/adapters/kafka/testing/reading';
import { openTcpProxy } from '@drawdown/adapters/kafka/testing/tcp-proxy';
import { readServerSettings } from '@drawdown/adapters/server-settings';
import { type Log, NO_LOG, NO_METRICS, type Stream } from '@drawdown/ports';

const SHARDS = 2;
/** What follows, what consumes and what asks try by themselves, each at most some times a second. */
const TRIES_PER_S_MAX = 16;

type Settings = Readonly<Record<string, string>>;

let folder: string;
let broker: KafkaBroker;
let own: Certificates;
let foreign: Certificates;
let store: EventStoreDbDouble;
let right: AppProcess;
let wrong: AppProcess;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-secured-'));
  [own, foreign] = await Promise.all([
    newCertificates(folder, 'own', 'IP:127.0.0.1'),
    newCertificates(folder, 'foreign', 'IP:127.0.0.1'),
  ]);
  [broker, store] = await Promise.all([
    startKafkaBroker({ keyFile: own.server }),
    startDouble(path.join(folder, 'store')),
  ]);
  const [rightPort = 0, wrongPort = 0] = await freePorts(2);
  right = worker('right', rightPort);
  wrong = worker('wrong', wrongPort, 'wrong');
  for (const one of [right, wrong]) one.start();
}, 180_000);
afterAll(async () => {
  await Promise.all([right.stop(), wrong.stop()]);
  await Promise.all([broker.stop(), store.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const encrypted = (ca = own.authority): Settings => ({ KAFKA_TLS: '1', KAFKA_TLS_CA: ca });
const loggedIn = (mechanism: string, password: string = SASL_USER.password): Settings => ({
  ...{ KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: SASL_USER.username, KAFKA_SASL_PASSWORD: password },
});

/** A worker that is wanted, and logs in. */
const worker = (name: string, port: number, password?: string): AppProcess => {
  const environment = {
    ...{ HOST: '127.0.0.1', PORT: String(port), DRAWDOWN_DATA: path.join(folder, name) },
    ...{ EVENTSTORE_URL: store.url, DRAWDOWN_SHARDS: String(SHARDS), KAFKA_BROKERS: broker.saslTlsAddress },
    ...{ ...encrypted(), ...loggedIn('scram-sha-256', password) },
  };
  return new AppProcess({ name, file: path.resolve('dist/apps/worker/src/main.js'), environment, port });
};

/** The stream as a process opens it with these settings. */
const opened = (address: string, settings: Settings, more: Partial<Parameters<typeof openKafkaStream>[0]> = {}) => {
  const { kafka } = readServerSettings({ KAFKA_BROKERS: address, ...settings });
  if (kafka === null) throw new Error('no brokers');
  return openKafkaStream({ ...kafka, clientId: 'secured', ...more });
};

const consumesOne = async (stream: Stream, topic: string): Promise<string[]> => {
  const got: string[] = [];
  const consumption = await stream.consume([topic], newName('group'), {
    handle: async ({ records }) => void got.push(...records.map(({ value }) => String(value))),
  });
  await until('it is consumed', () => got.length > 0);
  await consumption.stop();
  return got;
};

test.each([
  ['encrypted', () => broker.tlsAddress, () => encrypted()],
  ['encrypted, with a password', () => broker.saslTlsAddress, () => ({ ...encrypted(), ...loggedIn('plain') })],
  ['encrypted, by SCRAM', () => broker.saslTlsAddress, () => ({ ...encrypted(), ...loggedIn('SCRAM-SHA-256') })],
  ['… with the longer hash', () => broker.saslTlsAddress, () => ({ ...encrypted(), ...loggedIn('scram-sha-512') })],
])('a topic is made, written, followed and consumed: %s', async (_, address, settings) => {
  const stream = opened(address(), settings());
  try {
    const topic = newName('secured');
    await stream.ensureTopic(topic, 1);
    await stream.send(topic, 0, [record('secret')]);
    expect(await textsOf(stream, topic, 0)).toEqual(['secret']);
    expect(await consumesOne(stream, topic)).toEqual(['secret']);
  } finally {
    await stream.close();
  }
});

/** What is said by a stream that follows, consumes and sends where it is not let in. */
const refused = async (address: string, settings: Settings, host: string) => {
  const [proxy, errors, states] = [await openTcpProxy(), new Set<string>(), new Set<number>()];
  proxy.forwardTo(Number(address.split(':')[1]));
  const log: Log = { ...NO_LOG, error: (fields, text) => void errors.add(`${text}: ${String(fields['error'])}`) };
  const metrics = { ...NO_METRICS, gauge: (_: string, value: number) => void states.add(value) };
  const stream = opened(`${host}:${String(proxy.port)}`, settings, { log, metrics });
  const from = performance.now();
  await stream.consume(['refused'], newName('group'), { handle: async () => undefined });
  const following = (async () => {
    for await (const batch of stream.follow('refused', 0, 0, new AbortController().signal)) return batch;
    return null;
  })();
  const outcomes = await Promise.allSettled([
    stream.send('refused', 0, [record('x')]),
    until('the consumer has said so', () => [...errors].some((error) => error.includes('cannot join'))),
  ]);
  const triesPerS = proxy.connections / ((performance.now() - from) / 1_000);
  await Promise.all([stream.close(), expect(following).rejects.toThrow('closed')]);
  await proxy.close();
  const [sent, joined] = outcomes.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : 'done'));
  return { sent, joined, errors: [...errors], states: [...states], triesPerS };
};

const OTHER_NAME = /does not match certificate's altnames.*look at KAFKA_TLS_CA/;
const CERTIFICATE = /unable to verify the first certificate.*look at KAFKA_TLS_CA/;
const LOGIN = /authentication failed.*look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/i;
const SILENCE = /Closed connection; if it is there, look at KAFKA_TLS and KAFKA_SASL_MECHANISM/;

test('who is not let in is told why and where to look, and does not try all the time', async () => {
  const { tlsAddress, saslTlsAddress, address: plainAddress } = broker;
  const cases: readonly (readonly [string, string, Settings, RegExp, host?: string])[] = [
    ['another authority', tlsAddress, encrypted(foreign.authority), CERTIFICATE],
    ['the authorities of the system', tlsAddress, { KAFKA_TLS: '1' }, CERTIFICATE],
    ['a certificate for another name', tlsAddress, encrypted(), OTHER_NAME, 'localhost'],
    ['a wrong password', saslTlsAddress, { ...encrypted(), ...loggedIn('plain', 'wrong') }, LOGIN],
    ['a wrong password by SCRAM', saslTlsAddress, { ...encrypted(), ...loggedIn('scram-sha-256', 'wrong') }, LOGIN],
    ['no TLS where it is wanted', tlsAddress, {}, SILENCE],
    ['no login where it is wanted', saslTlsAddress, encrypted(), SILENCE],
    ['TLS where nobody speaks it', plainAddress, encrypted(), /look at KAFKA_TLS: the listener may not speak it/],
  ];
  const found = await Promise.all(
    cases.map(([, address, settings, , host = '127.0.0.1']) => refused(address, settings, host)),
  );
  for (const [i, [name, , , reason]] of cases.entries()) {
    const { sent, joined, errors, states, triesPerS } = found[i] ?? {};
    const said = expect.stringMatching(reason) as string;
    expect({ name, sent, joined, errors, states }).toEqual({
      ...{ name, sent: said, joined: 'done', states: [0] },
      errors: expect.arrayContaining([said]) as string[],
    });
    expect(triesPerS).toBeLessThan(TRIES_PER_S_MAX);
  }
}, 120_000);

test('brokers that want a certificate let in who has one of their authority, and tell others where to look', async () => {
  const [client, stranger] = await Promise.all([
    newCertificates(folder, 'client', 'IP:127.0.0.1'),
    newCertificates(folder, 'stranger', 'IP:127.0.0.1'),
  ]);
  const properties = {
    'ssl.client.auth': 'required',
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': client.authority,
  };
  const strict = await startKafkaBroker({ keyFile: own.server, properties });
  const as = ({ certificate, key }: Certificates): Settings => ({
    ...{ ...encrypted(), KAFKA_TLS_CERT: certificate, KAFKA_TLS_KEY: key },
  });
  const known = opened(strict.tlsAddress, as(client));
  try {
    const topic = newName('mutual');
    await known.ensureTopic(topic, 1);
    await known.send(topic, 0, [record('secret')]);
    expect(await textsOf(known, topic, 0)).toEqual(['secret']);
    expect(await consumesOne(known, topic)).toEqual(['secret']);
    const wanted = /look at KAFKA_TLS_CERT and KAFKA_TLS_KEY/;
    for (const settings of [encrypted(), as(stranger)]) {
      const { sent, errors, states } = await refused(strict.tlsAddress, settings, '127.0.0.1');
      expect({ sent, errors, states }).toEqual({
        ...{ sent: expect.stringMatching(wanted) as string, states: [0] },
        errors: expect.arrayContaining([expect.stringMatching(wanted)]) as string[],
      });
    }
  } finally {
    await known.close();
    await strict.stop();
  }
  const mixed = { ...as(client), KAFKA_TLS_KEY: stranger.key };
  expect(() => opened(strict.tlsAddress, mixed)).toThrow('KAFKA_TLS_CERT and KAFKA_TLS_KEY are not a certificate');
}, 120_000);

test('a worker takes its shards over a connection that is encrypted and asks who it is', async () => {
  await right.ready();
  await until('its shards are its own', async () => (await right.metric('drawdown_shards_owned')) === SHARDS);
  expect(right.ownEnds).toEqual([]);
});

test('a worker with a wrong password waits for a right one, and says why', async () => {
  let said = '';
  await until('it says so', async () => {
    said = await fetch(`${wrong.url}/readyz`).then((response) => response.text(), String); // nobody listens yet
    return /waits for kafka: Kafka does not answer: .*look at .*KAFKA_SASL_PASSWORD/.test(said);
  }).catch((cause: unknown) => {
    throw new Error(`it says: ${said}\n${wrong.lastSaid}`, { cause });
  });
  expect(wrong.ownEnds).toEqual([]);
});
