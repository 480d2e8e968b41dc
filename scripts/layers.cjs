/**
 * The architecture as one table. Generated from it: the Nx constraints (eslint.config.mjs), the rules of the second check
 * (.dependency-cruiser.cjs) and the picture in README.md (`npm run layers`).
 */

/** Who may import whom. apps/* may import any lib, and no other app. */
const layers = {
  kernel: [],
  domain: ['kernel'],
  ports: ['kernel'],
  ledger: ['kernel', 'domain', 'ports'],
  delivery: ['kernel', 'ports'],
  adapters: ['kernel', 'ports'],
  // commands and projections never know each other: they share event declarations.
  commands: ['kernel', 'domain', 'ports', 'ledger', 'delivery'],
  projections: ['kernel', 'domain', 'ports', 'delivery'], // of domain only its events, see .dependency-cruiser.cjs
  http: ['kernel', 'domain', 'commands', 'projections'],
};

/** Packages each lib may import, besides what Node brings. A driver is named once: it lives in adapters. */
const packages = {
  kernel: ['@sinclair/typebox'],
  domain: ['@sinclair/typebox'],
  ports: [],
  ledger: [],
  delivery: [],
  adapters: [
    ...['libsql', '@electric-sql/pglite', 'pg', 'kafkajs'],
    // The client's own message classes are made of these.
    ...['@eventstore/db-client', '@grpc/grpc-js', 'google-protobuf'],
  ],
  commands: ['@nestjs/common', '@nestjs/core', '@nestjs/cqrs', 'rxjs'],
  projections: [],
  http: [
    '@nestjs/common',
    '@nestjs/core',
    '@nestjs/cqrs',
    '@nestjs/platform-fastify',
    '@nestjs/swagger',
    '@sinclair/typebox',
    'ajv',
    'class-transformer',
    'class-validator',
    'fastify',
    'jose',
    'nestjs-pino',
    'pino',
    'pino-http',
    'prom-client', // below http, metrics go through a port
    'rxjs',
  ],
};

/** What a lib's `*.module.ts` may import on top: the only place where ledger, delivery, adapters and projections see Nest. */
const modulePackages = {
  ledger: ['@nestjs/common'],
  delivery: ['@nestjs/common'],
  adapters: ['@nestjs/common'],
  projections: ['@nestjs/common'],
};

/** What test code may import on top, in every lib. */
const testPackages = ['fast-check', 'ajv', 'reflect-metadata', '@nestjs/common', '@nestjs/core', '@nestjs/testing'];

/** What the test code of one lib may import on top: adapters have doubles of servers, which speak the servers' protocols. */
const testPackagesOf = { adapters: ['@grpc/grpc-js', 'google-protobuf'] };

/**
 * Libs that specs may import on top: what writes SQL is tested on the engine that runs it, and the engines are adapters.
 * Only specs, so that what a lib offers to others' tests (`testing.ts`) stays free of drivers.
 */
const specLayers = { delivery: ['adapters'], projections: ['adapters'] };

/** Files that only tests may import; the conformance suites and in-memory references count as tests. */
const testFiles = [
  '**/*.spec.ts',
  '**/*.faults.ts',
  '**/*.kafka.ts',
  '**/*.postgres.ts',
  '**/*.cluster.ts',
  '**/*.conformance.ts',
  '**/testing.ts',
  '**/testing/**',
  '**/in-memory/**',
];

module.exports = { layers, specLayers, packages, modulePackages, testPackages, testPackagesOf, testFiles };
