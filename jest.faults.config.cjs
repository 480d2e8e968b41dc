/** The long tests: kill -9, power loss, full disks. Run with `npm run test:faults`, one at a time. */
module.exports = {
  ...require('./jest.config.cjs'),
  testMatch: ['**/*.faults.ts'],
  maxWorkers: 1,
  testTimeout: 600_000,
};
