import { BadKafkaSettings, kafkaSettings } from './kafka-settings';

const brokers = { KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9093' };

describe('the settings of Kafka', () => {
  test('without brokers there is no Kafka; an empty variable is as good as none', () => {
    expect(kafkaSettings({})).toBeUndefined();
    expect(kafkaSettings({ KAFKA_BROKERS: '', KAFKA_SASL_USERNAME: 'x' })).toBeUndefined();
    expect(kafkaSettings({ ...brokers, KAFKA_SASL_USERNAME: '' })).toEqual({
      brokers: ['kafka-1:9092', 'kafka-2:9093'],
    });
  });

  test('a user name and password are sent as the mechanism says', () => {
    const user = { ...brokers, KAFKA_SASL_USERNAME: 'app', KAFKA_SASL_PASSWORD: 'pw' };
    expect(kafkaSettings(user)?.sasl).toEqual({ mechanism: 'plain', username: 'app', password: 'pw' });
    const scram = kafkaSettings({ ...user, KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512' });
    expect(scram?.sasl?.mechanism).toBe('scram-sha-512');
  });

  test('encryption is on where it is asked for, or where certificates are given', () => {
    expect(kafkaSettings(brokers)?.ssl).toBeUndefined();
    expect(kafkaSettings({ ...brokers, KAFKA_SSL: '1' })?.ssl).toEqual({});
    const pem = { KAFKA_SSL_CA: 'ca', KAFKA_SSL_CERT: 'cert', KAFKA_SSL_KEY: 'key' };
    expect(kafkaSettings({ ...brokers, ...pem })?.ssl).toEqual({ ca: 'ca', cert: 'cert', key: 'key' });
  });

  test.each([
    [{ KAFKA_BROKERS: 'kafka-1' }, 'KAFKA_BROKERS'],
    [{ KAFKA_BROKERS: 'kafka-1:0' }, 'KAFKA_BROKERS'],
    [{ KAFKA_BROKERS: 'http://kafka-1:9092' }, 'KAFKA_BROKERS'],
    [{ ...brokers, KAFKA_SASL_USERNAME: 'app' }, 'KAFKA_SASL_PASSWORD'],
    [{ ...brokers, KAFKA_SASL_PASSWORD: 'SECRET' }, 'KAFKA_SASL_USERNAME'],
    [
      { ...brokers, KAFKA_SASL_USERNAME: 'app', KAFKA_SASL_PASSWORD: 'SECRET', KAFKA_SASL_MECHANISM: 'md5' },
      'KAFKA_SASL_MECHANISM',
    ],
    [{ ...brokers, KAFKA_SSL: 'yes' }, 'KAFKA_SSL'],
    [{ ...brokers, KAFKA_SSL: '0', KAFKA_SSL_CA: 'SECRET' }, 'KAFKA_SSL_CA'],
    [{ ...brokers, KAFKA_SSL_KEY: 'SECRET' }, 'KAFKA_SSL_CERT'],
  ])('a mistake is refused by name, without the secret: %j', (environment, name) => {
    const parse = () => kafkaSettings(environment);
    expect(parse).toThrow(BadKafkaSettings);
    expect(parse).toThrow(name);
    expect(parse).not.toThrow('SECRET');
  });
});
