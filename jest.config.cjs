const { jestOptions, moduleNameMapper } = require('./scripts/swc.cjs');

/** One jest process for the repository: far faster than one per project. */
module.exports = {
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/scripts', '<rootDir>/deploy'],
  testMatch: ['**/*.spec.ts'],
  testEnvironment: 'node',
  // Specs start real child processes and worker threads from dist/.
  globalSetup: '<rootDir>/scripts/jest-setup.cjs',
  setupFiles: ['<rootDir>/scripts/jest-wasm.cjs'],
  setupFilesAfterEnv: ['<rootDir>/scripts/jest-bytes.cjs'],
  moduleFileExtensions: ['ts', 'js', 'cjs', 'mjs', 'json', 'node'],
  moduleNameMapper,
  transform: { '\\.[jt]s$': ['@swc/jest', jestOptions] },
  // Published as ES modules only, which jest on Node 20 cannot require(): these are transformed too.
  transformIgnorePatterns: [
    '/node_modules/(?!(content-disposition|jose|temporal-polyfill|temporal-utils|temporal-spec)/)',
  ],
  // For two processors: specs that wait for a time limit, a process or a disk leave one to a third.
  maxWorkers: 3,
  // For a machine that others use at the same time; waits inside of tests are shorter, and say what they wait for.
  testTimeout: 60_000,
};
