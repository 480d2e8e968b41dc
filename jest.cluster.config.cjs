/**
 * The distributed form as processes on a real Kafka and a real PostgreSQL, run with `npm run test:cluster`: needs Java,
 * PostgreSQL's server programs, and the first time Maven.
 */
module.exports = {
  ...require('./jest.config.cjs'),
  testMatch: ['**/*.cluster.ts'],
  maxWorkers: 1,
  testTimeout: 600_000,
};
