/**
 * What has to hold on a real PostgreSQL: tests written for it (`*.postgres.ts`), and the specs of what writes SQL, which
 * `npm test` runs on the embedded engine. Run with `npm run test:postgres`.
 */
module.exports = {
  ...require('./jest.config.cjs'),
  testMatch: [
    '**/*.postgres.ts',
    '<rootDir>/libs/adapters/src/postgres/database-snapshots.spec.ts',
    '<rootDir>/libs/delivery/src/{format,make-indexes,runner}.spec.ts',
    '<rootDir>/libs/projections/**/*.spec.ts',
  ],
  globalSetup: '<rootDir>/scripts/jest-postgres.cjs',
  globalTeardown: '<rootDir>/scripts/jest-postgres-end.cjs',
  testTimeout: 240_000,
};
