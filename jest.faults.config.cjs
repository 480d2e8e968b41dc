/**
 * The long tests: kill -9, power loss, full disks. Run with `npm run test:faults`, two at a time: half of the time each
 * waits, for a process to come back or for a limit to pass.
 */
module.exports = {
  ...require('./jest.config.cjs'),
  testMatch: ['**/*.faults.ts'],
  maxWorkers: 2,
  testTimeout: 600_000,
};
