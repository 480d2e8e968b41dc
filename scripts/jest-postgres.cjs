/** What `npm run test:postgres` needs around its specs: a build, and a PostgreSQL that the specs share. */
const setup = require('./jest-setup.cjs');

module.exports = async () => {
  await setup();
  const { PostgresServer } = require('../dist/libs/adapters/src/postgres/testing/postgres-server.js');
  // Their databases are thrown away; those that have to survive something start a server of their own.
  const server = await PostgresServer.start({ fsync: false });
  process.env.TEST_POSTGRES_URL = server.url();
  globalThis.postgresOfTheTests = server;
};
