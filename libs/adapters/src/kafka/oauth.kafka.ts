/** On brokers that ask for a token. They are not signed here, which Kafka's own validator takes where none is configured. */
import { type Log, NO_LOG, type Stream } from '@drawdown/ports';
import { openKafkaStream } from './kafka-stream';
import { type KafkaBroker, startKafkaBroker } from './testing/broker';
import { newName, record, textsOf, until } from './testing/reading';
import { openTokenEndpoint, TOKEN_CLIENT, type TokenEndpoint } from './testing/token-endpoint';

/** A token is used for three seconds. */
const LASTS_S = 33;
/** A connection lives so long, unless it logs in again, which kafkajs does ten seconds before. */
const LOGIN_MS = 13_000;

let broker: KafkaBroker;
let endpoint: TokenEndpoint;
const errors: string[] = [];
const log: Log = { ...NO_LOG, error: (fields, message) => void errors.push(`${message}: ${String(fields['error'])}`) };

beforeAll(async () => {
  const module = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required';
  const properties = {
    'listener.name.sasl.sasl.enabled.mechanisms': 'OAUTHBEARER',
    'listener.name.sasl.oauthbearer.sasl.jaas.config': `${module} unsecuredLoginStringClaim_sub="broker";`,
    'connections.max.reauth.ms': String(LOGIN_MS),
  };
  [broker, endpoint] = await Promise.all([startKafkaBroker({ properties }), openTokenEndpoint(LASTS_S)]);
}, 120_000);
afterAll(async () => {
  await broker.stop();
  await endpoint.close();
}, 60_000);
beforeEach(() => errors.splice(0));

const opened = (password: string): Stream =>
  openKafkaStream({
    ...{ brokers: [broker.saslAddress], clientId: 'oauth', log },
    sasl: { mechanism: 'oauthbearer', username: TOKEN_CLIENT.username, password, tokenUrl: endpoint.url },
  });

test('who has a token writes, follows and consumes, for longer than a login holds', async () => {
  const stream = opened(TOKEN_CLIENT.password);
  const [topic, got] = [newName('oauth'), [] as string[]];
  await stream.ensureTopic(topic, 1);
  const consumption = await stream.consume([topic], newName('group'), {
    handle: async ({ records }) => void got.push(...records.map(({ value }) => String(value))),
  });
  const from = performance.now();
  let sent = 0;
  await until('every login from the beginning has ended', async () => {
    await stream.send(topic, 0, [record(String((sent += 1)))]);
    return performance.now() - from > 1.5 * LOGIN_MS;
  });
  await until('all has arrived', () => got.length === sent);
  expect(await textsOf(stream, topic, 0)).toEqual(Array.from({ length: sent }, (_, n) => String(n + 1)));
  await consumption.stop();
  await stream.close();
  expect(got).toEqual(Array.from({ length: sent }, (_, n) => String(n + 1)));
  expect(errors).toEqual([]);
  expect(endpoint.asked.length).toBeGreaterThan(3);
});

test('who gets no token is told so, and where to look', async () => {
  const stream = opened('wrong');
  const reason = /the token endpoint gives no token: 401 \(invalid_client\); look at KAFKA_SASL_TOKEN_URL/;
  await expect(stream.ensureTopic('refused', 1)).rejects.toThrow(reason);
  await stream.close();
});
