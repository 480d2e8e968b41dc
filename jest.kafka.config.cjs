/** The tests on a real Apache Kafka, run with `npm run test:kafka`: they need Java, and the first time Maven. */
module.exports = {
  ...require('./jest.config.cjs'),
  testMatch: ['**/*.kafka.ts'],
  globalSetup: '<rootDir>/scripts/kafka-setup.cjs',
  globalTeardown: '<rootDir>/scripts/kafka-teardown.cjs',
  maxWorkers: 2,
  testTimeout: 180_000,
};
