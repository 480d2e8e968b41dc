/** One Kafka for all specs of `npm run test:kafka`; specs that kill it start their own. */
const path = require('node:path');

module.exports = async () => {
  const { build } = await import('./build.mjs');
  await build({ quiet: true });
  const { startKafkaBroker } = require(path.join(__dirname, '../dist/libs/adapters/src/kafka/testing/broker.js'));
  const broker = await startKafkaBroker();
  globalThis.kafkaBroker = broker;
  process.env.KAFKA_TEST_BROKER = broker.address;
  process.env.KAFKA_TEST_BROKER_SASL = broker.saslAddress;
};
